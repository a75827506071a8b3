//! [`StoreState`]: what all clones of a store share, and how a command is executed.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use kvstore_protocol::{Command, CommandError, Response, Session};

use super::{
    args::Args,
    clock::Clock,
    commands::CommandTable,
    context::Context,
    databases::{Databases, KeyRef},
    prefetcher::Prefetcher,
    spec::{Answer, CommandFn, Spec},
};

/// The longest first argument that is prefetched as a key without looking the command up.
const MAX_GUESSED_KEY: usize = 128;

/// The databases of a store, its commands and its clocks.
pub(crate) struct StoreState {
    pub(super) databases: Databases,
    table: CommandTable,
    clock: Box<dyn Clock>,
    /// The LRU clock: the time in seconds since the Unix epoch, set by each run of active expiry.
    lru_clock: AtomicU32,
    pub(super) started: Duration,
    /// Settings of the program around the store, by names in lower case, for CONFIG GET.
    pub(super) config: Vec<(String, String)>,
}

impl StoreState {
    pub(super) fn new(databases: Databases, clock: Box<dyn Clock>, config: Vec<(String, String)>) -> Self {
        let started = clock.now();
        let lru_clock = AtomicU32::new(started.as_secs() as u32);
        Self { databases, table: CommandTable::new(), clock, lru_clock, started, config }
    }

    pub(super) fn execute(&self, command: &Command) -> Answer {
        let Some(spec) = self.table.find(command) else { return Err(CommandError::unknown_command(command)) };
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

    /// Executes a command with several keys or none. Not inlined, so that commands with one key need little of the stack.
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
            CommandFn::Subcommands => Err(CommandError::unknown_command(args.command())),
        }
    }

    /// The selected database of a session. If the server lets clients select more databases than the store has, which is a
    /// mistake in its setup, they share the last one.
    #[inline]
    fn selected(&self, session: &Session) -> usize {
        session.database().min(self.databases.len() - 1)
    }

    /// Prefetches the keys of a batch of commands.
    #[inline]
    pub(super) fn prefetch(&self, batch: &[Command]) {
        if let [command] = batch { self.prefetch_one(command) } else { self.prefetch_batch(batch) }
    }

    /// Prefetches the first argument of a command, which nearly always is the key.
    #[inline]
    fn prefetch_one(&self, command: &Command) {
        if let Some(name) = command.arg_at(0)
            && name.len() <= MAX_GUESSED_KEY
        {
            self.databases.prefetch_one(KeyRef { database: self.selected(command.session()), name });
        }
    }

    #[inline(never)]
    fn prefetch_batch(&self, batch: &[Command]) {
        let mut prefetcher = self.databases.prefetcher();
        for command in batch {
            match command.arg_at(0) {
                // Nearly every short command has its key first. A wrong guess costs a cache line.
                Some(name) if command.len() <= 3 && name.len() <= MAX_GUESSED_KEY => {
                    prefetcher.add(KeyRef { database: self.selected(command.session()), name });
                }
                _ => self.prefetch_keys(command, &mut prefetcher),
            }
        }
        prefetcher.finish();
    }

    /// Prefetches the keys of a command that has to be looked up.
    #[inline(never)]
    fn prefetch_keys(&self, command: &Command, prefetcher: &mut Prefetcher<'_>) {
        if let Some(spec) = self.table.find(command) {
            spec.keys.of(command, self.selected(command.session())).for_each(|key| prefetcher.add(key));
        }
    }

    /// Active expiry: removes expired entries in about `limit` steps at most, and returns the number of steps. Sets the LRU
    /// clock.
    pub(super) fn remove_expired(&self, limit: usize) -> usize {
        let now = self.clock.now();
        self.lru_clock.store(now.as_secs() as u32, Ordering::Relaxed);
        self.databases.remove_expired(now.as_millis() as u64, limit)
    }
}
