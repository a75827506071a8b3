//! What commands may do while the store is a replica.

use kvstore_protocol::{Command, CommandError};

use crate::store::{observers::Interests, state::StoreState};

const READ_ONLY: CommandError = CommandError::new("READONLY", "You can't write against a read only replica.");
const UNBLOCKED: CommandError = CommandError::new(
    "UNBLOCKED",
    "force unblock from blocking operation, instance state changed (master -> replica?)",
);

impl StoreState {
    /// Whether a command of a client may be executed.
    ///
    /// # Errors
    /// `READONLY`
    #[inline]
    pub(in crate::store) fn check_role(&self, command: &Command) -> Result<(), CommandError> {
        if self.observers.get().has(Interests::REPLICA) { self.check_role_of(command) } else { Ok(()) }
    }

    #[cold]
    fn check_role_of(&self, command: &Command) -> Result<(), CommandError> {
        let Ok(row) = self.row_of(command) else { return Ok(()) };
        if row.writes() { self.check_read_only() } else { Ok(()) }
    }

    /// Whether commands of clients may write.
    ///
    /// # Errors
    /// `READONLY`
    pub(in crate::store) fn check_read_only(&self) -> Result<(), CommandError> {
        match self.replication.is_replica() && self.replication.is_read_only() {
            true => Err(READ_ONLY),
            false => Ok(()),
        }
    }

    /// Makes the store a replica of a master, or ends that. The data stays. Returns whether something has changed.
    pub(in crate::store) fn set_master(&self, master: Option<(String, u16)>) -> bool {
        let is_replica = master.is_some();
        let is_changed = self.replication.set_master(master);
        if is_changed && is_replica {
            self.waiting.end_all(&UNBLOCKED.into());
        }
        is_changed
    }
}
