//! [`Mailbox`]: the sending end.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, MutexGuard},
};

use super::{
    Message, Order, SendError,
    channel::{Channel, Queued},
};
use crate::Session;

/// The sending end of a mailbox. It is cheap to clone, and may be kept after the connection has closed.
///
/// Two of them are equal if they send to the same connection.
#[derive(Clone)]
pub struct Mailbox(Arc<Channel>);

impl Mailbox {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self(channel)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When the mailbox is full, or the connection is closed.
    pub fn try_send(&self, message: Message) -> Result<(), SendError> {
        self.queue(message, self.0.capacity, self.0.max_bytes)
    }

    /// Queues a message, whatever the capacity of the mailbox, as long as those that wait take about this many bytes at most.
    /// One message always has room.
    ///
    /// # Errors
    /// When the messages would take more, or the connection is closed.
    pub fn try_send_within(&self, message: Message, max_bytes: usize) -> Result<(), SendError> {
        self.queue(message, usize::MAX, max_bytes)
    }

    fn queue(&self, message: Message, capacity: usize, max_bytes: usize) -> Result<(), SendError> {
        let size = message.response.size();
        let mut queued = self.0.lock();
        if !queued.takes_messages() {
            return Err(SendError::Closed(message.response));
        }
        let is_over = queued.bytes.saturating_add(size) > max_bytes && !queued.messages.is_empty();
        if is_over || queued.messages.len() >= capacity {
            queued.wants_room = true;
            return Err(SendError::Full(message.response));
        }
        queued.bytes += size;
        queued.messages.push_back(message);
        self.0.announce(queued);
        Ok(())
    }

    /// Queues a message, and waits for room if there is none.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection is closed.
    ///
    /// # Cancel safety
    /// Nothing was sent when the future is dropped before it is ready.
    pub async fn send(&self, mut message: Message) -> Result<(), SendError> {
        loop {
            // Registered before the attempt, so that room made in between is not missed.
            let room = self.0.room.notified();
            let Message { number, position, .. } = message;
            match self.try_send(message) {
                Err(SendError::Full(response)) => message = Message { number, position, response },
                sent => return sent,
            }
            room.await;
        }
    }

    /// Queues a change of the session. It applies to the commands that are called after it, not to those in flight: a
    /// command that changes its session must be an exclusive command of the transport.
    pub fn change_session(&self, change: impl FnOnce(&mut Session) + Send + 'static) {
        let mut queued = self.0.lock();
        if queued.takes_messages() {
            queued.changes.push(Box::new(change));
            self.0.announce(queued);
        }
    }

    /// Tells the connection to close.
    pub fn order(&self, order: Order) {
        let mut queued = self.0.lock();
        if queued.is_open {
            queued.order = queued.order.max(Some(order));
            self.0.announce(queued);
        }
    }

    /// Wakes the connection, so that it reads a setting that has changed.
    pub fn nudge(&self) {
        self.0.announce(self.0.lock());
    }

    pub(super) fn queued(&self) -> MutexGuard<'_, Queued> {
        self.0.lock()
    }

    /// Whether the connection takes messages.
    pub fn is_open(&self) -> bool {
        self.0.lock().takes_messages()
    }

    /// Waits until the connection takes no more messages: until it is closed, or upgraded to another protocol.
    pub async fn closed(&self) {
        loop {
            // Registered before it is asked, so that an end in between is not missed.
            let end = self.0.room.notified();
            if !self.is_open() {
                return;
            }
            end.await;
        }
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mailbox {}

impl Hash for Mailbox {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("capacity", &self.0.capacity).finish_non_exhaustive()
    }
}
