//! [`Channel`]: what the two ends of a mailbox share.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
};

use tokio::sync::Notify;

use super::{Change, Message, Order, unblock::BlockedCommand};

pub(super) struct Channel {
    /// Whether something was sent since the inbox was last read. An atomic, since the transport asks for every command.
    has_news: AtomicBool,
    /// The most messages that wait.
    pub(super) capacity: usize,
    /// About the most bytes that they take.
    pub(super) max_bytes: usize,
    queued: Mutex<Queued>,
    /// Notified when there is room for another message, and when the connection closes.
    pub(super) room: Notify,
}

/// What was sent and not taken yet.
#[derive(Default)]
pub(super) struct Queued {
    pub(super) is_open: bool,
    /// Whether only orders are accepted.
    pub(super) is_closed_to_messages: bool,
    pub(super) messages: VecDeque<Message>,
    /// How many bytes the messages take.
    pub(super) bytes: usize,
    /// Whether a message was refused for want of room since the last was taken, so that its sender may wait.
    pub(super) wants_room: bool,
    pub(super) changes: Vec<Change>,
    pub(super) order: Option<Order>,
    /// The commands that can be unblocked. Stays while they wait.
    pub(super) blocked: Vec<BlockedCommand>,
    /// Wakes the connection. The first sender takes it.
    pub(super) waker: Option<Waker>,
}

impl Queued {
    pub(super) fn takes_messages(&self) -> bool {
        // The messages of a connection that is killed are not sent.
        self.is_open && !self.is_closed_to_messages && self.order != Some(Order::Kill)
    }
}

impl Channel {
    pub(super) fn new(capacity: usize, max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            has_news: AtomicBool::new(false),
            capacity,
            max_bytes,
            queued: Mutex::new(Queued { is_open: true, ..Queued::default() }),
            room: Notify::new(),
        })
    }

    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Acquire)
    }

    /// Notes that the inbox was read. Called under the lock, as [`announce`](Self::announce) is.
    pub(super) fn clear_news(&self) {
        self.has_news.store(false, Ordering::Release);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the connection, after something was queued.
    pub(super) fn announce(&self, mut queued: MutexGuard<'_, Queued>) {
        self.has_news.store(true, Ordering::Release);
        let waker = queued.waker.take();
        drop(queued);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
