//! Whether a command may change something now: the journal and a snapshot may have no room for it. Asked when its shards are locked,
//! before it changes anything.

use std::task::{Poll, Waker};

use kvstore_protocol::CommandError;

use super::{
    call::KeySlot,
    execute::{Attempt, Stopped},
    held::{Held, HeldShards},
    journal::{Admission, Ticket, block_on},
    observers::Interests,
    state::StoreState,
};

const UNSAVED: CommandError = CommandError::new(
    "MISCONF",
    "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set \
     are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails \
     (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
);

/// The place of a command that waits for room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room(Option<Ticket>);

impl StoreState {
    /// Whether a command may tell its changes to the journal, which is asked if it writes. Its locks are held, and given back if it
    /// may not.
    ///
    /// # Errors
    /// If the journal takes no commits, or the last snapshot was not saved.
    #[inline]
    pub(super) fn check_journal(
        &self,
        writes: impl FnOnce() -> bool,
        attempt: &mut Attempt,
    ) -> Result<(), CommandError> {
        let is_halted = self.observers.get().has(Interests::REFUSING) && writes();
        if is_halted { self.ask_disk(attempt) } else { Ok(()) }
    }

    #[cold]
    fn ask_disk(&self, attempt: &mut Attempt) -> Result<(), CommandError> {
        if self.observers.get().has(Interests::UNSAVED) { Err(UNSAVED) } else { self.ask_journal(attempt) }
    }

    #[cold]
    pub(super) fn ask_journal(&self, attempt: &mut Attempt) -> Result<(), CommandError> {
        match self.journal().map(|journal| journal.admission()) {
            Some(Admission::Refused(refusal)) => Err(refusal),
            Some(Admission::Later) => Err(attempt.stop(Stopped::Crowded)),
            None | Some(Admission::Admitted) => Ok(()),
        }
    }

    /// Whether a command may change these keys while a snapshot is taken, if it writes: there is room for what they were, and large
    /// collections are saved. Its locks are held, and given back if it may not.
    ///
    /// # Errors
    /// If it is to wait.
    #[inline]
    pub(super) fn check_snapshot(
        &self,
        writes: impl FnOnce() -> bool,
        keys: &[KeySlot<'_>],
        held: &HeldShards<'_>,
        attempt: &mut Attempt,
    ) -> Result<(), CommandError> {
        let is_asked = self.observers.get().has(Interests::SAVING) && writes();
        if is_asked { self.ask_snapshot(keys, held, attempt) } else { Ok(()) }
    }

    #[cold]
    fn ask_snapshot(
        &self,
        keys: &[KeySlot<'_>],
        held: &HeldShards<'_>,
        attempt: &mut Attempt,
    ) -> Result<(), CommandError> {
        let mut waits = self.snapshots.are_crowded();
        for key in keys {
            if let Some(large) = held.shard(key.shard as usize).large_to_save(key.hash, key.name) {
                self.snapshots.want(held.index(key.shard as usize), large);
                waits = true;
            }
        }
        if waits { Err(attempt.stop(Stopped::Crowded)) } else { Ok(()) }
    }

    /// Leaves a waker until there is room for what a command writes: in the journal, and with the snapshot. Returns `None` if there
    /// is.
    pub(super) fn wait_for_room(&self, room: Room, waker: &Waker) -> Option<Room> {
        let ticket = self.journal().and_then(|journal| journal.wait_for_room(room.0, waker));
        (ticket.is_some() || self.snapshots.wait_for_room(waker)).then_some(Room(ticket))
    }

    /// Why commands that write are refused, if they are.
    pub(super) fn write_refusal(&self) -> Option<CommandError> {
        if !self.observers.get().has(Interests::HALTED) {
            return None;
        }
        if self.observers.get().has(Interests::UNSAVED) {
            return Some(UNSAVED);
        }
        match self.journal()?.admission() {
            Admission::Refused(refusal) => Some(refusal),
            Admission::Admitted | Admission::Later => None,
        }
    }

    /// Blocks the thread until there is room.
    pub(super) fn block_for_room(&self) {
        let mut room = Room::default();
        block_on(|waker| match self.wait_for_room(room, waker) {
            Some(waits) => {
                room = waits;
                Poll::Pending
            }
            None => Poll::Ready(()),
        });
    }
}
