//! How much is mirrored at a time.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// The room for commands that wait or are under way.
#[derive(Debug)]
pub(super) struct Room {
    max_commands: usize,
    max_bytes: usize,
    commands: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
    emptied: Notify,
}

/// The place of one command. It goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    pub(super) fn new(max_commands: usize, max_bytes: usize) -> Self {
        let (commands, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { max_commands, max_bytes, commands, bytes, dropped: AtomicU64::new(0), emptied: Notify::new() }
    }

    /// A place for a command of so many bytes, if there is one. A lone command has one, however large it is.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Slot> {
        let commands = self.commands.fetch_add(1, Ordering::Relaxed);
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let slot = Slot { room: Arc::clone(self), bytes };
        let is_room = commands < self.max_commands && (taken == 0 || taken.saturating_add(bytes) <= self.max_bytes);
        is_room.then_some(slot)
    }

    pub(super) fn in_use(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// Waits for a moment at which no place is taken.
    pub(super) async fn empty(&self) {
        let mut emptied = pin!(self.emptied.notified());
        // Listens before it looks: the last place does not go back unheard in between.
        emptied.as_mut().enable();
        if self.in_use() > 0 {
            emptied.await;
        }
    }

    pub(super) fn count_dropped(&self, commands: usize) {
        self.dropped.fetch_add(commands as u64, Ordering::Relaxed);
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.room.commands.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.room.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_commands_of_so_many_bytes() {
        let room = Arc::new(Room::new(3, 100));
        let large = room.take(99).expect("room");
        let small = room.take(1).expect("room");
        assert!(room.take(1).is_none());
        drop(large);
        let others = [room.take(1), room.take(1)];
        assert!(others.iter().all(Option::is_some) && room.take(1).is_none());
        drop((small, others));
        assert_eq!(room.in_use(), 0);
    }

    #[test]
    fn a_lone_command_may_have_any_size() {
        let room = Arc::new(Room::new(3, 100));
        let huge = room.take(1000).expect("room");
        assert!(room.take(1).is_none());
        drop(huge);
        assert!(room.take(1).is_some());
    }
}
