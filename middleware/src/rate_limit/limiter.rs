use std::{
    fmt,
    hash::RandomState,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use kvstore_protocol::Command;
use tokio::time::Instant;

use super::{
    bucket::{Arrival, Bucket, Left, Place, Ticket},
    key::{Key, Owner},
    keys::Keys,
    rate::Rate,
};

/// As how many commands one counts.
pub(super) type Cost = dyn Fn(&Command) -> u32 + Send + Sync;

/// What a layer is told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) rate: Rate,
    pub(super) key: Key,
    pub(super) cost: Option<Arc<Cost>>,
    pub(super) max_keys: usize,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, key, cost, max_keys } = self;
        let mut settings = f.debug_struct("Settings");
        settings.field("rate", rate).field("key", key).field("has_cost", &cost.is_some());
        settings.field("max_keys", max_keys).finish()
    }
}

/// What the services of a layer share.
#[derive(Debug)]
pub(super) struct Limiter {
    settings: Settings,
    /// Times are counted from here.
    start: Instant,
    common: Mutex<Bucket>,
    /// A power of two of them. The places are shared out evenly, so that keys, whose hashes are even too, find them.
    shards: Box<[Mutex<Keys>]>,
    secret: RandomState,
}

/// How many locks there are for keys, unless these are few.
const SHARDS: usize = 16;

/// With fewer keys a shard may be full though others have room.
const KEYS_PER_SHARD: usize = 1024;

impl Limiter {
    pub(super) fn new(settings: Settings) -> Self {
        let shards = if settings.max_keys >= SHARDS * KEYS_PER_SHARD { SHARDS } else { 1 };
        let keys = settings.max_keys / shards;
        Self {
            settings,
            start: Instant::now(),
            common: Mutex::default(),
            shards: (0..shards).map(|_| Mutex::new(Keys::new(keys))).collect(),
            secret: RandomState::new(),
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// In which bucket a command counts, and for how many; `None` when it does not.
    pub(super) fn owner_and_cost(&self, command: &Command) -> Option<(Owner, u32)> {
        let cost = self.settings.cost.as_ref().map_or(1, |cost| cost(command));
        if cost == 0 {
            return None;
        }
        Some((self.settings.key.owner(command, &self.secret)?, cost))
    }

    /// Lets a command through, or into the queue. A key that finds no place is counted with others from here on.
    pub(super) fn arrive(&self, owner: &mut Owner, cost: u32, patience: Duration) -> Arrival {
        let (rate, now) = (&self.settings.rate, self.now());
        if let Owner::Key(key) = *owner {
            if let Some(bucket) = lock(self.shard(key)).known_or_new(key, rate, now) {
                return bucket.arrive(rate, cost, patience, now);
            }
            *owner = Owner::Common;
        }
        lock(&self.common).arrive(rate, cost, patience, now)
    }

    pub(super) fn poll(&self, owner: Owner, ticket: Ticket, waker: &Waker) -> Place {
        let now = self.now();
        let poll = |bucket: &mut Bucket| bucket.poll(ticket, &self.settings.rate, now, waker);
        self.with_known(owner, poll).unwrap_or_else(|| Place::Passed(Left::default()))
    }

    /// Takes a waiter out of its queue, and wakes the one behind it.
    pub(super) fn leave(&self, owner: Owner, ticket: Ticket) {
        if let Some(left) = self.with_known(owner, |bucket| bucket.leave(ticket)) {
            left.wake_next();
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.shards.iter().map(|keys| lock(keys).len()).sum()
    }

    /// A bucket in which somebody waits; such a one is never forgotten.
    fn with_known<T>(&self, owner: Owner, f: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        match owner {
            Owner::Common => Some(f(&mut lock(&self.common))),
            Owner::Key(key) => lock(self.shard(key)).known(key).map(f),
        }
    }

    fn shard(&self, key: u64) -> &Mutex<Keys> {
        // The table inside uses the bits at both ends.
        &self.shards[(key >> 32) as usize & (self.shards.len() - 1)]
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
