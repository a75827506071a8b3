//! How a command is executed: its keys are found, their shards locked, and its function called.

use kvstore_protocol::{Command, CommandError, Response};

use super::{
    args::Args,
    call::{Call, KeySlot},
    command_table::Row,
    commit::Commit,
    databases::{KeyRef, Location},
    held::{HeldShards, Shards},
    plan::{LockPlan, locate},
    spec::Answer,
    state::{NotDone, Patience, StoreState},
};

/// The most words of a command with several keys that surely takes no long time.
const MAX_SHORT_WORDS: usize = 1000;

impl StoreState {
    /// Executes a command, and waits for its locks.
    pub(super) fn execute(&self, command: &Command) -> Response {
        match self.attempt(command, Patience::Long) {
            Ok(response) => response,
            Err(NotDone::Refused(refusal)) => refusal.into(),
            Err(NotDone::Gated | NotDone::Long) => unreachable!("a patient command waits"),
        }
    }

    /// Executes a command, if that needs no more patience than is given.
    #[inline]
    pub(super) fn attempt(&self, command: &Command, patience: Patience) -> Result<Response, NotDone> {
        let Some(row) = self.table.find(command) else { return Err(CommandError::unknown_command(command).into()) };
        let row = row.resolve(command)?;
        let database = self.selected(command.session());
        if !row.is_single(command.len()) {
            return self.attempt_other(row, command, database, patience);
        }
        let args = Args::new(command);
        let Location { hash, shard } = self.databases.locate(KeyRef { database, name: args.bytes(0) });
        let mut locked = self.databases.lock_for(shard, patience)?;
        locked.unsealed()?;
        let mut commit = self.begin(patience);
        let mut keys = [KeySlot::new(1, hash, shard, database)];
        let shards = Shards::One(&mut locked);
        let session = command.session();
        let mut call = Call { store: self, row, args, session, database, shards, keys: &mut keys, commit: &mut commit };
        let answer = call.run();
        call.tell_all();
        let is_postponed = commit.is_postponed;
        drop(locked);
        self.discard(commit.garbage);
        result(answer, is_postponed)
    }

    /// Executes a command with several keys or none. Not inlined, so that commands with one key need little of the stack.
    #[inline(never)]
    fn attempt_other(
        &self,
        row: &'static Row,
        command: &Command,
        database: usize,
        patience: Patience,
    ) -> Result<Response, NotDone> {
        let args = Args::new(command);
        let may_take_long = row.spec.may_take_long.is_some_and(|may_take_long| may_take_long(&args));
        let may_take_long = may_take_long || command.len() > MAX_SHORT_WORDS;
        if may_take_long && patience == Patience::Short {
            return Err(NotDone::Long);
        }
        let _raised = may_take_long.then(|| self.databases.gate.raise());
        let mut keys = locate(row, args, database, &self.databases)?;
        let mut plan = LockPlan::default();
        plan.add_keys(&keys);
        plan.add_scope(row.spec.scope, database, false, &self.databases);
        let mut held = plan.lock(&self.databases, patience)?;
        let mut commit = self.begin(patience);
        let shards = match held.len() {
            0 => Shards::None,
            1 => Shards::One(held.first()),
            _ => Shards::Many(&mut held),
        };
        let session = command.session();
        let mut call = Call { store: self, row, args, session, database, shards, keys: &mut keys, commit: &mut commit };
        let answer = call.check_sealed().and_then(|()| call.run());
        call.tell_all();
        let is_postponed = commit.is_postponed;
        drop(held);
        self.discard(commit.garbage);
        result(answer, is_postponed)
    }

    /// Executes one of several commands, whose shards are held. It is recorded if it changed something.
    pub(super) fn execute_held(
        &self,
        (row, command, database): (&'static Row, &Command, usize),
        held: &mut HeldShards<'_>,
        commit: &mut Commit,
    ) -> Answer {
        let args = Args::new(command);
        let mut keys = locate(row, args, database, &self.databases)?;
        let shards = Shards::Many(held);
        let session = command.session();
        let mut call = Call { store: self, row, args, session, database, shards, keys: &mut keys, commit };
        call.check_sealed()?;
        call.run()
    }
}

/// The result of a command. A postponed one has changed nothing.
#[inline]
fn result(answer: Answer, is_postponed: bool) -> Result<Response, NotDone> {
    match answer {
        Ok(response) => Ok(response),
        Err(_) if is_postponed => Err(NotDone::Long),
        Err(refusal) => Err(NotDone::Refused(refusal)),
    }
}
