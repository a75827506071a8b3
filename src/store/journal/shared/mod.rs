//! [`Shared`]: what the commands of a store and the thread of its journal have in common.
//!
//! This file has the queue of the commits; `health` says whether the journal takes them, `waiting` has those who wait for it, and `cut` the
//! places at which it goes on in a new segment.

mod cut;
mod health;
mod waiting;

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

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
use cut::Cut;
use waiting::up_to;

pub(in crate::store) use health::Admission;
pub(super) use health::Health;
pub(in crate::store) use waiting::Ticket;
pub(super) use waiting::{Lost, NOWHERE};

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
    /// The number of the last commit that is on disk. Changed under the lock of the state.
    synced: AtomicU64,
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
    /// How many commits these are.
    commits: usize,
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

/// The syncs of the journal, for INFO.
#[derive(Debug, Default)]
struct Syncs {
    is_running: AtomicBool,
    /// How many took so long that the next one was late.
    delayed: AtomicU64,
}

impl Shared {
    /// For the commits behind this tail. `path` is that of the directory.
    pub(super) fn new(observers: Arc<Observers>, settings: &Settings, path: String, tail: Option<Tail>) -> Self {
        let after = tail.as_ref().map_or(0, Tail::written);
        Self {
            observers,
            policy: AtomicFsync::new(settings.policy),
            max_pending: settings.max_pending,
            path,
            state: Mutex::default(),
            tail: tail.map(Mutex::new),
            written: AtomicU64::new(after),
            synced: AtomicU64::new(after),
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
        self.call_thread();
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
        state.commits += 1;
        if !is_held {
            self.wake_thread_for_commits(state);
        }
    }

    /// Wakes the thread if it waits for no more commits than have come.
    fn wake_thread_for_commits(&self, state: &mut State) {
        if state.awaited > 0 && state.commits >= state.awaited {
            state.awaited = 0;
            self.work.notify_one();
        }
    }

    pub(super) fn is_synced(&self, number: u64) -> bool {
        self.last_synced() >= number
    }

    /// The number of the last commit that is on disk.
    pub(super) fn last_synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    /// The number of the last commit that is written.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
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

    /// The memory of the commits that are not written, in bytes.
    pub(super) fn pending(&self) -> usize {
        self.state.lock().pending
    }

    /// Lets the thread end when it has written everything.
    pub(super) fn finish(&self) {
        self.state.lock().is_closing = true;
        self.work.notify_one();
    }

    /// Waits for so many commits, until `deadline` at most. Returns whether nothing more comes.
    pub(super) fn wait(&self, count: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.commits < count && !state.is_closing && !state.has_news {
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
        self.state.lock().commits > 0
    }

    /// Takes the commits that have come.
    pub(super) fn take(&self, tail: &mut Tail) {
        let mut state = self.state.lock();
        let cut = if let Cut::Wanted(number) = state.cut { Some(number) } else { None };
        if cut.is_some() {
            state.cut = Cut::Noted;
        }
        state.commits = 0;
        let incoming = mem::take(&mut state.incoming);
        drop(state);
        tail.add(incoming, cut);
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
        // Before that the thread had nothing to sync, and does not know when.
        if self.written() == self.last_synced() && self.policy() == Fsync::EverySec {
            self.wake_thread(&mut state);
        }
        self.written.store(number, Ordering::Release);
        let woken = up_to(&mut state.waiting_for_write, number);
        self.noted_room(state);
        woken.into_values().for_each(Waker::wake);
    }

    /// Notes that the commits up to this one are on disk.
    pub(super) fn synced(&self, number: u64) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        self.synced.store(number, Ordering::Release);
        let [waiting, watching] =
            [&mut state.waiting_for_sync, &mut state.watching_sync].map(|wakers| up_to(wakers, number));
        drop(guard);
        waiting.into_values().chain(watching.into_values()).for_each(Waker::wake);
    }
}
