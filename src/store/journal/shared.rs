//! [`Shared`]: what the commands of a store and the thread of its journal have in common.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use kvstore_protocol::CommandError;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    Settings,
    incoming::{Commit, Incoming, Run, push_encoded},
    policy::{AtomicFsync, Fsync},
    tail::Tail,
};
use crate::store::{
    latency::Latency,
    observers::{Interests, Observers},
};

/// The place of one who does not wait yet.
pub(super) const NOWHERE: u64 = 0;

/// The queue of the commits, how far they are on disk, and who waits.
#[derive(Debug)]
pub(super) struct Shared {
    observers: Arc<Observers>,
    policy: AtomicFsync,
    /// The most memory of commits that are not written, in bytes. Commands that write wait while there is more.
    max_pending: usize,
    /// The directory, for messages.
    path: String,
    state: Mutex<State>,
    /// Locked before the state, by whoever writes. `None` if there was no room for it to begin.
    tail: Option<Mutex<Tail>>,
    /// The number of the last commit that is written.
    written: AtomicU64,
    /// Wakes the thread.
    work: Condvar,
    /// Wakes those who wait for a cut.
    cut: Condvar,
    syncs: Syncs,
    /// Where what takes long is noted.
    pub(super) latency: OnceLock<Arc<Latency>>,
}

#[derive(Debug, Default)]
struct State {
    incoming: Vec<Incoming>,
    /// The memory of a run that is written.
    spare: Option<Run>,
    /// The memory of the commits that are not written.
    pending: usize,
    is_crowded: bool,
    health: Health,
    is_closing: bool,
    has_ended: bool,
    /// The number of commits that the thread waits for; 0 if it does not wait.
    awaited: usize,
    /// Whether the thread is to look again at what it has to do.
    has_news: bool,
    /// The number of the last commit that is on disk.
    synced: u64,
    /// Whether the thread knows of something to sync.
    has_unsynced: bool,
    cut: Cut,
    /// The bytes of all segments since the last cut.
    size: u64,
    waiting_for_write: BTreeMap<(u64, u64), Waker>,
    waiting_for_sync: BTreeMap<(u64, u64), Waker>,
    /// Those who want to know of a sync, but do not ask for one.
    watching_sync: BTreeMap<(u64, u64), Waker>,
    waiting_for_room: BTreeMap<u64, Waker>,
    next_ticket: u64,
}

/// A place in the journal at which a new segment begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Cut {
    #[default]
    None,
    /// It is to begin behind this commit.
    Wanted(u64),
    /// The thread has taken note.
    Noted,
    /// The number of the segment.
    Made(u64),
    /// There was no room for it.
    Failed(Arc<str>),
}

/// The syncs of the journal, for INFO.
#[derive(Debug, Default)]
struct Syncs {
    is_running: AtomicBool,
    /// How many took so long that the next one was late.
    delayed: AtomicU64,
}

/// Whether the journal takes commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    #[default]
    Good,
    /// The disk is full.
    Full(Arc<str>),
    /// Nobody knows what is on disk of the commits that are not synced.
    Failed(Arc<str>),
    /// The store is closed.
    Closed,
}

/// The place of a future that waits.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Ticket(u64);

/// Whether a command may write.
#[derive(Debug)]
pub(in super::super) enum Admission {
    Admitted,
    Refused(CommandError),
    /// There are many commits that are not written. It may when there are fewer.
    Later,
}

/// The journal has failed before a commit was on disk. The outcome is not known.
#[derive(Debug)]
pub(super) struct Lost(pub(super) Arc<str>);

impl Health {
    /// Whether nothing is written for now.
    pub(super) fn is_halted(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Failed(_))
    }

    /// Why a command may not write, and what helps. `path` is that of the directory.
    fn refusal(&self, path: &str) -> Option<CommandError> {
        let (reason, help) = match self {
            Self::Good => return None,
            Self::Closed => return Some(CommandError::new("ERR", "the store is closed")),
            Self::Full(reason) => (reason, "Writes are accepted again when there is room"),
            Self::Failed(reason) => (reason, REVIVAL),
        };
        let text = format!("Errors writing to the AOF file: {reason}: {path}. {help}");
        Some(CommandError::with_code("MISCONF", text))
    }
}

const REVIVAL: &str =
    "Writes are accepted again when a snapshot is saved in new files: that is tried from time to time, and by BGSAVE";

impl Shared {
    /// For the commits behind this tail. `path` is that of the directory.
    pub(super) fn new(observers: Arc<Observers>, settings: &Settings, path: String, tail: Option<Tail>) -> Self {
        let after = tail.as_ref().map_or(0, Tail::written);
        Self {
            observers,
            policy: AtomicFsync::new(settings.policy),
            max_pending: settings.max_pending,
            path,
            state: Mutex::new(State { synced: after, ..State::default() }),
            tail: tail.map(Mutex::new),
            written: AtomicU64::new(after),
            work: Condvar::new(),
            cut: Condvar::new(),
            syncs: Syncs::default(),
            latency: OnceLock::new(),
        }
    }

    /// The end of the journal, for its thread.
    pub(super) fn lock_tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.as_ref().expect("a thread is started with a tail").lock()
    }

    /// The end of the journal, if nobody holds it for longer.
    pub(super) fn try_lock_tail(&self, patience: Duration) -> Option<MutexGuard<'_, Tail>> {
        self.tail.as_ref()?.try_lock_for(patience)
    }

    /// Does something, and notes it if it takes long.
    pub(super) fn measured<T>(&self, event: &'static str, work: impl FnOnce() -> T) -> T {
        let latency = self.latency.get();
        let began = latency.and_then(|latency| latency.begin());
        let output = work();
        if let Some(latency) = latency {
            latency.end(event, began);
        }
        output
    }

    pub(super) fn policy(&self) -> Fsync {
        self.policy.get()
    }

    /// Changes the policy. The thread syncs by it from now on.
    pub(super) fn set_policy(&self, policy: Fsync) {
        self.policy.set(policy);
        self.observers.set(Interests::SETTLED, policy == Fsync::Always);
        self.wake_thread(&mut self.state.lock());
    }

    /// Lets the thread look again at what it has to do.
    pub(super) fn call_thread(&self) {
        self.wake_thread(&mut self.state.lock());
    }

    fn wake_thread(&self, state: &mut State) {
        state.has_news = true;
        state.awaited = 0;
        self.work.notify_one();
    }

    /// Adds a commit. The lock of its keys is held, so this waits for nothing. `is_held` says that somebody is about to write it.
    pub(super) fn add(&self, commit: Commit, is_held: bool) {
        let mut state = self.state.lock();
        if matches!(state.health, Health::Failed(_)) {
            return;
        }
        state.pending += commit.size;
        state.incoming.push(Incoming::One(commit));
        self.added(&mut state, is_held);
    }

    /// The same for one that `encode` appends to the others.
    pub(super) fn add_encoded(&self, number: u64, is_held: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        if matches!(state.health, Health::Failed(_)) {
            return;
        }
        let State { incoming, spare, pending, .. } = &mut *state;
        *pending += push_encoded(incoming, spare, number, encode);
        self.added(&mut state, is_held);
    }

    fn added(&self, state: &mut State, is_held: bool) {
        if state.pending > self.max_pending && !state.is_crowded {
            state.is_crowded = true;
            self.tell_halted(state);
        }
        if !is_held && state.awaited > 0 && state.incoming.len() >= state.awaited {
            state.awaited = 0;
            self.work.notify_one();
        }
    }

    /// Whether a command may write, and nothing is between its asking and its commit but its locks.
    pub(super) fn admission(&self) -> Admission {
        let state = self.state.lock();
        match state.health.refusal(&self.path) {
            Some(refusal) => Admission::Refused(refusal),
            None if state.is_crowded => Admission::Later,
            None => Admission::Admitted,
        }
    }

    /// Leaves a waker until there is room, in the place of the one before. Returns `None` if there is.
    pub(super) fn wait_for_room(&self, ticket: Option<Ticket>, waker: &Waker) -> Option<Ticket> {
        let mut state = self.state.lock();
        let is_admitted = !state.is_crowded || state.health != Health::Good;
        (!is_admitted).then(|| {
            let ticket = ticket.unwrap_or_else(|| state.ticket());
            state.waiting_for_room.insert(ticket.0, waker.clone());
            ticket
        })
    }

    /// Waits until a commit is on disk.
    pub(super) fn poll_synced(
        &self,
        number: u64,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<(), Lost>> {
        let mut state = self.state.lock();
        if state.synced >= number {
            return Poll::Ready(Ok(()));
        }
        if let Health::Failed(reason) = &state.health {
            return Poll::Ready(Err(Lost(Arc::clone(reason))));
        }
        let ticket = *ticket.get_or_insert_with(|| state.ticket());
        state.waiting_for_sync.insert((number, ticket.0), waker.clone());
        // Otherwise it is synced before long.
        if self.policy() == Fsync::No {
            self.wake_thread(&mut state);
        }
        Poll::Pending
    }

    /// Wakes when a commit is on disk, or the journal has failed or ended.
    pub(super) fn wake_when_synced(&self, number: u64, waker: Waker) {
        let mut state = self.state.lock();
        if state.synced >= number || state.has_ended || matches!(state.health, Health::Failed(_)) {
            drop(state);
            return waker.wake();
        }
        let ticket = state.ticket();
        state.watching_sync.insert((number, ticket.0), waker);
    }

    pub(super) fn is_synced(&self, number: u64) -> bool {
        self.state.lock().synced >= number
    }

    /// Whether somebody waits for a sync.
    pub(super) fn is_sync_awaited(&self) -> bool {
        !self.state.lock().waiting_for_sync.is_empty()
    }

    /// The number of the last commit that is on disk.
    pub(super) fn last_synced(&self) -> u64 {
        self.state.lock().synced
    }

    /// The number of the last commit that is written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Waits until a commit is written, or cannot be.
    pub(super) fn poll_written(&self, number: u64, place: &mut u64, waker: &Waker) -> Poll<()> {
        let mut state = self.state.lock();
        if self.written() >= number || state.health.is_halted() {
            return Poll::Ready(());
        }
        if *place == NOWHERE {
            *place = state.ticket().0;
        }
        state.waiting_for_write.insert((number, *place), waker.clone());
        self.wake_thread(&mut state);
        Poll::Pending
    }

    /// Notes that a sync begins or ends.
    pub(super) fn note_sync(&self, is_running: bool) {
        self.syncs.is_running.store(is_running, Ordering::Relaxed);
    }

    /// Notes that a sync took so long that the next one is late.
    pub(super) fn note_delayed_sync(&self) {
        self.syncs.delayed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.syncs.is_running.load(Ordering::Relaxed)
    }

    pub(super) fn delayed_syncs(&self) -> u64 {
        self.syncs.delayed.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        matches!(self.state.lock().health, Health::Full(_))
    }

    /// Whether nothing is written for now.
    pub(super) fn is_halted(&self) -> bool {
        self.state.lock().health.is_halted()
    }

    /// Whether the disk has failed.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state.lock().health, Health::Failed(_))
    }

    /// Whether commits are written.
    pub(super) fn is_healthy(&self) -> bool {
        matches!(self.state.lock().health, Health::Good | Health::Closed)
    }

    /// The memory of the commits that are not written, in bytes.
    pub(super) fn pending(&self) -> usize {
        self.state.lock().pending
    }

    /// Refuses what writes from now on.
    pub(super) fn stop_writes(&self) {
        let mut state = self.state.lock();
        if state.health == Health::Good || matches!(state.health, Health::Full(_)) {
            state.health = Health::Closed;
        }
        self.tell_halted(&state);
        self.wake_for_room(state);
    }

    /// Lets the thread end when it has written everything.
    pub(super) fn finish(&self) {
        self.state.lock().is_closing = true;
        self.work.notify_one();
    }

    /// Whether everything is on disk, after the thread has ended.
    pub(super) fn outcome(&self) -> Result<(), Arc<str>> {
        match &self.state.lock().health {
            Health::Full(reason) | Health::Failed(reason) => Err(Arc::clone(reason)),
            Health::Good | Health::Closed => Ok(()),
        }
    }

    /// Waits for so many commits, until `deadline` at most. Returns whether nothing more comes.
    pub(super) fn wait(&self, count: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.incoming.len() < count && !state.is_closing && !state.has_news {
            state.awaited = count;
            match deadline {
                None => self.work.wait(&mut state),
                Some(deadline) if self.work.wait_until(&mut state, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        state.awaited = 0;
        state.has_news = false;
        state.is_closing
    }

    /// Whether commits have come that nobody has taken.
    pub(super) fn has_come(&self) -> bool {
        !self.state.lock().incoming.is_empty()
    }

    /// Takes the commits that have come.
    pub(super) fn take(&self, tail: &mut Tail) {
        let mut state = self.state.lock();
        let cut = if let Cut::Wanted(number) = state.cut { Some(number) } else { None };
        if cut.is_some() {
            state.cut = Cut::Noted;
        }
        let incoming = mem::take(&mut state.incoming);
        drop(state);
        tail.add(incoming, cut);
    }

    /// Lets a new segment begin behind a commit, after which there is none yet.
    pub(super) fn want_cut(&self, number: u64) {
        let mut state = self.state.lock();
        state.cut = Cut::Wanted(number);
        self.wake_thread(&mut state);
    }

    /// Notes that this segment begins at the cut.
    pub(super) fn made_cut(&self, segment: u64) {
        self.state.lock().cut = Cut::Made(segment);
        self.cut.notify_all();
    }

    /// Notes that no segment begins at the cut.
    pub(super) fn cut_failed(&self, reason: String) {
        self.state.lock().cut = Cut::Failed(reason.into());
        self.cut.notify_all();
    }

    /// Waits for the segment that begins at the cut. Blocks the thread.
    pub(super) fn wait_for_cut(&self) -> Result<u64, Lost> {
        let mut state = self.state.lock();
        loop {
            match (&state.cut, &state.health) {
                (Cut::Made(segment), _) => return Ok(*segment),
                (Cut::Failed(reason), _) | (_, Health::Failed(reason)) => return Err(Lost(Arc::clone(reason))),
                _ if state.has_ended => return Err(Lost("the journal is closed".into())),
                _ => self.cut.wait(&mut state),
            }
        }
    }

    /// Notes that the thread has ended.
    pub(super) fn ended(&self) {
        let mut state = self.state.lock();
        state.has_ended = true;
        let woken = mem::take(&mut state.watching_sync);
        drop(state);
        self.cut.notify_all();
        woken.into_values().for_each(Waker::wake);
    }

    /// Notes the bytes of all segments since the last cut.
    pub(super) fn set_size(&self, size: u64) {
        self.state.lock().size = size;
    }

    /// The bytes of all segments since the last cut.
    pub(super) fn size(&self) -> u64 {
        self.state.lock().size
    }

    /// Notes that commits of so much memory are written, up to this one.
    pub(super) fn wrote(&self, memory: usize, spare: Option<Run>, number: u64) {
        let mut state = self.state.lock();
        state.spare = spare.or(state.spare.take());
        state.pending -= memory;
        self.written.store(number, Ordering::Release);
        if !mem::replace(&mut state.has_unsynced, true) && self.policy() == Fsync::EverySec {
            self.wake_thread(&mut state);
        }
        let woken = up_to(&mut state.waiting_for_write, number);
        self.noted_room(state);
        woken.into_values().for_each(Waker::wake);
    }

    /// Notes that there is room on the disk again.
    pub(super) fn has_room(&self) {
        // There may be no commit: a cut has found that the disk is full.
        self.noted_room(self.state.lock());
    }

    fn noted_room(&self, mut state: MutexGuard<'_, State>) {
        let is_full = matches!(state.health, Health::Full(_));
        if is_full {
            state.health = if state.is_closing { Health::Closed } else { Health::Good };
            tracing::info!("the disk has room again");
        }
        if is_full || (state.is_crowded && state.pending <= self.max_pending / 2) {
            state.is_crowded = state.pending > self.max_pending / 2;
            self.tell_halted(&state);
            self.wake_for_room(state);
        }
    }

    /// Notes that the commits up to this one are on disk.
    pub(super) fn synced(&self, number: u64) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        state.synced = number;
        state.has_unsynced = self.written() > number;
        let [waiting, watching] =
            [&mut state.waiting_for_sync, &mut state.watching_sync].map(|wakers| up_to(wakers, number));
        drop(guard);
        waiting.into_values().chain(watching.into_values()).for_each(Waker::wake);
    }

    /// Notes that the disk is full.
    pub(super) fn full(&self, reason: String) {
        let mut state = self.state.lock();
        if state.health == Health::Good {
            tracing::error!(reason, "the disk of the journal is full: writes are refused until there is room");
            state.health = Health::Full(reason.into());
            self.tell_halted(&state);
            let woken = mem::take(&mut state.waiting_for_write);
            self.wake_for_room(state);
            woken.into_values().for_each(Waker::wake);
        }
    }

    /// Notes that the disk has failed.
    pub(super) fn fail(&self, reason: String) {
        let mut state = self.state.lock();
        tracing::error!(
            reason,
            "the journal has failed: writes are refused, and the outcome of the last ones is unknown"
        );
        state.health = Health::Failed(reason.into());
        state.incoming.clear();
        self.tell_halted(&state);
        let (waiting, watching) = (mem::take(&mut state.waiting_for_sync), mem::take(&mut state.watching_sync));
        let writing = mem::take(&mut state.waiting_for_write);
        self.cut.notify_all();
        self.wake_for_room(state);
        let woken = waiting.into_values().chain(watching.into_values()).chain(writing.into_values());
        woken.for_each(Waker::wake);
    }

    /// Tells the commands whether they may write without asking.
    fn tell_halted(&self, state: &State) {
        self.observers.set(Interests::JOURNAL_HALTED, state.is_crowded || state.health != Health::Good);
    }

    fn wake_for_room(&self, mut state: MutexGuard<'_, State>) {
        let woken = mem::take(&mut state.waiting_for_room);
        drop(state);
        woken.into_values().for_each(Waker::wake);
    }
}

/// Takes those who wait for a number up to this one.
fn up_to(waiting: &mut BTreeMap<(u64, u64), Waker>, number: u64) -> BTreeMap<(u64, u64), Waker> {
    if waiting.is_empty() {
        return BTreeMap::new();
    }
    let later = waiting.split_off(&(number + 1, 0));
    mem::replace(waiting, later)
}

impl State {
    fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }
}
