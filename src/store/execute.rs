//! How a command is executed: its keys are found, their shards locked, and its function called.

use std::mem;

use kvstore_protocol::{Command, CommandError, Response, Session, catalog::Flags};

use super::{
    args::Args,
    call::{Call, KeySlot, LONG_WORK},
    command_table::Row,
    commit::Commit,
    databases::{KeyRef, Location},
    future::Executed,
    held::{Held, HeldShards, Locked, Shards},
    journal::Settled,
    latency::event,
    observers::Interests,
    plan::{LockPlan, PerKey, locate},
    scripts::{Fiber, OnFiber},
    settle::Seen,
    slow_log::Kind,
    spec::{Answer, Scope},
    state::StoreState,
    waiting::Place,
};

/// The most words of a command with several keys that surely takes no long time.
const MAX_SHORT_WORDS: usize = 1000;

/// How long a command may take, and wait for its locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// No longer than a short command: connections wait for this thread.
    Short,
    /// As long as it takes, unless a script keeps others waiting for too long: then it is refused.
    Long,
    /// As long as it takes: there is nobody to refuse.
    Endless,
}

/// An attempt to execute a command.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) patience: Patience,
    /// Whether the command may wait for a key: there is a future for its answer.
    may_wait: bool,
    /// Why there is no answer yet, if it is an error that no client sees.
    pub(super) stopped: Option<Stopped>,
}

/// Why a command has no answer yet. But for the last reason it was not executed, and has changed nothing.
#[derive(Debug)]
pub(super) enum Stopped {
    /// A long command holds a lock that it needs.
    Gated,
    /// It may take long.
    Long,
    /// The journal has no room, or the snapshot.
    Crowded,
    /// It waits for a key.
    Waits(Place),
    /// It is a script that takes long, and goes on on another thread. It holds its locks.
    Moved(Fiber<OnFiber>),
    /// It is executed, and its answer waits until what it saw is on disk.
    Settled(Box<Settled>),
}

/// The answer of an attempt that was stopped.
pub(super) const STOPPED: CommandError = CommandError::new("ERR", "the command was not executed");

impl Attempt {
    pub(super) const fn new(patience: Patience) -> Self {
        Self { patience, may_wait: false, stopped: None }
    }

    /// The same for a command that may wait for a key.
    pub(super) const fn of_future(patience: Patience) -> Self {
        Self { patience, may_wait: true, stopped: None }
    }

    #[cold]
    pub(super) fn stop(&mut self, stopped: Stopped) -> CommandError {
        self.stopped = Some(stopped);
        STOPPED
    }

    /// Notes whether the command has found that it takes long, or that another one holds what it needs, and was not executed.
    #[inline]
    fn note(&mut self, commit: &Commit) {
        if commit.is_gated {
            self.stopped = Some(Stopped::Gated);
        }
        if commit.is_postponed {
            self.stopped = Some(Stopped::Long);
        }
    }

    /// Refuses a command that may take long, unless there is patience for it.
    pub(super) fn check(&mut self, may_take_long: bool) -> Result<(), CommandError> {
        if may_take_long && self.patience == Patience::Short { Err(self.stop(Stopped::Long)) } else { Ok(()) }
    }
}

impl StoreState {
    /// Executes a command, and waits for its locks.
    pub(super) fn execute(&self, command: &Command) -> Response {
        loop {
            let mut attempt = Attempt::new(Patience::Long);
            let answer = self.attempt(command, &mut attempt);
            match attempt.stopped {
                Some(Stopped::Crowded) => self.block_for_room(),
                Some(Stopped::Settled(settled)) => return self.block_until_synced(*settled),
                Some(Stopped::Gated) => {
                    if let Some(refusal) = self.busy_refusal() {
                        return self.refuse_while_busy(command, refusal).into();
                    }
                }
                _ => return answer.unwrap_or_else(Response::from),
            }
        }
    }

    /// Executes a command that takes long, perhaps because of what its keys hold: others do not block their threads. It may wait
    /// for a key.
    pub(super) fn execute_long(&self, command: &Command) -> Executed {
        let slow = self.slow_log.begin(Kind::Long);
        let executed = self.execute_with_patience(command);
        self.slow_log.end(command, slow);
        executed
    }

    /// Finishes a script that has moved to this thread.
    pub(super) fn execute_rest(&self, fiber: Fiber<OnFiber>, command: &Command) -> Executed {
        let slow = self.slow_log.begin(Kind::Long);
        let (answer, stopped) = fiber.finish();
        self.slow_log.end(command, slow);
        match stopped {
            Some(Stopped::Settled(settled)) => Executed::Settled(settled),
            _ => Executed::Answered(answer.unwrap_or_else(Response::from)),
        }
    }

    fn execute_with_patience(&self, command: &Command) -> Executed {
        let locks_in_turn = self.row_of(command).is_ok_and(|row| row.spec.scope(&Args::new(command)).is_in_turn());
        // Then it raises the gate for each slice.
        let _raised = (!locks_in_turn).then(|| self.databases.gate.raise());
        loop {
            let mut attempt = Attempt::of_future(Patience::Long);
            let answer = self.attempt(command, &mut attempt);
            return match attempt.stopped {
                Some(Stopped::Waits(place)) => Executed::Waits(place),
                Some(Stopped::Settled(settled)) => Executed::Settled(settled),
                Some(Stopped::Crowded) => {
                    self.block_for_room();
                    continue;
                }
                Some(Stopped::Gated) => match self.busy_refusal() {
                    Some(refusal) => Executed::Answered(self.refuse_while_busy(command, refusal).into()),
                    // The script has ended meanwhile.
                    None => continue,
                },
                _ => Executed::Answered(answer.unwrap_or_else(Response::from)),
            };
        }
    }

    /// The row of a command.
    ///
    /// # Errors
    /// If it is unknown, or has the wrong number of words.
    pub(super) fn row_of(&self, command: &Command) -> Result<&'static Row, CommandError> {
        self.table.find(command).ok_or_else(|| CommandError::unknown_command(command))?.resolve(command)
    }

    /// Executes a command, if there is the patience for it. Not inlined: its answer would be moved more often.
    #[inline(never)]
    pub(super) fn attempt(&self, command: &Command, attempt: &mut Attempt) -> Answer {
        let session = command.session();
        let row = match self.table.find(command) {
            Some(row)
                if row.has_one_key(command.len())
                    && !session.is_in_transaction()
                    && !has_long_arguments(row, command) =>
            {
                row
            }
            _ => return self.attempt_other(command, attempt),
        };
        let database = self.selected(session);
        let args = Args::new(command);
        let name = args.bytes(0);
        let Location { hash, shard } = self.databases.locate(KeyRef { database, name });
        let Some(locked) = self.databases.lock_for(shard, attempt.patience) else {
            return Err(attempt.stop(Stopped::Gated));
        };
        // Asked for under the lock, under which others begin to wait.
        if row.is_diverted(self.observers.get()) {
            drop(locked);
            return self.attempt_other(command, attempt);
        }
        locked.check(row.grows)?;
        self.execute_alone(row, args, session, KeySlot::new(name, hash, 0, database), locked, attempt)
    }

    /// Executes a command with one key, whose shard is locked. A function of its own: with one end the compiler builds the
    /// answer in its place.
    #[inline(always)]
    fn execute_alone(
        &self,
        row: &'static Row,
        args: Args<'_>,
        session: &Session,
        key: KeySlot<'_>,
        mut locked: Locked<'_>,
        attempt: &mut Attempt,
    ) -> Answer {
        let mut commit = self.begin_alone(attempt.patience);
        let (database, shards) = (key.database as usize, Shards::One(&mut locked));
        let keys = &[key];
        let mut call = Call { store: self, row, args, session, database, shards, keys, commit: &mut commit };
        let answer = (row.spec.run)(&mut call);
        call.end_alone();
        drop(locked);
        attempt.note(&commit);
        if commit.has_leftovers() {
            self.finish(&mut commit);
        }
        // Nothing is left to drop, which the compiler does not see.
        mem::forget(commit);
        answer
    }

    /// Executes a command with several keys or none, or in a transaction. Not inlined, so that commands with one key need
    /// little of the stack.
    #[inline(never)]
    fn attempt_other(&self, command: &Command, attempt: &mut Attempt) -> Answer {
        let interests = self.observers.get();
        if !interests.has(Interests::AROUND) {
            return self.attempt_admitted(command, attempt);
        }
        if interests.has(Interests::LOADING) {
            self.check_loading(command)?;
        }
        let (began, slow) = (self.latency.begin(), self.slow_log.begin(Kind::Short));
        let answer = self.attempt_admitted(command, attempt);
        if attempt.stopped.is_none() {
            self.slow_log.end(command, slow);
        }
        let is_fast = self.row_of(command).is_ok_and(|row| row.flags().has(Flags::FAST));
        self.latency.end(if is_fast { event::FAST_COMMAND } else { event::COMMAND }, began);
        answer
    }

    #[inline(never)]
    fn attempt_admitted(&self, command: &Command, attempt: &mut Attempt) -> Answer {
        self.check_role(command)?;
        if command.session().is_in_transaction()
            && let Some(queued) = self.queue(command)
        {
            return queued.map(|()| Response::simple("QUEUED"));
        }
        let row = self.row_of(command).inspect_err(|_| self.drop_transaction_of(command))?;
        let (args, session) = (Args::new(command), command.session());
        let scope = row.spec.scope(&args);
        match scope {
            Scope::Queue => return self.execute_queue(command, attempt),
            Scope::Script => return self.execute_script(command, attempt),
            _ => {}
        }
        let may_take_long = may_take_long(row, command);
        // On a thread of the store it would wait for each shard that a script holds.
        if may_take_long
            && scope.is_in_turn()
            && let Some(busy) = self.busy_refusal()
        {
            return Err(busy);
        }
        attempt.check(may_take_long)?;
        // One that locks shards in turn raises the gate for each slice.
        let _raised = (may_take_long && !scope.is_in_turn()).then(|| self.databases.gate.raise());
        let database = self.selected(session);
        let mut keys = PerKey::new();
        let Some(mut held) = self.lock(row, (args, scope, database), &mut keys, attempt.patience)? else {
            return Err(attempt.stop(Stopped::Gated));
        };
        self.check_journal(|| row.writes() || row.spec.is_recorded, attempt)?;
        self.check_snapshot(|| row.changes(), &keys, &held, attempt)?;
        let mut commit = self.begin(attempt.patience);
        commit.may_wait = attempt.may_wait;
        let shards = match held.len() {
            0 => Shards::None,
            1 => Shards::One(held.first()),
            _ => Shards::Many(&mut held),
        };
        let mut call = Call { store: self, row, args, session, database, shards, keys: &keys, commit: &mut commit };
        let answer = call.check_shards().and_then(|()| (row.spec.run)(&mut call));
        call.end();
        if let Some(wait) = commit.take_wanted() {
            let planned = Planned { row, args, database, keys: Some(&keys) };
            attempt.stopped = self.enter(planned, wait).map(Stopped::Waits);
        }
        self.serve_waiting(&mut commit, &mut held);
        let number = self.tell(&mut commit, &Shards::Many(&mut held), Some(command));
        drop(held);
        attempt.note(&commit);
        self.finish(&mut commit);
        let seen = if scope == Scope::Keys || !row.spec.shows_data { Seen::Keys(&keys) } else { Seen::All };
        self.settle(answer, number, seen, attempt)
    }

    /// Finds the keys of a command, and locks the shards that it needs. Returns `None` if a long command holds one of them, and there is
    /// no patience.
    ///
    /// # Errors
    /// If an argument names a database that does not exist.
    #[inline(always)]
    fn lock<'a>(
        &self,
        row: &Row,
        (args, scope, database): (Args<'a>, Scope, usize),
        keys: &mut PerKey<KeySlot<'a>>,
        patience: Patience,
    ) -> Result<Option<HeldShards<'_>>, CommandError> {
        loop {
            locate(row, args, database, &self.databases, keys)?;
            let mut plan = LockPlan::default();
            plan.add_scope(scope, database, false, &self.databases);
            self.add_shards_to_serve(&mut plan, keys);
            let held = plan.lock(keys, &self.databases, patience);
            if held.as_ref().is_none_or(|held| self.holds_shards_to_serve(held, keys)) {
                return Ok(held);
            }
            keys.clear();
        }
    }

    /// Executes one of several commands, whose shards are held. It is recorded if it changed something.
    pub(super) fn execute_held(
        &self,
        planned: Planned<'_>,
        session: &Session,
        held: &mut HeldShards<'_>,
        commit: &mut Commit,
    ) -> Answer {
        let Planned { row, args, database, keys } = planned;
        let mut found = PerKey::new();
        let keys = match keys {
            Some(keys) => keys,
            None => {
                locate(row, args, database, &self.databases, &mut found)?;
                held.place(&mut found);
                &found
            }
        };
        let shards = match keys {
            [key] if row.spec.keeps_to_keys() => Shards::One(held.shard_mut(key.shard as usize)),
            _ => Shards::Many(held),
        };
        let mut call = Call { store: self, row, args, session, database, shards, keys, commit };
        call.check_shards()?;
        let answer = (row.spec.run)(&mut call);
        call.end();
        answer
    }
}

/// One of several commands that run under the same locks.
pub(super) struct Planned<'a> {
    pub(super) row: &'static Row,
    pub(super) args: Args<'a>,
    pub(super) database: usize,
    /// `None` if the keys are to be found when it runs.
    pub(super) keys: Option<&'a [KeySlot<'a>]>,
}

/// Whether a command may take long, as far as its arguments tell.
pub(super) fn may_take_long(row: &Row, command: &Command) -> bool {
    let says_so = row.spec.may_take_long.is_some_and(|may_take_long| may_take_long(&Args::new(command)));
    says_so || command.len() > MAX_SHORT_WORDS || has_long_arguments(row, command)
}

/// Whether arguments are so long that the command takes long.
#[inline(always)]
fn has_long_arguments(row: &Row, command: &Command) -> bool {
    command.frame_size() >= LONG_WORK && work_of_arguments(row, command) >= LONG_WORK
}

/// The bytes of arguments that are hashed, compared or copied: all but a value that keeps the buffer in which it was received.
#[cold]
fn work_of_arguments(row: &Row, command: &Command) -> usize {
    let keys = row.known.keys_of(command).map(<[u8]>::len).sum::<usize>();
    let longest = command.args().map(<[u8]>::len).max().unwrap_or_default();
    let kept = if row.spec.keeps_values { longest } else { 0 };
    keys.max(command.size() - kept)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use kvstore_protocol::Command;

    use crate::store::{databases::KeyRef, testing::TestStore};

    const SEALED: &str =
        "-MISCONF a command failed while it changed the data here: FLUSHALL removes what may be damaged";
    const FULL: &str = "-OOM command not allowed when the keys and short strings of a shard take over 30 GiB";

    fn shard_of(store: &TestStore, key: &str) -> usize {
        store.store().handle.databases.locate(KeyRef { database: 0, name: key.as_bytes() }).shard
    }

    /// A key in another shard than `key`.
    fn other_than(store: &TestStore, key: &str) -> String {
        let mut others = (0..).map(|number| number.to_string());
        others.find(|other| shard_of(store, other) != shard_of(store, key)).expect("a key in another shard")
    }

    #[test]
    fn a_command_with_long_arguments_is_executed_where_no_connection_waits() {
        let store = TestStore::new();
        let long = "x".repeat(2_000_000);
        let postpones = |line: &str| {
            let mut words = line.split(' ').map(|word| if word == "long" { &long } else { word });
            store.postpones(&Command::new(words.next().expect("a name")).with_args(words))
        };
        store.check([("SET k v", "+OK")]);
        for line in [
            "APPEND k long",
            "SETRANGE k 0 long",
            "GET long",
            "SET long v",
            "MSET a long b long",
            "RPUSH l long",
            "HSET h f long",
            "SADD s long",
            "ZADD z 1 long",
            "MGET a long",
        ] {
            assert!(postpones(line), "{line}");
        }
        for line in ["SET k long", "SETNX k long", "GETSET k long", "SETEX k 10 long", "MSET a long", "MSET a long b v"]
        {
            assert!(!postpones(line), "{line}");
        }
        store.check([("STRLEN k", ":2000000"), ("EXISTS l h s z", ":0")]);
    }

    #[test]
    fn a_panic_under_a_lock_seals_the_shard_until_it_is_flushed() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK")]);
        let databases = &store.store().handle.databases;
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _lock = databases.lock_any(shard_of(&store, "k"));
            panic!("a command that fails");
        }));
        assert!(panicked.is_err());
        let other = other_than(&store, "k");
        store.check([
            ("GET k", SEALED),
            ("SET k w", SEALED),
            ("MGET k other", SEALED),
            ("DBSIZE", SEALED),
            ("KEYS *", SEALED),
            ("SCAN 0", SEALED),
            ("RANDOMKEY", SEALED),
            (&format!("SET {other} v"), "+OK"),
            (&format!("GET {other}"), "\"v\""),
        ]);
        store.remove_expired();
        let mut client = store.client();
        client.check([("MULTI", "+OK"), ("GET k", "+QUEUED"), (&format!("GET {other}"), "+QUEUED")]);
        client.check([("EXEC", &*format!("[{SEALED}, \"v\"]"))]);
        store.check([("FLUSHALL", "+OK"), ("SET k w", "+OK"), ("GET k", "\"w\""), ("DBSIZE", ":1")]);
    }

    #[test]
    fn a_full_shard_takes_nothing_more_but_lets_go() {
        let store = TestStore::new();
        store.check([("SET k v", "+OK")]);
        store.store().handle.databases.lock_any(shard_of(&store, "k")).set_full_from(1);
        let other = other_than(&store, "k");
        store.check([
            ("SET k w", FULL),
            ("APPEND k w", FULL),
            ("EXPIRE k 10", FULL),
            (&format!("MSET {other} 1 k 2"), FULL),
            (&format!("EXISTS {other}"), ":0"),
            (&format!("SET {other} 1"), "+OK"),
            ("GET k", "\"v\""),
            ("DEL k", ":1"),
            ("SET k w", "+OK"),
        ]);
    }

    #[test]
    fn the_memory_of_entries_is_counted_and_given_back() {
        let store = TestStore::with_threads(1);
        let memory = || store.store().handle.databases.lock_any(0).memory();
        let long = "x".repeat(5000);
        for (value, expected) in [("short", 10_000..60_000), (&long, 500_000..600_000)] {
            for key in 0..100 {
                store.answer(&format!("SET {} {value}", format!("key:{key}:").repeat(40)));
            }
            assert!(expected.contains(&memory()), "{} for {} bytes", memory(), value.len());
        }
        store.answer("SET key v");
        for key in 0..100 {
            store.answer(&format!("APPEND {} {long}", format!("key:{key}:").repeat(40)));
        }
        assert!((1_000_000..2_200_000).contains(&memory()), "{}", memory());
        for key in 0..100 {
            store.answer(&format!("DEL {}", format!("key:{key}:").repeat(40)));
        }
        assert!(memory() < 100_000, "{}", memory());
        store.check([("FLUSHALL", "+OK")]);
        assert!(memory() < 1000, "{}", memory());
    }
}
