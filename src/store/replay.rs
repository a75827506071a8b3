//! [`Store::apply`]: a recorded commit is run again.

use kvstore_protocol::CommandError;

use super::{
    Record, Store,
    args::Args,
    commit::Commit,
    execute::{Patience, Planned},
    held::HeldShards,
    observers::Interests,
    plan::{KeysOfMany, LockPlan},
    state::StoreState,
};

impl Store {
    /// Runs the commands of a record again, at the time at which they ran first. They are not told to the sinks.
    ///
    /// Applied to a store with the same state, in the order of their numbers, records lead to the same state. Records that
    /// share no key may be applied in any order.
    ///
    /// # Errors
    /// The error of a command, if one fails. None fails that was recorded by a [`Sink`](super::Sink).
    pub fn apply(&self, record: &Record) -> Result<(), CommandError> {
        self.handle.apply(record)
    }
}

impl StoreState {
    pub(super) fn apply(&self, record: &Record) -> Result<(), CommandError> {
        let (mut plan, mut keys) = (LockPlan::default(), KeysOfMany::default());
        for (database, command) in record.commands() {
            let row = self.row_of(command)?;
            let args = Args::new(command);
            keys.add(row, args, *database, &self.databases);
            plan.add_scope(row.spec.scope(&args), *database, true, &self.databases);
        }
        let _raised = self.databases.gate.raise();
        let mut held = plan.lock(keys.all_mut(), &self.databases, Patience::Endless).expect("a patient command waits");
        held.advance(record.time());
        let mut commit = Commit::new(record.time().as_secs() as u32, Interests::default(), true);
        commit.now.set(Some(record.time()));
        commit.must_obey = true;
        let applied = self.run_recorded(record, &keys, &mut held, &mut commit);
        drop(held);
        self.finish(&mut commit);
        applied
    }

    fn run_recorded(
        &self,
        record: &Record,
        keys: &KeysOfMany<'_>,
        held: &mut HeldShards<'_>,
        commit: &mut Commit,
    ) -> Result<(), CommandError> {
        record.commands().iter().zip(keys.each()).try_for_each(|((database, command), keys)| {
            let (row, args) = (self.row_of(command)?, Args::new(command));
            let planned = Planned { row, args, database: *database, keys };
            self.execute_held(planned, command.session(), held, commit).map(drop)
        })
    }
}
