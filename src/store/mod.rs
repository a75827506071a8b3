//! [`Store`]: the key-value store, a `Service<Command>` like any other.
//!
//! The framework's first user, through its public interface: with a socket in front of it a server, without one a store in
//! the same process. A command is a deterministic function over the slots of its keys: the time and a seed are handed to
//! it, its keys are known from its `spec` before it runs, and it takes no lock. Everything else follows from that rule.
//!
//! - `commands` the commands, a family a file; `spec` what is known of one before it runs
//! - `args`, `context` what a command reads; `engine` where entries live and how slots are lent; `value` the data types
//! - `machine` what INFO asks the operating system

mod args;
mod clock;
mod commands;
mod context;
mod database;
mod databases;
#[cfg(test)]
mod model;
mod prefetcher;
mod procfs;
mod shard;
mod slots;
mod spec;
#[cfg(test)]
mod testing;
mod value;

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    num::NonZeroUsize,
    ops::Deref,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context as TaskContext, Poll},
    thread,
    time::Duration,
};

use kvstore_protocol::{Command, CommandError, NameMap, Response, Session};
use tower::Service;

use args::Args;
use context::Context;
use databases::{Databases, KeyRef};
use prefetcher::Prefetcher;
use spec::{Answer, CommandFn, Spec};

pub use clock::{Clock, SystemClock, TokioClock};
pub use commands::catalog;

/// How often entries are removed whose time has come, and the clock for the age of entries is read.
const MAINTENANCE: Duration = Duration::from_millis(100);

/// Up to which length a first argument is taken for a key by a hint that has not looked at the command.
const MAX_GUESSED_KEY: usize = 128;

/// After how many commands a clone gets a handle of its own: one that a connection holds, and not one made for a command.
const SETTLED: u8 = 16;

/// How many due entries are removed before others get their turn.
const EXPIRE_BATCH: usize = 1000;

/// A key-value store in memory. Clones share it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use kvstore::{protocol::{Command, Response}, store::Store};
/// use tower::ServiceExt;
///
/// let store = Store::new();
/// assert_eq!(store.clone().oneshot(Command::set("key", "value")).await, Ok(Response::ok()));
/// assert_eq!(store.oneshot(Command::get("key")).await, Ok(Response::from("value")));
/// # });
/// ```
pub struct Store {
    handle: Arc<Handle>,
    /// How many commands it was called with, up to [`SETTLED`].
    calls: u8,
}

/// What each command counts itself on. A clone that is called again and again has one of its own: on one count for all, each
/// command would take a cache line away from the other threads.
#[repr(align(64))]
struct Handle(Arc<StoreState>);

impl Deref for Handle {
    type Target = StoreState;

    #[inline]
    fn deref(&self) -> &StoreState {
        &self.0
    }
}

/// What all clones of a store share.
pub(crate) struct StoreState {
    databases: Databases,
    table: NameMap<&'static Spec>,
    clock: Box<dyn Clock>,
    lru_clock: AtomicU32,
    started: Duration,
    /// What CONFIG GET shows beside the settings of the store, by names in lower case.
    config: Vec<(String, String)>,
}

impl Store {
    /// An empty store with the default settings.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A store with settings of its own.
    pub fn builder() -> Builder {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Builder { databases: 16, threads, clock: Box::new(SystemClock), config: Vec::new() }
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.handle.databases.len()
    }

    /// Answers a command, here and now: a store in memory never waits.
    pub fn execute(&self, command: &Command) -> Response {
        self.handle.execute(command).unwrap_or_else(Response::from)
    }

    /// The hint for [`Serve::hint`](crate::server::Serve::hint): asks the processor for the memory that a batch of
    /// commands will touch, so that their cache misses overlap.
    pub fn hint(&self) -> impl Fn(&[Command]) + Send + Sync + 'static {
        let store = self.clone();
        move |batch| store.handle.hint(batch)
    }

    /// Removes entries whose time has come, ten times a second, for as long as the future is polled. A key whose time has
    /// come is never seen with or without it; this gives its memory back.
    pub fn maintain(&self) -> impl Future<Output = Infallible> + Send + 'static {
        let store = self.clone();
        async move {
            let mut interval = tokio::time::interval(MAINTENANCE);
            loop {
                interval.tick().await;
                while store.handle.remove_expired() >= EXPIRE_BATCH {
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Store {
    #[cold]
    fn settle(&mut self) {
        self.calls += 1;
        if self.calls == SETTLED {
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

/// The settings of a [`Store`].
#[derive(Debug)]
pub struct Builder {
    databases: usize,
    threads: usize,
    clock: Box<dyn Clock>,
    config: Vec<(String, String)>,
}

impl Builder {
    /// How many databases there are: 16 by default.
    #[must_use]
    pub fn databases(self, databases: usize) -> Self {
        Self { databases: databases.max(1), ..self }
    }

    /// How many threads will execute commands, about: as many as the machine has by default. A store for one is a little
    /// faster and smaller, and more may share it all the same.
    ///
    /// Keys and short strings take 32 GiB at most in each part of a database, of which there is one for one thread and eight
    /// for each of more: a command that would store more than that panics.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Where the time comes from: the machine's clock by default.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// A setting of the program around the store, for CONFIG GET to show: its port, say. The last value of a name counts.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into().to_ascii_lowercase();
        self.config.retain(|(known, _)| *known != name);
        self.config.push((name, value.into()));
        self
    }

    /// Makes the store.
    pub fn build(self) -> Store {
        let started = self.clock.now();
        let shared = StoreState {
            databases: Databases::new(self.databases, shards(self.threads)),
            table: commands::table(),
            clock: self.clock,
            lru_clock: AtomicU32::new(started.as_secs() as u32),
            started,
            config: self.config,
        };
        Store { handle: Arc::new(Handle(Arc::new(shared))), calls: 0 }
    }
}

/// Into how many shards a database is cut: many more than there are threads, so that these seldom meet, and not so many that
/// a batch has hardly two keys in any. One thread meets nobody, and takes one lock for as many keys as it needs.
fn shards(threads: usize) -> usize {
    if threads > 1 { threads.saturating_mul(8) } else { 1 }
}

impl StoreState {
    fn execute(&self, command: &Command) -> Answer {
        let Some(spec) = self.table.get(command.name()) else { return Err(CommandError::unknown_command(command)) };
        let spec = spec.resolve(command)?;
        let args = Args::new(command);
        let context = Context::new(command.session(), &*self.clock, self.lru_clock.load(Ordering::Relaxed));
        let database = self.selected(context.session());
        match spec.run {
            CommandFn::Slots(run) if spec.keys.is_single(command.len()) => {
                let key = KeyRef { database, name: args.bytes(0) };
                self.databases.with_slot(&context, key, |slots| run(&context, &args, slots))
            }
            _ => self.execute_other(spec, &context, &args, database),
        }
    }

    /// Commands with several keys or none. Apart from those with one, so that these need little of the stack.
    #[inline(never)]
    fn execute_other(&self, spec: &Spec, context: &Context<'_>, args: &Args<'_>, database: usize) -> Answer {
        match spec.run {
            CommandFn::Slots(run) if spec.keys.are_selected() => {
                let keys = spec.keys.of(args.command(), database);
                self.databases.with_slots(context, keys, |slots| run(context, args, slots))
            }
            CommandFn::Slots(run) => {
                let keys = spec.keys.located(args, database)?;
                if keys.iter().any(|key| key.database >= self.databases.len()) {
                    return Err(CommandError::err("DB index is out of range"));
                }
                self.databases.with_slots(context, keys.into_iter(), |slots| run(context, args, slots))
            }
            CommandFn::Database(run) => run(context, args, self.databases.get(database)),
            CommandFn::Store(run) => run(context, args, self),
            CommandFn::Help(lines) => {
                let lines = lines.iter().chain(&["HELP", "    Prints this help."]);
                Ok(Response::array(lines.map(|line| Response::simple(*line))))
            }
            CommandFn::Subs => Err(CommandError::unknown_command(args.command())),
        }
    }

    /// The database of a session. A server that selects among more than the store has is set up wrongly: its clients meet
    /// in the last one.
    #[inline]
    fn selected(&self, session: &Session) -> usize {
        session.database().min(self.databases.len() - 1)
    }

    #[inline]
    fn hint(&self, batch: &[Command]) {
        if let [command] = batch { self.hint_alone(command) } else { self.hint_batch(batch) }
    }

    /// Hints the key of a command alone, if it has one where nearly all have it.
    #[inline]
    fn hint_alone(&self, command: &Command) {
        if let Some(name) = command.arg_at(0)
            && name.len() <= MAX_GUESSED_KEY
        {
            self.databases.prefetch_one(KeyRef { database: self.selected(command.session()), name });
        }
    }

    #[inline(never)]
    fn hint_batch(&self, batch: &[Command]) {
        let mut hint = self.databases.prefetcher();
        for command in batch {
            match command.arg_at(0) {
                // Nearly every command of few words has a key, and has it first. A wrong guess costs a cache line.
                Some(name) if command.len() <= 3 && name.len() <= MAX_GUESSED_KEY => {
                    hint.add(KeyRef { database: self.selected(command.session()), name });
                }
                _ => self.hint_keys(command, &mut hint),
            }
        }
        hint.finish();
    }

    /// Hints the keys of a command that has to be looked at.
    #[inline(never)]
    fn hint_keys(&self, command: &Command, hint: &mut Prefetcher<'_>) {
        if let Some(spec) = self.table.get(command.name()) {
            spec.keys.of(command, self.selected(command.session())).for_each(|key| hint.add(key));
        }
    }

    fn remove_expired(&self) -> usize {
        let now = self.clock.now();
        self.lru_clock.store(now.as_secs() as u32, Ordering::Relaxed);
        self.databases.remove_expired(now.as_millis() as u64, EXPIRE_BATCH)
    }
}

impl Service<Command> for Store {
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> ResponseFuture {
        if self.calls < SETTLED {
            self.settle();
        }
        ResponseFuture { store: Arc::clone(&self.handle), command }
    }
}

/// The answer of a [`Store`]: there at the first poll.
///
/// Nothing happens before that, so that a limit around the store can still refuse the command; and everything happens in
/// it, so that a command that is dropped was done wholly or not at all.
#[must_use = "a command runs when its future is polled"]
pub struct ResponseFuture {
    store: Arc<Handle>,
    command: Command,
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Self::Output> {
        match self.store.execute(&self.command) {
            Ok(response) => Poll::Ready(Ok(response)),
            Err(refusal) => Poll::Ready(Ok(refusal.into())),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("databases", &self.handle.databases.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.command).finish()
    }
}
