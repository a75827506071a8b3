//! [`Inbox`]: the receiving end.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{Change, Order, Position, channel::Channel};
use crate::Response;

/// How many messages an empty queue keeps room for.
const KEPT: usize = 64;

/// The receiving end of a mailbox. A connection waits for it beside its socket.
pub struct Inbox {
    channel: Arc<Channel>,
    /// Whether messages wait, for room in the output or for an answer that goes first.
    holds_messages: bool,
    /// The waker that is registered, until something was sent.
    waker: Option<Waker>,
}

/// Changes of the session and an order, taken from an inbox.
#[derive(Default)]
pub struct Mail {
    /// How the connection is told to end. An order stays in the inbox.
    pub order: Option<Order>,
    /// Changes of the session, in the order in which they were sent.
    pub changes: Vec<Change>,
}

impl Inbox {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self { channel, holds_messages: false, waker: None }
    }

    /// Whether there may be something to take, now or after the next answer. Takes no lock.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.holds_messages || self.channel.has_news()
    }

    /// About how many bytes the messages take that wait, if there were some at the last [`take`](Self::take).
    pub fn message_bytes(&self) -> usize {
        if self.holds_messages { self.channel.lock().bytes } else { 0 }
    }

    /// Waits until something is sent.
    pub fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.channel.has_news() {
            return Poll::Ready(());
        }
        // Only the first sender takes the waker, so it is still registered.
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let mut queued = self.channel.lock();
        // Asked again under the lock, under which it is set.
        if self.channel.has_news() {
            return Poll::Ready(());
        }
        queued.waker = Some(cx.waker().clone());
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes what was sent besides messages.
    pub fn take(&mut self) -> Mail {
        self.waker = None;
        let mut queued = self.channel.lock();
        self.holds_messages = !queued.messages.is_empty();
        self.channel.clear_news();
        Mail { order: queued.order, changes: mem::take(&mut queued.changes) }
    }

    /// Takes the next message that may be sent when `answered` commands have been answered: one that goes behind an answer
    /// that was sent, or in front of the next. Messages sent after the last [`take`](Inbox::take) may wait for another.
    ///
    /// Returns one at a time, so that a connection takes no more than it has room for.
    pub fn next_message(&mut self, answered: u64) -> Option<Response> {
        if !self.holds_messages {
            return None;
        }
        let mut queued = self.channel.lock();
        let next = queued.messages.iter().position(|message| match message.position {
            Position::BeforeAnswer => message.number <= answered + 1,
            Position::AfterAnswer => message.number <= answered,
        });
        let message = next.and_then(|index| queued.messages.remove(index))?;
        queued.bytes -= message.response.size();
        self.holds_messages = !queued.messages.is_empty();
        // A burst of messages does not keep its memory.
        let emptied =
            (!self.holds_messages && queued.messages.capacity() > KEPT).then(|| mem::take(&mut queued.messages));
        let wants_room = mem::take(&mut queued.wants_room);
        drop(queued);
        drop(emptied);
        if wants_room {
            self.channel.room.notify_waiters();
        }
        Some(message.response)
    }

    /// Accepts only orders from now on: senders of messages get [`SendError::Closed`]. Messages that wait can be taken. For a
    /// connection that is closed in order.
    ///
    /// [`SendError::Closed`]: super::SendError::Closed
    pub fn refuse_messages(&mut self) {
        self.channel.lock().is_closed_to_messages = true;
        self.channel.room.notify_waiters();
    }

    /// The same, and drops the messages that wait. For a connection that was upgraded to another protocol.
    pub fn close_to_messages(&mut self) {
        let mut queued = self.channel.lock();
        queued.is_closed_to_messages = true;
        let dropped = mem::take(&mut queued.messages);
        queued.bytes = 0;
        drop(queued);
        self.channel.room.notify_waiters();
        // Outside of the lock, since a response may own anything.
        drop(dropped);
    }

    /// Returns the order, and leaves everything else for later. For a connection without room for messages.
    pub fn peek_order(&mut self) -> Option<Order> {
        self.waker = None;
        let queued = self.channel.lock();
        self.holds_messages = !queued.messages.is_empty() || !queued.changes.is_empty();
        self.channel.clear_news();
        queued.order
    }
}

/// Drops what was queued. Senders get [`SendError::Closed`](super::SendError::Closed) from now on.
impl Drop for Inbox {
    fn drop(&mut self) {
        let closed = mem::take(&mut *self.channel.lock());
        self.channel.room.notify_waiters();
        // Outside of the lock, since a response may own anything.
        drop(closed);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("has_mail", &self.has_mail()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order, changes } = self;
        f.debug_struct("Mail").field("order", order).field("changes", &changes.len()).finish()
    }
}
