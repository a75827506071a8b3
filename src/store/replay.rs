//! [`Store::apply`]: a recorded commit is run again.

use kvstore_protocol::CommandError;

use super::{
    Record, Store,
    args::Args,
    commit::Commit,
    execute::Patience,
    held::HeldShards,
    plan::{LockPlan, PerKey, locate},
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
    fn apply(&self, record: &Record) -> Result<(), CommandError> {
        let mut plan = LockPlan::default();
        for (database, command) in record.commands() {
            let row = self.row_of(command)?;
            let mut keys = PerKey::new();
            locate(row, Args::new(command), *database, &self.databases, &mut keys)?;
            plan.add_keys(&keys);
            plan.add_scope(row.spec.scope, *database, true, &self.databases);
        }
        let _raised = self.databases.gate.raise();
        let mut held = plan.lock(&self.databases, Patience::Long).expect("a patient command waits");
        held.advance(record.time());
        let mut commit = Commit::new(record.time().as_secs() as u32, false, true);
        commit.now.set(Some(record.time()));
        let applied = self.run_recorded(record, &mut held, &mut commit);
        drop(held);
        self.discard(&mut commit);
        applied
    }

    fn run_recorded(
        &self,
        record: &Record,
        held: &mut HeldShards<'_>,
        commit: &mut Commit,
    ) -> Result<(), CommandError> {
        record.commands().iter().try_for_each(|(database, command)| {
            let row = self.row_of(command)?;
            self.execute_held((row, command, *database), held, commit).map(drop)
        })
    }
}
