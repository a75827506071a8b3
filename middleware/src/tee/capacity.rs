//! Bounds how much is mirrored at a time.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

/// The capacity for commands that are pending or in flight.
#[derive(Debug)]
pub(super) struct Capacity {
    max_commands: usize,
    max_bytes: usize,
    commands: AtomicUsize,
    bytes: AtomicUsize,
    dropped: AtomicU64,
    emptied: Notify,
}

/// The capacity that one command takes. Given back on drop.
#[derive(Debug)]
pub(super) struct Reservation {
    capacity: Arc<Capacity>,
    bytes: usize,
}

impl Capacity {
    pub(super) fn new(max_commands: usize, max_bytes: usize) -> Self {
        let (commands, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { max_commands, max_bytes, commands, bytes, dropped: AtomicU64::new(0), emptied: Notify::new() }
    }

    /// Reserves capacity for a command of so many bytes, if there is any. A lone command may have any size.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let commands = self.commands.fetch_add(1, Ordering::Relaxed);
        let taken = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let reservation = Reservation { capacity: Arc::clone(self), bytes };
        let is_room = commands < self.max_commands && (taken == 0 || taken.saturating_add(bytes) <= self.max_bytes);
        is_room.then_some(reservation)
    }

    pub(super) fn in_use(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// Waits for a moment at which nothing is reserved.
    pub(super) async fn empty(&self) {
        let mut emptied = pin!(self.emptied.notified());
        // Enabled before the check, so that no notification is lost in between.
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

impl Drop for Reservation {
    fn drop(&mut self) {
        self.capacity.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if self.capacity.commands.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.capacity.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_commands_of_so_many_bytes() {
        let capacity = Arc::new(Capacity::new(3, 100));
        let large = capacity.take(99).expect("room");
        let small = capacity.take(1).expect("room");
        assert!(capacity.take(1).is_none());
        drop(large);
        let others = [capacity.take(1), capacity.take(1)];
        assert!(others.iter().all(Option::is_some) && capacity.take(1).is_none());
        drop((small, others));
        assert_eq!(capacity.in_use(), 0);
    }

    #[test]
    fn a_lone_command_may_have_any_size() {
        let capacity = Arc::new(Capacity::new(3, 100));
        let huge = capacity.take(1000).expect("room");
        assert!(capacity.take(1).is_none());
        drop(huge);
        assert!(capacity.take(1).is_some());
    }
}
