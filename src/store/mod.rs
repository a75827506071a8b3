//! [`Store`]: the key-value store, a `Service<Command>` like any other.
//!
//! The store uses the public interface of the framework: behind [`serve`](crate::serve) it is a server, without a socket a
//! store in the same process.
//!
//! A command is a deterministic function of one `Call`: its arguments, the entries of its keys, the time and a random seed. The
//! keys are known before it runs, from its row in the [catalog](kvstore_protocol::catalog); the store locks their shards and calls
//! the function, which takes no lock and reads no clock itself. The guide has [a page](crate::guide::inside_the_store) on it.
//!
//! - `commands` the commands, one family a file; `spec` the description of a command, `command_table` all of them by number
//! - `call` what a command works with: the entries of its `keys`, values that it `edit`s, a `database` as a whole; `args` its
//!   arguments
//! - `execute` how a command is executed: `plan` which shards it needs, `held` those that are locked, `commit` what it changes;
//!   `admission` whether it may change something now, `settle` when its answer may leave; `future` how it waits, `gate` for what,
//!   `background` threads of the store
//! - `transaction` MULTI, EXEC and WATCH; `waiting` BLPOP and its kin; `observers` who is told of changes;
//!   `notices` what clients are told: keyspace `events`, and keys that they are `tracking`; `change` what sinks are told of
//!   changes, `replay` how that is applied again
//! - `scripts` EVAL, and the interpreter of Lua
//! - `databases` the shards and their locks; `shard` the entries behind one lock; `value` the data types; `memory` the tables and
//!   slabs that entries and elements are in
//! - what is published, and who is subscribed, is in [`PubSub`](crate::pubsub::PubSub), which answers these commands
//! - `journal` the changes on disk, `durable` the store that has them; `disk` the files
//! - `snapshot` the whole store in a file, which the journal continues
//! - `check` verifies these files, `repair` cuts what is damaged
//! - `rdb` values and files in the serialization of Redis; `foreign` what other servers have written: imports and exports;
//!   `replica` follows a live one
//! - `facts` what INFO tells of the shards
//! - `latency` which events took long, `slow_log` which commands
//! - `state` what all clones of a store share; `prefetcher` loads keys ahead into the processor's caches

mod admission;
mod args;
mod background;
mod builder;
mod call;
mod change;
mod check;
mod clock;
mod command_table;
mod commands;
mod commit;
mod databases;
mod disk;
mod durable;
mod events;
mod execute;
mod facts;
mod foreign;
mod future;
mod gate;
mod held;
mod journal;
mod latency;
mod loading;
mod memory;
#[cfg(test)]
mod model;
mod notices;
mod observers;
mod plan;
mod prefetcher;
mod program;
mod rdb;
mod repair;
mod replay;
mod replica;
mod scripts;
mod settle;
mod shard;
mod slow_log;
mod snapshot;
mod spec;
mod state;
#[cfg(test)]
mod testing;
mod tracking;
mod transaction;
mod value;
mod waiting;

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    io,
    ops::Deref,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use kvstore_protocol::{Command, Response};
use tower::Service;

use state::{RewriteConfig, StoreState};

pub use builder::Builder;
pub use change::{Change, Event, Record, Sink};
pub use check::Report;
pub use clock::{Clock, SystemClock, TokioClock};
pub use commands::{SettableParameter, catalog, is_parameter, parse_bytes, settable_parameters};
pub use durable::{CloseError, DurableBuilder};
pub use foreign::{Export, Import, ImportError, Tally};
pub use future::ResponseFuture;
pub use journal::{Fsync, OpenError};
pub use loading::Loader;
pub use program::{ParameterChange, ProgramParameters};
pub use rdb::RdbFormat;
pub use repair::{Repair, RepairError};
pub use snapshot::Compression;

/// The interval of active expiry, and the precision of the LRU clock.
const MAINTENANCE: Duration = Duration::from_millis(100);

/// The most steps of active expiry before other tasks get their turn.
const EXPIRE_BATCH: usize = 1000;

/// The number of calls after which a clone gets a handle of its own: a connection has kept it for some time.
const CALLS_TO_SETTLE: u8 = 16;

/// A key-value store in memory. Clones share it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use kvstore::{protocol::{Command, Response}, store::Store};
/// use tower::ServiceExt;
///
/// let store = Store::new();
/// assert_eq!(store.clone().oneshot(Command::new("SET").arg("key").arg("value")).await, Ok(Response::ok()));
/// assert_eq!(store.oneshot(Command::new("GET").arg("key")).await, Ok(Response::from("value")));
/// # });
/// ```
pub struct Store {
    handle: Arc<Handle>,
    /// The number of calls, up to [`CALLS_TO_SETTLE`].
    calls: u8,
}

/// The state, with a reference count of its own for each clone that is called often. Every command clones the `Arc` around
/// it: threads that shared one count would take its cache line from each other.
#[repr(align(64))]
struct Handle(Arc<StoreState>);

impl Deref for Handle {
    type Target = Arc<StoreState>;

    #[inline]
    fn deref(&self) -> &Arc<StoreState> {
        &self.0
    }
}

impl Store {
    /// Creates an empty store with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder, for a store with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the number of databases.
    pub fn databases(&self) -> usize {
        self.handle.databases.len()
    }

    /// Returns the number of keys in all databases, including expired ones that are not removed yet.
    pub fn len(&self) -> usize {
        let databases = &self.handle.databases;
        databases.all_shards().map(|index| databases.lock_any(index).len()).sum()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Executes a command and returns its response. A command such as BLPOP does not wait: it is answered as in a transaction. If
    /// the store is [durable](Builder::durable), this blocks the thread while an answer waits for the disk.
    pub fn execute(&self, command: &Command) -> Response {
        self.handle.execute(command)
    }

    /// Returns the function for [`Serve::prefetch`](crate::server::Serve::prefetch). It prefetches the keys of a batch of
    /// commands, so that their cache misses overlap.
    pub fn prefetch(&self) -> impl Fn(&[Command]) + Send + Sync + 'static {
        let store = self.clone();
        move |batch| store.handle.prefetch(batch)
    }

    /// Returns the function for [`Serve::only_reads`](crate::server::Serve::only_reads): whether a script or a function says of
    /// itself that it only reads, with the flag `no-writes`.
    pub fn only_reads(&self) -> impl Fn(&Command) -> bool + Send + Sync + 'static {
        let store = self.clone();
        move |command| store.handle.only_reads(command)
    }

    /// Does the background work of the store, for as long as the future is polled, ten times a second: removes expired keys, and
    /// takes a snapshot when one is due. Follows the master if the store is a replica.
    /// A task of the server that serves the store: see [`Serve::with_task`](crate::server::Serve::with_task).
    ///
    /// Commands never see an expired key, with or without this; it frees the memory of keys that no command asks for.
    pub fn run(&self) -> impl Future<Output = Infallible> + Send + 'static {
        let store = self.clone();
        let maintain = async move {
            let mut interval = tokio::time::interval(MAINTENANCE);
            loop {
                interval.tick().await;
                while store.handle.remove_expired(EXPIRE_BATCH) >= EXPIRE_BATCH {
                    tokio::task::yield_now().await;
                }
                while store.handle.evict_tracked_keys() {
                    tokio::task::yield_now().await;
                }
                store.handle.snapshot_if_due();
            }
        };
        let replicate = replica::run(Arc::clone(&self.handle.0));
        async move {
            tokio::select! {
                never = maintain => match never {},
                never = replicate => never,
            }
        }
    }

    /// Sets how CONFIG REWRITE writes the configuration to the file that it came from. It is given all parameters, with their
    /// values. Without this, CONFIG REWRITE answers that there is no such file. Later calls change nothing.
    ///
    /// ```
    /// use kvstore::{protocol::Command, store::Store};
    ///
    /// let store = Store::new();
    /// store.on_config_rewrite(|parameters| {
    ///     assert!(parameters.iter().any(|(name, value)| name == "databases" && value == "16"));
    ///     Ok(())
    /// });
    /// assert_eq!(store.execute(&Command::new("CONFIG").arg("REWRITE")).to_string(), "+OK");
    /// ```
    pub fn on_config_rewrite(&self, rewrite: impl Fn(&[(String, String)]) -> io::Result<()> + Send + Sync + 'static) {
        let _ = self.handle.rewrite.set(RewriteConfig(Box::new(rewrite)));
    }

    fn from_state(state: Arc<StoreState>) -> Self {
        Self { handle: Arc::new(Handle(state)), calls: 0 }
    }

    #[cold]
    fn count_call(&mut self) {
        self.calls += 1;
        if self.calls == CALLS_TO_SETTLE {
            self.handle = Arc::new(Handle(Arc::clone(&self.handle.0)));
        }
    }
}

impl Clone for Store {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), calls: 0 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Command> for Store {
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> ResponseFuture {
        if self.calls < CALLS_TO_SETTLE {
            self.count_call();
        }
        ResponseFuture::new(Arc::clone(&self.handle), command)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("databases", &self.handle.databases.len()).finish_non_exhaustive()
    }
}
