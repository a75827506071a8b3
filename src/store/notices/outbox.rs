//! [`Outbox`]: what is sent after the locks, in the order in which it was put there.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex, MutexGuard};

/// The most items that wait while a thread goes on that has added some.
const MAX_WAITING: usize = 1024;

/// A queue that one thread at a time empties.
///
/// An item is added under the locks of a commit, which decide its place. Afterwards the same thread sends it, or another one
/// that is sending already. Where items come faster than one thread sends them, those that add them wait.
#[derive(Debug)]
pub(in super::super) struct Outbox<T> {
    queue: Mutex<Queue<T>>,
    /// Notified when there is room, and when nobody sends any more.
    room: Condvar,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    is_sending: bool,
}

/// The turn of a thread to send. It ends when this is dropped, also by a panic.
struct Turn<'a, T> {
    queue: MutexGuard<'a, Queue<T>>,
    room: &'a Condvar,
}

impl<T> Outbox<T> {
    pub(in super::super) fn new() -> Self {
        Self { queue: Mutex::new(Queue { items: VecDeque::new(), is_sending: false }), room: Condvar::new() }
    }

    /// Adds an item.
    pub(in super::super) fn push(&self, item: T) {
        self.queue.lock().items.push_back(item);
    }

    /// Whether an item is not sent yet.
    pub(in super::super) fn is_busy(&self) -> bool {
        let queue = self.queue.lock();
        queue.is_sending || !queue.items.is_empty()
    }

    /// Sends all items, unless another thread does.
    pub(in super::super) fn send_all(&self, mut send: impl FnMut(T)) {
        let mut queue = self.queue.lock();
        self.room.wait_while(&mut queue, |queue| queue.is_sending && queue.items.len() > MAX_WAITING);
        if queue.is_sending {
            return;
        }
        queue.is_sending = true;
        let mut turn = Turn { queue, room: &self.room };
        while let Some(item) = turn.queue.items.pop_front() {
            if turn.queue.items.len() == MAX_WAITING {
                self.room.notify_all();
            }
            MutexGuard::unlocked(&mut turn.queue, || send(item));
        }
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.queue.is_sending = false;
        self.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    #[test]
    fn items_are_sent_in_their_order_and_each_once() {
        let (outbox, locked, sent) = (Outbox::new(), Mutex::new(0), Mutex::new(Vec::new()));
        let waiting = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        let mut last = locked.lock();
                        *last += 1;
                        outbox.push(*last);
                        drop(last);
                        waiting.fetch_max(outbox.queue.lock().items.len(), Ordering::Relaxed);
                        outbox.send_all(|item| sent.lock().push(item));
                    }
                });
            }
        });
        assert_eq!(*sent.lock(), (1..=20_000).collect::<Vec<_>>());
        assert!(waiting.into_inner() <= MAX_WAITING + 4);
    }

    #[test]
    fn a_panic_ends_the_turn() {
        let outbox = Outbox::new();
        (0..3).for_each(|item| outbox.push(item));
        assert!(catch_unwind(AssertUnwindSafe(|| outbox.send_all(|_| panic!("of a receiver")))).is_err());
        let mut sent = Vec::new();
        outbox.send_all(|item| sent.push(item));
        assert_eq!(sent, [1, 2]);
    }
}
