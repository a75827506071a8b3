//! [`Builder`]: the settings of a store.

use std::{num::NonZeroUsize, thread};

use fastrand::Rng;

use super::{
    Store,
    change::Sink,
    clock::{Clock, SystemClock},
    databases::Databases,
    program::{ProgramConfig, ProgramParameters},
    replica::Credentials,
    state::{Parts, StoreState},
};
use crate::pubsub::PubSub;

/// The most memory of the queued commands of a transaction, by default.
const MAX_QUEUE: usize = 512 * 1024 * 1024;

/// The settings of a [`Store`].
#[derive(Debug)]
pub struct Builder {
    databases: usize,
    threads: usize,
    clock: Box<dyn Clock>,
    random: Rng,
    config: ProgramConfig,
    sinks: Vec<Box<dyn Sink>>,
    max_queue: usize,
    allocated: fn(usize) -> usize,
    pub_sub: PubSub,
    master: Option<(String, u16)>,
    credentials: Credentials,
}

impl Builder {
    pub(super) fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let (clock, allocated) = (Box::new(SystemClock), allocated_size as fn(usize) -> usize);
        Self {
            databases: 16,
            threads,
            clock,
            random: Rng::new(),
            config: ProgramConfig::default(),
            sinks: Vec::new(),
            max_queue: MAX_QUEUE,
            allocated,
            pub_sub: PubSub::new(),
            master: None,
            credentials: Credentials::default(),
        }
    }

    /// Sets the number of databases. The default is 16.
    #[must_use]
    pub fn databases(self, databases: usize) -> Self {
        Self { databases: databases.max(1), ..self }
    }

    /// Sets the number of threads that will execute commands. The default is the number of processors.
    ///
    /// This chooses the number of shards: one for one thread, which is a little faster and smaller, and eight for each of
    /// several. Any number of threads may use the store, whatever is set here.
    ///
    /// The keys and short strings of a shard take at most 32 GiB. A command that would exceed this panics.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Sets the clock. The default is the clock of the machine.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Sets the seed of the random numbers that commands draw, such as RANDOMKEY. The default is another for each store.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), ..self }
    }

    /// Sets the most memory that the queued commands of one transaction take, in bytes: 512 MiB by default. A command that
    /// does not fit is refused, and aborts the transaction.
    #[must_use]
    pub fn max_transaction_size(self, bytes: usize) -> Self {
        Self { max_queue: bytes, ..self }
    }

    /// Sets the function that says how many bytes the allocator of the program takes for an allocation of so many bytes, for the
    /// count of the memory. The default is an estimate.
    #[must_use]
    pub fn allocated_size(self, allocated: fn(usize) -> usize) -> Self {
        Self { allocated, ..self }
    }

    /// Sets where the store publishes, and what its clients subscribe to. The default is one of its own.
    ///
    /// A program that publishes keeps a clone:
    ///
    /// ```
    /// use kvstore::{protocol::Command, pubsub::PubSub, store::Store};
    ///
    /// let hub = PubSub::new();
    /// let store = Store::builder().pub_sub(hub.clone()).build();
    /// assert_eq!(store.execute(&Command::new("PUBLISH").with_args(["news", "hello"])), 0.into());
    /// assert_eq!(hub.publish("news", "hello"), 0); // to the clients of the store
    /// ```
    #[must_use]
    pub fn pub_sub(self, hub: PubSub) -> Self {
        Self { pub_sub: hub, ..self }
    }

    /// Makes the store a replica of a live server of Redis or Valkey: [`run`](Store::run) follows it. By default, a store is a
    /// master.
    ///
    /// ```
    /// use kvstore::{protocol::Command, store::Store};
    ///
    /// let store = Store::builder().replica_of("localhost", 6379).build();
    /// let answer = store.execute(&Command::new("SET").with_args(["key", "value"]));
    /// assert_eq!(answer.to_string(), "-READONLY You can't write against a read only replica.");
    /// ```
    #[must_use]
    pub fn replica_of(self, host: impl Into<String>, port: u16) -> Self {
        Self { master: Some((host.into(), port)), ..self }
    }

    /// Sets the user and the password that a replica gives its master. Without a user, it is the default one.
    #[must_use]
    pub fn master_auth(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credentials: Credentials { user: user.into(), password: password.into() }, ..self }
    }

    /// Adds somebody who is told of every change.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Adds a setting of the program around the store, such as its port, for CONFIG GET. A later value replaces an earlier
    /// one.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.fix(name.into().to_ascii_lowercase(), value.into());
        self
    }

    /// Adds parameters of the program around the store that CONFIG SET can change, such as the files of its certificates. May be
    /// called several times, with different parameters.
    #[must_use]
    pub fn parameters(mut self, parameters: impl ProgramParameters) -> Self {
        self.config.add_parameters(parameters);
        self
    }

    /// Names the allocator of the program, for INFO.
    #[must_use]
    pub fn allocator(mut self, name: &'static str) -> Self {
        self.config.set_allocator(name);
        self
    }

    /// Builds the store.
    pub fn build(self) -> Store {
        let Self { databases, threads, clock, random, config, sinks, max_queue, allocated, pub_sub, .. } = self;
        let databases = Databases::new(databases, shards(threads), allocated);
        let state = StoreState::new(Parts { databases, clock, random, config, sinks, max_queue, pub_sub });
        state.replication.set_credentials(|credentials| *credentials = self.credentials);
        state.set_master(self.master);
        Store::from_state(state)
    }

    /// A builder of a store with as many databases, and with defaults.
    pub(super) fn as_many_databases(&self) -> Self {
        Self { databases: self.databases, ..Self::new() }
    }
}

/// About the bytes that an allocation takes: most allocators have four sizes between two powers of two.
fn allocated_size(size: usize) -> usize {
    let step = (size.next_power_of_two() / 8).max(16);
    size.next_multiple_of(step)
}

/// The number of shards of a database. With several threads there are many more shards than threads, so that two threads
/// seldom need the same one, but few enough that a batch has several keys in each. One thread needs one shard, and then one
/// lock for any number of keys.
fn shards(threads: usize) -> usize {
    if threads > 1 { threads.saturating_mul(8) } else { 1 }
}
