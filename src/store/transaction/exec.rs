//! EXEC: the queued commands run as one.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Response};

use super::{ClientTransaction, State, queue::Queued};
use crate::{
    server::ConnectionLayer,
    store::{
        args::Args,
        commit::Commit,
        execute::{Attempt, Patience, Stopped, may_take_long},
        held::{HeldShards, Shards},
        plan::{LockPlan, PerKey, locate},
        spec::{Answer, Hold, Scope},
        state::StoreState,
    },
};

const WITHOUT_MULTI: CommandError = CommandError::new("ERR", "EXEC without MULTI");
const ABORTED: CommandError = CommandError::new("EXECABORT", "Transaction discarded because of previous errors.");

impl StoreState {
    /// Runs the queued commands of a transaction. All shards that any of them needs are locked at once, and those of the
    /// watched keys. If one of these was changed, nothing is run, and the answer is a null array.
    pub(in super::super) fn execute_queue(&self, exec: &Command, attempt: &mut Attempt) -> Answer {
        let client = ClientTransaction::of(exec.session(), self).filter(|(transaction, _)| transaction.is_open());
        let (transaction, client) = client.ok_or(WITHOUT_MULTI)?;
        let mut state = client.state.lock();
        let answer = match transaction.is_aborted() {
            true => Err(ABORTED),
            false => self.execute_transaction(&state, exec, attempt),
        };
        if attempt.stopped.is_some() {
            return answer;
        }
        transaction.end();
        state.queue.clear();
        state.watch.clear(&self.watches);
        answer
    }

    fn execute_transaction(&self, state: &State, exec: &Command, attempt: &mut Attempt) -> Answer {
        let commands = state.queue.commands();
        let is_long = commands.iter().any(is_long) || commands.len() > MAX_SHORT_COMMANDS;
        attempt.check(is_long)?;
        let _raised = is_long.then(|| self.databases.gate.raise());
        let Some(mut held) = self.plan(state, exec).lock(&self.databases, attempt.patience) else {
            return Err(attempt.stop(Stopped::Gated));
        };
        let mut commit = self.begin(Patience::Long);
        let is_broken = state.watch.is_broken() || {
            let now = self.time_of(&commit, &Shards::Many(&mut held)).as_millis() as u64;
            state.watch.has_expired(now, &held, self)
        };
        if is_broken {
            return Ok(Response::NullArray);
        }
        let answers = self.run_all(commands, exec, &mut held, &mut commit);
        self.tell_all(&mut commit, &Shards::Many(&mut held));
        drop(held);
        self.discard(&mut commit);
        Ok(Response::Array(answers))
    }

    /// The shards of all commands and of the watched keys.
    fn plan(&self, state: &State, exec: &Command) -> LockPlan {
        let (mut plan, database) = (LockPlan::default(), self.selected(exec.session()));
        let mut keys = PerKey::new();
        state.watch.shards(self).for_each(|shard| plan.add_shard(shard));
        for Queued { row, command } in state.queue.commands() {
            match row {
                Some(row) => {
                    // A command whose keys cannot be found answers an error, and touches none.
                    keys.clear();
                    if locate(row, Args::new(command), database, &self.databases, &mut keys).is_ok() {
                        plan.add_keys(&keys);
                    }
                    plan.add_scope(row.spec.scope, database, true, &self.databases);
                }
                // The keys of the commands after it are in a database that is not known yet.
                None if command.is("SELECT") => plan.add_scope(Scope::All(Hold::AtOnce), 0, true, &self.databases),
                None => {}
            }
        }
        plan
    }

    /// Runs the commands one after the other. An error of one does not stop the others.
    fn run_all(
        &self,
        commands: &[Queued],
        exec: &Command,
        held: &mut HeldShards<'_>,
        commit: &mut Commit,
    ) -> Vec<Response> {
        let mut session = exec.shared_session();
        let run = |Queued { row, command }: &Queued| match row {
            Some(row) => {
                let database = self.selected(&session);
                self.execute_held((row, command, database), held, commit).unwrap_or_else(Response::from)
            }
            None => {
                let command = command.clone().in_session(Arc::clone(&session), exec.number());
                let Some(ran) = ConnectionLayer::run_queued(&command) else { return Response::Null };
                session = ran.session;
                ran.response
            }
        };
        commands.iter().map(run).collect()
    }
}

/// The most commands of a transaction that takes no long time.
const MAX_SHORT_COMMANDS: usize = 1000;

fn is_long(queued: &Queued) -> bool {
    queued.row.is_some_and(|row| may_take_long(row, &queued.command))
}

#[cfg(test)]
mod tests {
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
        client.check([("MULTI", "+OK"), ("SET k a", "+QUEUED"), ("INCR k", "+QUEUED"), ("SET l 1", "+QUEUED")]);
        client.check([("EXEC", "[+OK, -ERR value is not an integer or out of range, +OK]"), ("GET l", "\"1\"")]);
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
    fn the_time_is_the_same_in_a_whole_transaction() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([("MULTI", "+OK"), ("SET k v EX 1", "+QUEUED"), ("PTTL k", "+QUEUED"), ("TIME", "+QUEUED")]);
        client.check([("EXEC", "[+OK, :1000, [\"1700000000\", \"0\"]]")]);
    }
}
