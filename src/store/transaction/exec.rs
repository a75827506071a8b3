//! EXEC: the queued commands run as one.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Response, catalog::Flags};

use super::{ClientTransaction, State, watch::Watch};
use crate::{
    server::ConnectionLayer,
    store::{
        args::Args,
        call::{KeySlot, LONG_WORK},
        command_table::Row,
        commit::Commit,
        execute::{Attempt, Patience, Planned, STOPPED, Stopped, may_take_long},
        gate::Raised,
        held::{Held, HeldShards, Shards},
        observers::Interests,
        plan::{KeysOfMany, LockPlan},
        scripts::{Engines, Mover, ScriptRun},
        settle::Seen,
        spec::{Answer, Hold, Scope},
        state::StoreState,
        tracking::ClientTracking,
    },
};

const WITHOUT_MULTI: CommandError = CommandError::new("ERR", "EXEC without MULTI");
const ABORTED: CommandError = CommandError::new("EXECABORT", "Transaction discarded because of previous errors.");

impl StoreState {
    /// Runs the queued commands of a transaction. All shards that any of them needs are locked at once, and those of the
    /// watched keys. If one of these was changed, nothing is run, and the answer is a null array.
    pub(in super::super) fn execute_queue(&self, exec: &Command, attempt: &mut Attempt) -> Answer {
        let client = ClientTransaction::of(exec.session(), self);
        let has_scripts = client.is_some_and(|(_, client)| client.state.lock().queue.has_scripts());
        match has_scripts {
            true => self.on_fiber(exec, attempt, Self::execute_queue_here),
            false => self.execute_queue_here(exec, attempt, None),
        }
    }

    /// The refusal of a command while a script runs for long. EXEC drops the transaction.
    #[cold]
    pub(in super::super) fn refuse_while_busy(&self, command: &Command, refusal: CommandError) -> CommandError {
        if !command.is("EXEC") {
            return refusal;
        }
        self.drop_transaction_of(command);
        dropped_for(&refusal)
    }

    fn execute_queue_here(&self, exec: &Command, attempt: &mut Attempt, mover: Option<Mover<'_>>) -> Answer {
        let client = ClientTransaction::of(exec.session(), self).filter(|(transaction, _)| transaction.is_open());
        let (transaction, client) = client.ok_or(WITHOUT_MULTI)?;
        let mut state = client.state.lock();
        let executed = match transaction.is_aborted() {
            true => Err(ABORTED),
            false => {
                state.queue.complete(exec);
                self.execute_transaction(&state, exec, attempt, mover)
            }
        };
        if attempt.stopped.is_some() {
            return executed.map(|(answer, _)| answer);
        }
        state.end(transaction, &self.watches);
        let (answer, number) = executed?;
        self.settle(Ok(answer), number, Seen::All, attempt)
    }

    /// Returns the answer, and the number of the commit if something was changed.
    fn execute_transaction(
        &self,
        state: &State,
        exec: &Command,
        attempt: &mut Attempt,
        mover: Option<Mover<'_>>,
    ) -> Result<(Response, Option<u64>), CommandError> {
        let is_large = state.queue.len() > MAX_SHORT_COMMANDS || state.queue.size() >= LONG_WORK;
        let is_long = is_large || state.queue.commands().any(is_long);
        attempt.check(is_long)?;
        // Dropped after the locks. A script that takes long raises it too.
        let mut raised = is_long.then(|| self.databases.gate.raise());
        let mut engines = match state.queue.has_scripts() {
            true => Some(self.lock_engines(attempt.patience).ok_or_else(|| attempt.stop(Stopped::Gated))?),
            false => None,
        };
        let (mut held, keys) = self.lock_queue(state, exec, attempt)?;
        let writes = || state.queue.commands().any(|(row, _)| row.is_some_and(Row::writes));
        if self.observers.get().has(Interests::REPLICA) && writes() {
            self.check_read_only()?;
        }
        self.check_journal(writes, attempt).map_err(|refusal| discarded(&refusal, attempt))?;
        let changes = || state.queue.commands().any(|(row, _)| row.is_some_and(Row::changes));
        self.check_snapshot(changes, keys.all(), &held, attempt)?;
        // A command that finds that it takes long cannot be postponed: those before it may have changed something.
        attempt.check(has_large_values(state, &keys, &held))?;
        let mut commit = self.begin(Patience::Long);
        if !state.watch.is_empty() && self.is_broken(&state.watch, &commit, &mut held) {
            return Ok((Response::NullArray, None));
        }
        let mut scripting = Scripting { engines: engines.as_deref_mut(), raised: &mut raised, mover };
        let answers = self.run_all((state, &keys), exec, &mut scripting, (&mut held, &mut commit));
        if commit.is_abandoned {
            held.seal();
            return Ok((Response::Array(answers), None));
        }
        self.serve_waiting(&mut commit, &mut held);
        if let Some(tracking) = ClientTracking::of(exec.session(), self) {
            tracking.note_read(exec.number());
        }
        let number = self.tell(&mut commit, &Shards::Many(&mut held), Some(exec));
        drop(held);
        self.finish(&mut commit);
        Ok((Response::Array(answers), number))
    }

    /// Locks the shards of all commands, of the watched keys, and of those who wait for keys of the commands.
    fn lock_queue<'a>(
        &self,
        state: &'a State,
        exec: &Command,
        attempt: &mut Attempt,
    ) -> Result<(HeldShards<'_>, KeysOfMany<'a>), CommandError> {
        loop {
            let (mut plan, mut keys) = self.plan(state, exec);
            self.add_shards_to_serve(&mut plan, keys.all());
            let Some(held) = plan.lock(keys.all_mut(), &self.databases, attempt.patience) else {
                return Err(attempt.stop(Stopped::Gated));
            };
            if self.holds_shards_to_serve(&held, keys.all()) {
                return Ok((held, keys));
            }
        }
    }

    fn run_queued_script<'s>(
        &'s self,
        command: &Command,
        scripting: &mut Scripting<'_, 's>,
        (held, commit): (&mut HeldShards<'s>, &mut Commit),
    ) -> Response {
        let Some(engines) = scripting.engines.as_deref_mut() else { return Response::Null };
        // Once a script has moved, connections do not wait for the others either.
        let mover = scripting.mover.filter(|_| scripting.raised.is_none());
        let run = ScriptRun { engines, held, commit, raised: scripting.raised, mover, is_whole: false };
        self.run_script(command, self.selected(command.session()), run).unwrap_or_else(Response::from)
    }

    /// Whether a watched key was changed, or has expired.
    fn is_broken(&self, watch: &Watch, commit: &Commit, held: &mut HeldShards<'_>) -> bool {
        watch.is_broken() || {
            let now = self.time_of(commit, &Shards::Many(held)).as_millis() as u64;
            watch.has_expired(now, held, self)
        }
    }

    /// The shards of all commands and of the watched keys, and the keys of the commands.
    fn plan<'a>(&self, state: &'a State, exec: &Command) -> (LockPlan, KeysOfMany<'a>) {
        let (mut plan, database) = (LockPlan::default(), self.selected(exec.session()));
        let (mut keys, mut is_database_known) = (KeysOfMany::default(), true);
        state.watch.shards(self).for_each(|shard| plan.add_shard(shard));
        for (row, command) in state.queue.commands() {
            if let Some(row) = row
                && is_database_known
            {
                let args = Args::new(command);
                keys.add(row, args, database, &self.databases);
                plan.add_scope(row.spec.scope(&args), database, true, &self.databases);
                continue;
            }
            keys.add_unknown();
            if row.is_none() && command.is("SELECT") {
                is_database_known = false;
                plan.add_scope(Scope::All(Hold::AtOnce), 0, true, &self.databases);
            }
        }
        (plan, keys)
    }

    /// Runs the commands one after the other. An error of one does not stop the others.
    fn run_all<'s>(
        &'s self,
        (state, keys): (&State, &KeysOfMany<'_>),
        exec: &Command,
        scripting: &mut Scripting<'_, 's>,
        (held, commit): (&mut HeldShards<'s>, &mut Commit),
    ) -> Vec<Response> {
        let mut session = exec.shared_session();
        let run = |((row, command), keys): ((Option<&'static Row>, &Command), _)| match row {
            // Its messages go behind the answer to EXEC.
            Some(row) if row.flags().has(Flags::PUBSUB) => {
                let command = command.clone().in_session(Arc::clone(&session), exec.number());
                self.answer_pub_sub(commit, &command, exec)
            }
            Some(_) if command.runs_commands() => {
                let command = command.clone().in_session(Arc::clone(&session), exec.number());
                self.run_queued_script(&command, scripting, (held, commit))
            }
            Some(row) => {
                let planned = Planned { row, args: Args::new(command), database: self.selected(&session), keys };
                self.execute_held(planned, &session, held, commit).unwrap_or_else(Response::from)
            }
            None => {
                let command = command.clone().in_session(Arc::clone(&session), exec.number());
                let Some(ran) = ConnectionLayer::run_queued(&command) else { return Response::Null };
                session = ran.session;
                ran.response
            }
        };
        state.queue.commands().zip(keys.each()).map(run).collect()
    }
}

/// What the scripts of a transaction need.
struct Scripting<'r, 's> {
    engines: Option<&'r mut Engines>,
    raised: &'r mut Option<Raised<'s>>,
    mover: Option<Mover<'r>>,
}

/// The refusal of EXEC, which drops the transaction.
fn discarded(refusal: &CommandError, attempt: &Attempt) -> CommandError {
    match attempt.stopped {
        Some(_) => STOPPED,
        None => dropped_for(refusal),
    }
}

fn dropped_for(refusal: &CommandError) -> CommandError {
    CommandError::with_code("EXECABORT", format!("Transaction discarded because of: {refusal}"))
}

/// The most commands of a transaction that takes no long time.
const MAX_SHORT_COMMANDS: usize = 1000;

/// The size from which a value is large: commands on it may take long. A short element of a collection is more work than its
/// bytes.
const LARGE: usize = LONG_WORK / 4;

/// Whether the values of the keys of the commands are large.
fn has_large_values(state: &State, keys: &KeysOfMany<'_>, held: &HeldShards<'_>) -> bool {
    let mut commands = state.queue.commands().zip(keys.each());
    let has_unknown_keys = commands.any(|((row, _), keys)| row.is_some() && keys.is_none());
    let mut may_hold_some = false;
    held.for_each(&mut |shard| may_hold_some |= shard.external_memory() >= LARGE);
    may_hold_some && (has_unknown_keys || keys.all().iter().map(|key| size_of_value(key, held)).sum::<usize>() >= LARGE)
}

fn size_of_value(key: &KeySlot<'_>, held: &HeldShards<'_>) -> usize {
    held.shard(key.shard as usize).size_of_value(key.hash, key.name)
}

fn is_long((row, command): (Option<&'static Row>, &Command)) -> bool {
    row.is_some_and(|row| may_take_long(row, command))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::TestStore;

    #[test]
    fn commands_are_queued_and_run_as_one() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([("MULTI", "+OK"), ("SET k 1", "+QUEUED"), ("INCR k", "+QUEUED"), ("GET missing", "+QUEUED")]);
        store.check([("EXISTS k", ":0")]);
        client.check([("EXEC", "[+OK, :2, (nil)]"), ("GET k", "\"2\""), ("EXEC", "-ERR EXEC without MULTI")]);
    }

    #[test]
    fn an_error_at_queueing_aborts_and_one_at_run_time_does_not() {
        let store = TestStore::new();
        let mut client = store.client();
        const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.";
        for line in ["GET", "NOSUCH x", "GET a b", "OBJECT NOSUCH k"] {
            client.check([("MULTI", "+OK"), ("SET k 1", "+QUEUED")]);
            assert!(client.answer(line).is_error(), "{line}");
            client.check([("INCR k", "+QUEUED"), ("EXEC", ABORTED), ("EXISTS k", ":0")]);
        }
        const ARITY: &str = "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
        client.check([("EXEC 0", ARITY)]);
        client.check([("MULTI", "+OK"), ("SET k a", "+QUEUED"), ("INCR k", "+QUEUED"), ("SET l 1", "+QUEUED")]);
        client.check([("EXEC", "[+OK, -ERR value is not an integer or out of range, +OK]"), ("GET l", "\"1\"")]);
    }

    #[test]
    fn an_exec_that_is_refused_forgets_the_watched_keys() {
        let store = TestStore::new();
        let mut client = store.client();
        for before in ["PING", "MULTI"] {
            client.check([("WATCH k", "+OK")]);
            client.answer(before);
            assert!(client.answer("EXEC 0").is_error());
            store.check([("SET k 1", "+OK")]);
            client.check([("MULTI", "+OK"), ("GET k", "+QUEUED"), ("EXEC", "[\"1\"]")]);
        }
    }

    #[test]
    fn discard_forgets_the_queue_and_the_watched_keys() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([("DISCARD", "-ERR DISCARD without MULTI"), ("WATCH k", "+OK"), ("MULTI", "+OK")]);
        client.check([("SET k 1", "+QUEUED"), ("DISCARD", "+OK"), ("EXISTS k", ":0"), ("MULTI", "+OK")]);
        store.check([("SET k 2", "+OK")]);
        client.check([("GET k", "+QUEUED"), ("EXEC", "[\"2\"]")]);
    }

    #[test]
    fn transactions_do_not_nest_and_nothing_is_watched_inside() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([
            ("MULTI", "+OK"),
            ("MULTI", "-ERR MULTI calls can not be nested"),
            ("WATCH k", "-ERR WATCH inside MULTI is not allowed"),
            ("PING", "+QUEUED"),
            ("EXEC", "[+PONG]"),
        ]);
    }

    #[test]
    fn a_command_without_a_connection_begins_no_transaction() {
        let store = TestStore::new();
        let refusal = "-ERR the command did not come from a connection";
        store.check([
            ("MULTI", refusal),
            ("WATCH k", refusal),
            ("UNWATCH", "+OK"),
            ("EXEC", "-ERR EXEC without MULTI"),
        ]);
    }

    #[test]
    fn a_queue_is_bounded() {
        let store = TestStore::built(|builder| builder.max_transaction_size(1000));
        let mut client = store.client();
        client.check([("MULTI", "+OK")]);
        let queued = (0..10).take_while(|_| client.answer("SET k v").to_string() == "+QUEUED").count();
        assert!((3..6).contains(&queued), "{queued}");
        client.check([("EXEC", "-EXECABORT Transaction discarded because of previous errors."), ("EXISTS k", ":0")]);
        client.check([("MULTI", "+OK"), ("SET k v", "+QUEUED"), ("EXEC", "[+OK]")]);
    }

    #[test]
    fn queued_commands_count_as_memory_of_their_clients() {
        let store = TestStore::new();
        let counted = || {
            let info = store.answer("INFO memory").to_string();
            let (_, field) = info.split_once("mem_clients_normal:").expect("the field");
            field.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().expect("a number")
        };
        let (mut one, mut other) = (store.client(), store.client());
        one.check([("MULTI", "+OK"), ("SET k v", "+QUEUED")]);
        other.check([("MULTI", "+OK"), ("SET k v", "+QUEUED"), ("SET k v", "+QUEUED")]);
        let all = counted();
        one.check([("EXEC", "[+OK]")]);
        assert!(all > counted() && counted() > 0);
        drop(other);
        assert_eq!(counted(), 0);
    }

    #[test]
    fn a_transaction_on_large_values_runs_where_no_connection_waits() {
        let store = TestStore::new();
        let member = |number| format!("member:{number}");
        store.answer_to(Command::new("SADD").arg("s").with_args((0..40_000).map(member)));
        store.answer_to(Command::new("SET").arg("k").arg("x".repeat(1_000_000)));
        let mut client = store.client();
        let mut queue = |lines: &[&str]| {
            client.check([("MULTI", "+OK")]);
            client.check(lines.iter().map(|line| (*line, "+QUEUED")));
            client.postpones("EXEC") && !client.answer("EXEC").is_error()
        };
        for lines in [&["INCR n", "SUNIONSTORE t s"][..], &["INCR n", "APPEND k x"], &["SELECT 0", "INCR n"]] {
            assert!(queue(lines), "{lines:?}");
        }
        let append = format!("APPEND short {}", "x".repeat(1_100_000));
        assert!(queue(&["SET short v", &append, "APPEND short y"]));
        store.check([
            ("GET n", "\"3\""),
            ("SCARD t", ":40000"),
            ("STRLEN k", ":1000001"),
            ("STRLEN short", ":1100002"),
        ]);
        assert!(!queue(&["INCR n", "GET n", "PING", "DEL other"]));
        store.check([("GET n", "\"4\"")]);
    }

    #[test]
    fn many_commands_and_large_ones_run_in_their_order() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([("MULTI", "+OK")]);
        let (large, mut expected) = ("x".repeat(70_000), String::new());
        for number in 0..600 {
            let part = if number == 100 { large.clone() } else { format!("{number},") };
            client.check([(&*format!("APPEND k {part}"), "+QUEUED")]);
            expected += &part;
        }
        assert!(!client.answer("EXEC").is_error());
        store.check([("GET k", &*format!("\"{expected}\""))]);
    }

    #[test]
    fn the_time_is_the_same_in_a_whole_transaction() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([("MULTI", "+OK"), ("SET k v EX 1", "+QUEUED"), ("PTTL k", "+QUEUED"), ("TIME", "+QUEUED")]);
        client.check([("EXEC", "[+OK, :1000, [\"1700000000\", \"0\"]]")]);
    }
}
