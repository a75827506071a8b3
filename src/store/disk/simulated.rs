//! [`SimulatedDisk`]: a disk in memory that fails and crashes on demand, the same way for the same seed.

use std::{collections::BTreeMap, io, sync::Arc};

use fastrand::Rng;
use parking_lot::{Condvar, Mutex};

use super::{DirectoryLock, Disk, DiskFile};

/// A disk in memory. Clones share it.
#[derive(Clone, Debug)]
pub(in super::super) struct SimulatedDisk(Arc<Mutex<State>>, Arc<Condvar>);

/// What a power loss leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum PowerLoss {
    /// Nothing.
    LosesAll,
    /// Everything.
    LosesNothing,
    /// What was written first, up to a page of this size.
    KeepsPrefix(usize),
    /// Any pages of this size, and any changes of names.
    KeepsAny(usize),
}

#[derive(Debug)]
struct State {
    random: Rng,
    operations: u64,
    /// The operation from which on all fail.
    crash_at: Option<u64>,
    /// The number of restarts: files that were opened before a restart are closed.
    restarts: u64,
    is_locked: bool,
    /// The most bytes of all files together.
    capacity: usize,
    fails_sync: bool,
    fails_write: bool,
    is_sync_full: bool,
    interrupts: bool,
    holds_syncs: bool,
    /// How many syncs are held.
    held: usize,
    syncs: u64,
    reads_short: bool,
    names: Names,
    durable_names: Names,
    unsynced_names: Vec<NameChange>,
    files: Vec<Content>,
}

/// The files by name, as indices of `files`.
type Names = BTreeMap<String, usize>;

#[derive(Debug)]
enum NameChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
struct Content {
    current: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<ContentChange>,
}

#[derive(Clone, Debug)]
enum ContentChange {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl SimulatedDisk {
    pub(in super::super) fn new(seed: u64) -> Self {
        let state = State {
            random: Rng::with_seed(seed),
            operations: 0,
            crash_at: None,
            restarts: 0,
            is_locked: false,
            capacity: usize::MAX,
            fails_sync: false,
            fails_write: false,
            is_sync_full: false,
            interrupts: false,
            holds_syncs: false,
            held: 0,
            syncs: 0,
            reads_short: false,
            names: Names::new(),
            durable_names: Names::new(),
            unsynced_names: Vec::new(),
            files: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)), Arc::default())
    }

    /// Another disk with the same files, all of which are synced there.
    pub(in super::super) fn copy(&self) -> Self {
        let (state, copy) = (self.0.lock(), Self::new(0));
        let mut copied = copy.0.lock();
        for (name, file) in &state.names {
            let current = state.files[*file].current.clone();
            copied.files.push(Content { durable: current.clone(), current, unsynced: Vec::new() });
            let index = copied.files.len() - 1;
            copied.names.insert(name.clone(), index);
        }
        copied.durable_names = copied.names.clone();
        drop(copied);
        copy
    }

    /// The number of operations so far.
    pub(in super::super) fn operations(&self) -> u64 {
        self.0.lock().operations
    }

    /// Fails every operation from the `count`th from now on, which may be done in part.
    pub(in super::super) fn crash_after(&self, count: u64) {
        let mut state = self.0.lock();
        state.crash_at = Some(state.operations + count);
    }

    pub(in super::super) fn has_crashed(&self) -> bool {
        self.0.lock().has_crashed()
    }

    /// The process was killed: all files are closed, and what was not synced is still in the cache of the system.
    pub(in super::super) fn restart(&self) {
        let mut state = self.0.lock();
        state.crash_at = None;
        state.restarts += 1;
        state.is_locked = false;
        (state.fails_sync, state.fails_write) = (false, false);
        state.holds_syncs = false;
    }

    /// The machine lost its power, and is started again.
    pub(in super::super) fn lose_power(&self, loss: PowerLoss) {
        self.restart();
        self.0.lock().lose_power(loss);
    }

    /// Sets the most bytes of all files together.
    pub(in super::super) fn set_capacity(&self, capacity: usize) {
        self.0.lock().capacity = capacity;
    }

    pub(in super::super) fn size(&self) -> usize {
        self.0.lock().size()
    }

    /// Fails every sync from now on.
    pub(in super::super) fn fail_syncs(&self) {
        self.0.lock().fails_sync = true;
    }

    /// The same because there is no room.
    pub(in super::super) fn fail_syncs_for_want_of_room(&self) {
        let mut state = self.0.lock();
        (state.fails_sync, state.is_sync_full) = (true, true);
    }

    /// Writes and reads a few bytes at a time from now on, and interrupts some calls.
    pub(in super::super) fn interrupt(&self) {
        let mut state = self.0.lock();
        (state.interrupts, state.reads_short) = (true, true);
    }

    /// Fails every write from now on.
    pub(in super::super) fn fail_writes(&self) {
        self.0.lock().fails_write = true;
    }

    /// Fails no sync and no write any more.
    pub(in super::super) fn heal(&self) {
        let mut state = self.0.lock();
        (state.fails_sync, state.is_sync_full, state.fails_write) = (false, false, false);
    }

    /// Whether every sync of a file takes until it is held no more.
    pub(in super::super) fn hold_syncs(&self, holds: bool) {
        self.0.lock().holds_syncs = holds;
        self.1.notify_all();
    }

    /// Waits until a sync is held.
    pub(in super::super) fn wait_for_held_sync(&self) {
        self.1.wait_while(&mut self.0.lock(), |state| state.held == 0);
    }

    /// The number of syncs of files so far.
    pub(in super::super) fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Reads a few bytes at a time from now on.
    pub(in super::super) fn read_short(&self) {
        self.0.lock().reads_short = true;
    }

    /// Flips a bit of a file, where it lies.
    pub(in super::super) fn flip_bit(&self, name: &str, bit: usize) {
        self.edit(name, |content| content[bit / 8] ^= 1 << (bit % 8));
    }

    /// Changes the content of a file, where it lies.
    pub(in super::super) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let file = state.names[name];
        let file = &mut state.files[file];
        change(&mut file.current);
        file.durable.clone_from(&file.current);
        file.unsynced.clear();
    }

    /// The content of a file.
    pub(in super::super) fn content(&self, name: &str) -> Vec<u8> {
        let state = self.0.lock();
        state.files[state.names[name]].current.clone()
    }

    fn file(&self, index: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { disk: self.clone(), restarts: self.0.lock().restarts, index })
    }
}

impl State {
    fn has_crashed(&self) -> bool {
        self.crash_at.is_some_and(|at| self.operations >= at)
    }

    /// Counts an operation. Whether it is the one at which the machine crashes.
    ///
    /// # Errors
    /// If it has crashed before.
    fn begin(&mut self) -> io::Result<bool> {
        if self.has_crashed() {
            return Err(crashed());
        }
        self.operations += 1;
        Ok(self.has_crashed())
    }

    /// Counts an operation that is done wholly or not at all.
    fn begin_whole(&mut self) -> io::Result<()> {
        if self.begin()? && self.random.bool() { Err(crashed()) } else { Ok(()) }
    }

    fn size(&self) -> usize {
        self.names.values().map(|file| self.files[*file].current.len()).sum()
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }

    fn lose_power(&mut self, loss: PowerLoss) {
        for change in kept(std::mem::take(&mut self.unsynced_names), loss, &mut self.random) {
            change.apply(&mut self.durable_names);
        }
        self.names.clone_from(&self.durable_names);
        for file in &mut self.files {
            let pages = std::mem::take(&mut file.unsynced).into_iter().flat_map(|change| change.pages(loss.page()));
            for change in kept(pages.collect(), loss, &mut self.random) {
                change.apply(&mut file.durable);
            }
            file.current.clone_from(&file.durable);
        }
    }

    fn write(&mut self, file: usize, bytes: &[u8], offset: usize) -> io::Result<usize> {
        let crashes = self.begin()?;
        if self.fails_write && !crashes {
            return Err(failed());
        }
        if self.interrupts && self.random.u8(0..3) == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = if self.interrupts { self.random.usize(1..=100) } else { usize::MAX };
        let bytes = &bytes[..bytes.len().min(most)];
        let grown = (offset + bytes.len()).saturating_sub(self.files[file].current.len());
        let excess = (self.size() + grown).saturating_sub(self.capacity).min(grown);
        let mut length = bytes.len() - excess.min(bytes.len());
        if crashes {
            length = self.random.usize(0..=length);
        } else if length == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.files[file].change(ContentChange::Write(offset, bytes[..length].to_vec()));
        if crashes { Err(crashed()) } else { Ok(length) }
    }

    fn sync(&mut self, file: usize) -> io::Result<()> {
        if self.begin()? {
            return Err(crashed());
        }
        self.syncs += 1;
        // The system drops what it could not write, and the next sync knows nothing of it.
        let loss = if self.fails_sync { PowerLoss::KeepsAny(512) } else { PowerLoss::LosesNothing };
        let content = &mut self.files[file];
        let pages = std::mem::take(&mut content.unsynced).into_iter().flat_map(|change| change.pages(loss.page()));
        for change in kept(pages.collect(), loss, &mut self.random) {
            change.apply(&mut content.durable);
        }
        match () {
            () if self.is_sync_full => Err(io::ErrorKind::StorageFull.into()),
            () if self.fails_sync => Err(failed()),
            () => Ok(()),
        }
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.begin_whole()?;
        if self.fails_sync {
            return Err(failed());
        }
        self.unsynced_names.clear();
        self.durable_names.clone_from(&self.names);
        Ok(())
    }
}

impl PowerLoss {
    fn page(self) -> usize {
        match self {
            Self::KeepsPrefix(page) | Self::KeepsAny(page) => page,
            Self::LosesAll | Self::LosesNothing => 4096,
        }
    }
}

/// The changes that a power loss leaves.
fn kept<T>(mut changes: Vec<T>, loss: PowerLoss, random: &mut Rng) -> Vec<T> {
    match loss {
        PowerLoss::LosesAll => changes.clear(),
        PowerLoss::LosesNothing => {}
        PowerLoss::KeepsPrefix(_) => changes.truncate(random.usize(0..=changes.len())),
        PowerLoss::KeepsAny(_) => changes.retain(|_| random.bool()),
    }
    changes
}

impl NameChange {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Create(name, file) => _ = names.insert(name.clone(), *file),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => _ = names.remove(name),
        }
    }
}

impl Content {
    fn change(&mut self, change: ContentChange) {
        change.apply(&mut self.current);
        self.unsynced.push(change);
    }
}

impl ContentChange {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(bytes);
            }
            Self::Truncate(size) => content.resize(*size, 0),
        }
    }

    /// The same in pages.
    fn pages(self, size: usize) -> Vec<Self> {
        let Self::Write(mut offset, bytes) = self else { return vec![self] };
        let (mut pages, mut rest) = (Vec::new(), &bytes[..]);
        while !rest.is_empty() {
            let (page, after) = rest.split_at((size - offset % size).min(rest.len()));
            pages.push(Self::Write(offset, page.to_vec()));
            (offset, rest) = (offset + page.len(), after);
        }
        pages
    }
}

fn failed() -> io::Error {
    io::Error::other("the device failed")
}

fn crashed() -> io::Error {
    io::Error::other("the machine has crashed")
}

impl Disk for SimulatedDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        if state.names.contains_key(name) {
            state.change_names(NameChange::Remove(name.to_owned()));
            state.sync_names()?;
        }
        let index = state.files.len();
        state.files.push(Content::default());
        state.change_names(NameChange::Create(name.to_owned(), index));
        drop(state);
        Ok(self.file(index))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        let index = state.find(name)?;
        drop(state);
        Ok(self.file(index))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        state.find(from)?;
        state.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        state.find(name)?;
        state.change_names(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.0.lock().sync_names()
    }

    fn lock(&self) -> io::Result<Box<dyn DirectoryLock>> {
        let mut state = self.0.lock();
        state.begin_whole()?;
        if std::mem::replace(&mut state.is_locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimulatedLock { disk: self.clone(), restarts: state.restarts }))
    }

    fn path_of(&self, name: &str) -> String {
        format!("simulated/{name}")
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    restarts: u64,
    index: usize,
}

impl SimulatedFile {
    fn with<R>(&self, work: impl FnOnce(&mut State) -> io::Result<R>) -> io::Result<R> {
        let mut state = self.disk.0.lock();
        if state.restarts == self.restarts { work(&mut state) } else { Err(crashed()) }
    }
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        self.with(|state| {
            state.begin_whole()?;
            Ok(state.files[self.index].current.len() as u64)
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|state| {
            state.begin_whole()?;
            if state.interrupts && state.random.u8(0..3) == 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let content = &state.files[self.index].current;
            let rest = &content[content.len().min(offset as usize)..];
            let most = if state.reads_short { state.random.usize(1..=100) } else { usize::MAX };
            let length = rest.len().min(buffer.len()).min(most);
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|state| state.write(self.index, bytes, offset as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.held += 1;
        self.disk.1.notify_all();
        self.disk.1.wait_while(&mut state, |state| state.holds_syncs);
        state.held -= 1;
        drop(state);
        self.with(|state| state.sync(self.index))
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.with(|state| {
            state.begin_whole()?;
            state.files[self.index].change(ContentChange::Truncate(size as usize));
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: SimulatedDisk,
    restarts: u64,
}

impl DirectoryLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        let mut state = self.disk.0.lock();
        if state.restarts == self.restarts {
            state.is_locked = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with a durable file of three pages, of which two were overwritten and not synced.
    fn written() -> SimulatedDisk {
        let disk = SimulatedDisk::new(1);
        let file = disk.create("f").unwrap();
        file.write_all_at(&[1; 1536], 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_directory().unwrap();
        file.write_all_at(&[2; 1024], 512).unwrap();
        disk
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced() {
        let disk = written();
        disk.restart();
        assert_eq!(disk.content("f")[512..], [2; 1024]);
        disk.lose_power(PowerLoss::LosesAll);
        assert_eq!(disk.content("f"), [1; 1536]);
        let disk = written();
        disk.lose_power(PowerLoss::LosesNothing);
        assert_eq!(disk.content("f")[512..], [2; 1024]);
    }

    #[test]
    fn any_pages_may_be_lost() {
        let lost = |loss| {
            let disk = written();
            disk.0.lock().random = Rng::new();
            disk.lose_power(loss);
            let content = disk.content("f");
            [content[512], content[1023], content[1024], content[1535]]
        };
        let of_prefix: std::collections::BTreeSet<_> = (0..100).map(|_| lost(PowerLoss::KeepsPrefix(512))).collect();
        assert_eq!(of_prefix, [[1; 4], [2, 2, 1, 1], [2; 4]].into());
        let of_any: std::collections::BTreeSet<_> = (0..100).map(|_| lost(PowerLoss::KeepsAny(512))).collect();
        assert_eq!(of_any, [[1; 4], [2, 2, 1, 1], [1, 1, 2, 2], [2; 4]].into());
    }

    #[test]
    fn a_name_is_lost_until_the_directory_is_synced() {
        let disk = written();
        disk.rename("f", "g").unwrap();
        disk.create("h").unwrap();
        disk.lose_power(PowerLoss::LosesAll);
        assert_eq!(disk.list().unwrap(), ["f"]);
        disk.rename("f", "g").unwrap();
        disk.sync_directory().unwrap();
        disk.lose_power(PowerLoss::LosesAll);
        assert_eq!(disk.list().unwrap(), ["g"]);
    }

    #[test]
    fn what_a_failed_sync_has_not_written_is_never_written() {
        let is_lost = |seed| {
            let disk = written();
            let file = disk.open("f").unwrap();
            disk.0.lock().random = Rng::with_seed(seed);
            disk.fail_syncs();
            assert!(file.sync_data().is_err());
            disk.0.lock().fails_sync = false;
            file.sync_data().unwrap();
            assert_eq!(disk.content("f")[512..], [2; 1024]);
            disk.lose_power(PowerLoss::LosesNothing);
            disk.content("f")[512..].contains(&1)
        };
        assert!((0..10).any(is_lost));
    }

    #[test]
    fn every_operation_after_a_crash_fails_until_the_restart() {
        let disk = written();
        let file = disk.open("f").unwrap();
        disk.crash_after(1);
        assert!(file.write_all_at(&[3; 10], 0).is_err() && disk.has_crashed());
        assert!(file.size().is_err() && disk.list().is_err());
        disk.restart();
        assert!(file.size().is_err() && disk.list().is_ok());
    }

    #[test]
    fn a_full_disk_takes_what_fits() {
        let disk = written();
        let file = disk.open("f").unwrap();
        disk.set_capacity(1600);
        assert_eq!(file.write_at(&[3; 100], 1536).unwrap(), 64);
        assert_eq!(file.write_at(&[3; 100], 1600).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.write_at(&[3; 100], 0).unwrap(), 100);
    }
}
