//! [`WaitQueues`]: the commands that wait for each key.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use foldhash::quality::RandomState;
use kvstore_protocol::Response;
use parking_lot::Mutex;

use super::{Awaited, KeyName, Waiter};
use crate::store::observers::{Interests, Observers};

/// The queues of all keys that commands wait for.
///
/// A command enters the queue of a key while the lock of the key is held, and leaves at any time.
#[derive(Debug)]
pub(in super::super) struct WaitQueues {
    queues: Mutex<HashMap<KeyName, Queue, RandomState>>,
    /// The number of commands that wait, for keys or for time.
    waiters: AtomicUsize,
    /// The number of those that will change another key. Mostly there are none, and nobody need look for them.
    movers: AtomicUsize,
    next_ticket: AtomicU64,
    observers: Arc<Observers>,
}

/// The commands that wait for one key, first come first served.
#[derive(Debug, Default)]
struct Queue {
    waiters: BTreeMap<u64, Arc<Waiter>>,
    /// The other keys that some of them will change, with their number for each key.
    destinations: HashMap<KeyName, usize>,
    /// The number of those that wait for any change.
    for_change: usize,
}

impl WaitQueues {
    pub(in super::super) fn new(observers: Arc<Observers>) -> Self {
        let (waiters, movers) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { queues: Mutex::default(), waiters, movers, next_ticket: AtomicU64::new(0), observers }
    }

    /// A number for the next command that waits.
    pub(super) fn ticket(&self) -> u64 {
        self.next_ticket.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of commands that wait.
    pub(in super::super) fn len(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// The number of keys that commands wait for.
    pub(in super::super) fn keys(&self) -> usize {
        self.queues.lock().len()
    }

    /// The number of keys of which commands wait for any change.
    pub(in super::super) fn keys_for_change(&self) -> usize {
        self.queues.lock().values().filter(|queue| queue.for_change > 0).count()
    }

    /// Adds a command to the queues of its keys, which are locked.
    pub(super) fn enter(&self, waiter: &Arc<Waiter>) {
        self.waiters.fetch_add(1, Ordering::Relaxed);
        self.movers.fetch_add(usize::from(waiter.destination.is_some()), Ordering::Relaxed);
        let mut queues = self.queues.lock();
        for key in &waiter.keys {
            queues.entry(key.clone()).or_default().add(waiter);
        }
        self.observers.set(Interests::WAITERS, !queues.is_empty());
    }

    /// Removes a command that is served from the queues where it still stands.
    pub(super) fn remove(&self, waiter: &Waiter) {
        let mut queues = self.queues.lock();
        for key in &waiter.keys {
            let Some(queue) = queues.get_mut(key) else { continue };
            queue.remove(waiter);
            if queue.waiters.is_empty() {
                queues.remove(key);
            }
        }
        self.observers.set(Interests::WAITERS, !queues.is_empty());
    }

    /// The same for a command that waits no more.
    pub(super) fn leave(&self, waiter: &Waiter) {
        self.remove(waiter);
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        self.movers.fetch_sub(usize::from(waiter.destination.is_some()), Ordering::Relaxed);
    }

    /// Whether commands wait that will change another key than the one that they wait for.
    #[inline]
    pub(super) fn has_movers(&self) -> bool {
        self.movers.load(Ordering::Relaxed) > 0
    }

    /// Answers all commands that wait for keys, and are not being served.
    pub(in super::super) fn end_all(&self, answer: &Response) {
        let waiters: Vec<_> = self.queues.lock().values().flat_map(|queue| queue.waiters.values().cloned()).collect();
        let claims = waiters.iter().filter_map(|waiter| waiter.claim());
        claims.for_each(|claim| drop(claim.serve(answer.clone())));
    }

    /// The first command in the queue of a key behind a ticket.
    pub(super) fn next(&self, key: &KeyName, behind: Option<u64>) -> Option<Arc<Waiter>> {
        let queues = self.queues.lock();
        let start = behind.map_or(0, |ticket| ticket + 1);
        queues.get(key)?.waiters.range(start..).next().map(|(_, waiter)| Arc::clone(waiter))
    }

    /// Whether commands wait for any change of a key.
    pub(super) fn awaits_change(&self, key: &KeyName) -> bool {
        self.queues.lock().get(key).is_some_and(|queue| queue.for_change > 0)
    }

    /// Whether commands wait for a key.
    pub(in super::super) fn has(&self, key: &KeyName) -> bool {
        self.queues.lock().contains_key(key)
    }

    /// The keys of a database that commands wait for.
    pub(super) fn keys_of(&self, database: usize) -> Vec<Bytes> {
        let queues = self.queues.lock();
        queues.keys().filter(|key| key.0 == database).map(|key| key.1.clone()).collect()
    }

    /// The other keys that may change when the queues of `keys` are served, and then theirs.
    pub(super) fn destinations(&self, keys: impl Iterator<Item = KeyName>) -> Vec<KeyName> {
        let queues = self.queues.lock();
        let (mut found, mut seen) = (Vec::new(), HashSet::new());
        let mut open: Vec<_> = keys.collect();
        while let Some(key) = open.pop() {
            let Some(queue) = queues.get(&key) else { continue };
            let new = queue.destinations.keys().filter(|destination| seen.insert((*destination).clone()));
            open.extend(new.cloned().inspect(|destination| found.push(destination.clone())));
        }
        found
    }
}

impl Queue {
    fn add(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.insert(waiter.ticket, Arc::clone(waiter));
        self.for_change += usize::from(waiter.wait.what == Awaited::Change);
        if let Some(destination) = &waiter.destination {
            *self.destinations.entry(destination.clone()).or_default() += 1;
        }
    }

    fn remove(&mut self, waiter: &Waiter) {
        if self.waiters.remove(&waiter.ticket).is_none() {
            return;
        }
        self.for_change -= usize::from(waiter.wait.what == Awaited::Change);
        let Some(destination) = &waiter.destination else { return };
        if let Some(count) = self.destinations.get_mut(destination) {
            *count -= 1;
            if *count == 0 {
                self.destinations.remove(destination);
            }
        }
    }
}
