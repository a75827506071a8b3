//! Files that are set aside: nothing is deleted.

use std::io;

use crate::store::disk::Disk;

/// A file that is not complete.
const NEW: &str = "repair-new";

/// The bytes that are copied at once.
const COPY: usize = 1 << 20;

/// The name of a file that is set aside. No other has it.
pub(super) fn free_name(disk: &dyn Disk, name: &str) -> io::Result<String> {
    let names = disk.list()?;
    let others = (2_u64..).map(|number| format!("{name}.damaged-{number}"));
    let mut all = std::iter::once(format!("{name}.damaged")).chain(others);
    all.find(|free| !names.contains(free)).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// Copies the first bytes of a file. The copy is durable, and gets its name, when it is whole.
pub(super) fn copy(disk: &dyn Disk, from: &str, to: &str, size: u64) -> io::Result<()> {
    let (file, new) = (disk.open(from)?, disk.create(NEW)?);
    let mut offset = 0;
    while offset < size {
        let mut bytes = vec![0; (size - offset).min(COPY as u64) as usize];
        file.read_exact_at(&mut bytes, offset)?;
        new.write_all_at(&bytes, offset)?;
        offset += bytes.len() as u64;
    }
    new.sync_data()?;
    disk.rename(NEW, to)?;
    disk.sync_directory()
}

/// Keeps a copy of a file under another name.
pub(super) fn keep_copy(disk: &dyn Disk, name: &str) -> io::Result<()> {
    let size = disk.open(name)?.size()?;
    copy(disk, name, &free_name(disk, name)?, size)
}
