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
    bucket::{Arrival, Bucket, QueuePosition, RemovedWaiter, Ticket},
    key::{BucketId, RateLimitKey},
    keys::Keys,
    queued::QueuedCommand,
    rate::Rate,
};

/// The cost of a command.
pub(super) type Cost = dyn Fn(&Command) -> u32 + Send + Sync;

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct RateLimitSettings {
    pub(super) rate: Rate,
    pub(super) key: RateLimitKey,
    pub(super) cost: Option<Arc<Cost>>,
    pub(super) max_keys: usize,
}

impl fmt::Debug for RateLimitSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, key, cost, max_keys } = self;
        let mut settings = f.debug_struct("RateLimitSettings");
        settings.field("rate", rate).field("key", key).field("has_cost", &cost.is_some());
        settings.field("max_keys", max_keys).finish()
    }
}

/// The counts that the services of a layer share.
#[derive(Debug)]
pub(super) struct Limiter {
    settings: RateLimitSettings,
    /// The zero of all times.
    start: Instant,
    shared: Mutex<Bucket>,
    /// A power of two of them, each with the same share of `max_keys`.
    shards: Box<[Mutex<Keys>]>,
    secret: RandomState,
}

/// The number of locks for keys, unless the keys are few.
const SHARDS: usize = 16;

/// With fewer keys, one shard could be full while others have room.
const KEYS_PER_SHARD: usize = 1024;

impl Limiter {
    pub(super) fn new(settings: RateLimitSettings) -> Self {
        let shards = if settings.max_keys >= SHARDS * KEYS_PER_SHARD { SHARDS } else { 1 };
        let keys = settings.max_keys / shards;
        Self {
            settings,
            start: Instant::now(),
            shared: Mutex::default(),
            shards: (0..shards).map(|_| Mutex::new(Keys::new(keys))).collect(),
            secret: RandomState::new(),
        }
    }

    pub(super) fn settings(&self) -> &RateLimitSettings {
        &self.settings
    }

    /// Counts a command. `None` lets it pass. One over the limit gets a place in the queue, or, if it would have to
    /// wait for longer than `max_wait`, the time that it would have to wait.
    #[inline]
    pub(super) fn count(
        self: &Arc<Self>,
        command: &Command,
        max_wait: Duration,
    ) -> Option<Result<QueuedCommand, Duration>> {
        let (mut bucket_id, cost) = self.bucket_and_cost(command)?;
        match self.arrive(&mut bucket_id, cost, max_wait) {
            Arrival::Passed => None,
            Arrival::Queued(ticket) => Some(Ok(QueuedCommand::new(self, bucket_id, ticket))),
            Arrival::Refused(wait) => Some(Err(wait)),
        }
    }

    /// The bucket in which a command counts, and its cost. `None` for a command that does not count.
    fn bucket_and_cost(&self, command: &Command) -> Option<(BucketId, u32)> {
        let cost = self.settings.cost.as_ref().map_or(1, |cost| cost(command));
        if cost == 0 {
            return None;
        }
        Some((self.settings.key.bucket_id(command, &self.secret)?, cost))
    }

    /// A key for which there is no room is counted in the shared bucket.
    fn arrive(&self, bucket_id: &mut BucketId, cost: u32, max_wait: Duration) -> Arrival {
        let (rate, now) = (&self.settings.rate, self.now());
        if let BucketId::Key(key) = *bucket_id {
            if let Some(bucket) = lock(self.shard(key)).known_or_new(key, rate, now) {
                return bucket.arrive(rate, cost, max_wait, now);
            }
            *bucket_id = BucketId::Shared;
        }
        lock(&self.shared).arrive(rate, cost, max_wait, now)
    }

    pub(super) fn poll(&self, bucket_id: BucketId, ticket: Ticket, waker: &Waker) -> QueuePosition {
        let now = self.now();
        let poll = |bucket: &mut Bucket| bucket.poll(ticket, &self.settings.rate, now, waker);
        self.with_known(bucket_id, poll).unwrap_or_else(|| QueuePosition::Passed(RemovedWaiter::default()))
    }

    /// Removes a waiter from its queue, and wakes the next.
    pub(super) fn leave(&self, bucket_id: BucketId, ticket: Ticket) {
        if let Some(removed) = self.with_known(bucket_id, |bucket| bucket.leave(ticket)) {
            removed.wake_next();
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.shards.iter().map(|keys| lock(keys).len()).sum()
    }

    /// Calls `f` with a bucket in which a command waits. Such a bucket is never evicted.
    fn with_known<T>(&self, bucket_id: BucketId, f: impl FnOnce(&mut Bucket) -> T) -> Option<T> {
        match bucket_id {
            BucketId::Shared => Some(f(&mut lock(&self.shared))),
            BucketId::Key(key) => lock(self.shard(key)).known(key).map(f),
        }
    }

    fn shard(&self, key: u64) -> &Mutex<Keys> {
        // Bits from the middle: the hash table inside uses those at both ends.
        &self.shards[(key >> 32) as usize & (self.shards.len() - 1)]
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
