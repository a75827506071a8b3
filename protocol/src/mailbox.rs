//! The way to a connection from outside of it: messages, changes of its session, and the order to close.
//!
//! A transport makes a pair with [`mailbox`], keeps the [`Inbox`] and puts the [`Mailbox`] into the session of each
//! command. Nothing is allocated until something is sent.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use tokio::sync::Notify;

use crate::{Response, Session};

/// Makes the two ends of a mailbox that holds at most `capacity` messages, of any size.
pub fn mailbox(capacity: usize) -> (Mailbox, Inbox) {
    mailbox_within(capacity, usize::MAX)
}

/// The same, and at most so many bytes of messages, about; but always one message, however large.
pub fn mailbox_within(capacity: usize, bytes: usize) -> (Mailbox, Inbox) {
    let shared = Arc::new(Shared {
        has_news: AtomicBool::new(false),
        capacity,
        most_bytes: bytes,
        state: Mutex::new(State { is_open: true, ..State::default() }),
        room: Notify::new(),
    });
    (Mailbox(shared.clone()), Inbox { shared, holds: false, waker: None })
}

/// The sending end: cheap to clone, safe to keep after the connection has closed.
#[derive(Clone)]
pub struct Mailbox(Arc<Shared>);

/// The receiving end: what a connection waits for beside its socket.
pub struct Inbox {
    shared: Arc<Shared>,
    /// Whether messages wait, for room or for an answer that is not out yet.
    holds: bool,
    /// Who is woken, since the last news were taken.
    waker: Option<Waker>,
}

/// What was in an inbox beside messages.
#[derive(Default)]
pub struct Mail {
    /// What the connection is told to do. Stays in the inbox until the end.
    pub order: Option<Order>,
    /// Changes of the session, in the order in which they came.
    pub changes: Vec<Change>,
}

struct Shared {
    /// Read for every command, so that nobody locks to find nothing.
    has_news: AtomicBool,
    capacity: usize,
    most_bytes: usize,
    state: Mutex<State>,
    room: Notify,
}

#[derive(Default)]
struct State {
    is_open: bool,
    /// Whether orders alone are taken.
    is_closed_to_messages: bool,
    messages: VecDeque<Message>,
    /// How many bytes the messages take.
    bytes: usize,
    changes: Vec<Change>,
    order: Option<Order>,
    waker: Option<Waker>,
}

impl State {
    fn takes_messages(&self) -> bool {
        self.is_open && !self.is_closed_to_messages
    }
}

/// A change of a session.
pub type Change = Box<dyn FnOnce(&mut Session) + Send>;

/// What a connection is told to do. The later in this list wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Order {
    /// Finish what was begun, then close.
    Stop,
    /// Close at once.
    Kill,
}

/// Where a message goes, seen from the command that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// Between the answer before and the command's own.
    BeforeAnswer,
    /// Behind the command's own answer.
    AfterAnswer,
}

/// A message out of turn, and the command that it must not overtake.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// The number of the command that the message came from.
    pub number: u64,
    /// On which side of that command's answer it goes.
    pub place: Place,
    /// What is sent.
    pub response: Response,
}

impl Message {
    /// A message of the command with this number.
    pub fn new(number: u64, place: Place, response: Response) -> Self {
        Self { number, place, response }
    }
}

/// Why a message could not be sent. Each gives the message back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection does not read as fast as it is sent to.
    #[error("the connection has too many messages waiting")]
    Full(Response),
    /// The connection is gone.
    #[error("the connection is closed")]
    Closed(Response),
}

impl Mailbox {
    /// Queues a message.
    ///
    /// # Errors
    /// When the mailbox is full, or the connection closed.
    pub fn try_send(&self, message: Message) -> Result<(), SendError> {
        let mut state = self.0.lock();
        if !state.takes_messages() {
            return Err(SendError::Closed(message.response));
        }
        let size = message.response.size();
        let is_over = state.bytes.saturating_add(size) > self.0.most_bytes && !state.messages.is_empty();
        if is_over || state.messages.len() >= self.0.capacity {
            return Err(SendError::Full(message.response));
        }
        state.bytes += size;
        state.messages.push_back(message);
        self.0.announce(state);
        Ok(())
    }

    /// Queues a message, and waits for room.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection is closed.
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing.
    pub async fn send(&self, mut message: Message) -> Result<(), SendError> {
        loop {
            // Registered before the attempt: room made in between is not missed.
            let room = self.0.room.notified();
            let Message { number, place, .. } = message;
            match self.try_send(message) {
                Err(SendError::Full(response)) => message = Message { number, place, response },
                sent => return sent,
            }
            room.await;
        }
    }

    /// Queues a change of the session. It holds for the commands called after those that are under way, so a command
    /// that changes its session is to be a barrier of the transport.
    pub fn change_session(&self, change: impl FnOnce(&mut Session) + Send + 'static) {
        let mut state = self.0.lock();
        if state.takes_messages() {
            state.changes.push(Box::new(change));
            self.0.announce(state);
        }
    }

    /// Tells the connection to close.
    pub fn order(&self, order: Order) {
        let mut state = self.0.lock();
        if state.is_open {
            state.order = state.order.max(Some(order));
            self.0.announce(state);
        }
    }

    /// Wakes the connection: a setting that it lives by has changed.
    pub fn nudge(&self) {
        self.0.announce(self.0.lock());
    }

    /// Whether the connection still reads its messages.
    pub fn is_open(&self) -> bool {
        self.0.lock().takes_messages()
    }
}

impl Inbox {
    /// Whether something may be there to take once another command is answered. Free of locks.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.holds || self.has_news()
    }

    /// Waits for something to come.
    pub fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_news() {
            return Poll::Ready(());
        }
        // Senders take the waker with the first news alone.
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let mut state = self.shared.lock();
        // Asked again under the lock, where senders set it.
        if self.has_news() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes what is there beside messages.
    pub fn take(&mut self) -> Mail {
        // Whoever sent them has taken the waker.
        self.waker = None;
        let mut state = self.shared.lock();
        self.holds = !state.messages.is_empty();
        self.shared.has_news.store(false, Ordering::Release);
        Mail { order: state.order, changes: std::mem::take(&mut state.changes) }
    }

    /// Takes the next message that may go out while `answered` commands have been answered: one behind an answer that is
    /// out, or one in front of the next. Messages that came since the last [`take`](Inbox::take) may wait for another.
    ///
    /// One at a time, so that a connection takes no more than it has room for: how large they are is its sender's choice.
    pub fn next_message(&mut self, answered: u64) -> Option<Response> {
        if !self.holds {
            return None;
        }
        let mut state = self.shared.lock();
        let next = state.messages.iter().position(|message| match message.place {
            Place::BeforeAnswer => message.number <= answered + 1,
            Place::AfterAnswer => message.number <= answered,
        });
        let message = next.and_then(|index| state.messages.remove(index))?;
        state.bytes -= message.response.size();
        self.holds = !state.messages.is_empty();
        drop(state);
        self.shared.room.notify_waiters();
        Some(message.response)
    }

    /// Takes no messages and no changes any more: what waits is dropped, and senders are told that the connection is closed. Orders still
    /// come: what a connection does that lives on in another protocol.
    pub fn close_to_messages(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed_to_messages = true;
        let dropped = std::mem::take(&mut state.messages);
        state.bytes = 0;
        drop(state);
        self.shared.room.notify_waiters();
        // Outside of the lock: a response may own anything.
        drop(dropped);
    }

    /// Looks at the order alone, and leaves the rest for later: what a connection does that has no room for messages.
    pub fn peek_order(&mut self) -> Option<Order> {
        self.waker = None;
        let state = self.shared.lock();
        self.holds = !state.messages.is_empty() || !state.changes.is_empty();
        self.shared.has_news.store(false, Ordering::Release);
        state.order
    }

    #[inline]
    fn has_news(&self) -> bool {
        self.shared.has_news.load(Ordering::Acquire)
    }
}

/// The connection is gone: what was queued is dropped, and senders are told.
impl Drop for Inbox {
    fn drop(&mut self) {
        let closed = std::mem::take(&mut *self.shared.lock());
        self.shared.room.notify_waiters();
        // Outside of the lock: a response may own anything.
        drop(closed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, mut state: MutexGuard<'_, State>) {
        self.has_news.store(true, Ordering::Release);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("capacity", &self.0.capacity).finish_non_exhaustive()
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

/// A way to send messages to the connection that a command came from, as long as the connection lives.
///
/// From [`Command::push`](crate::Command::push). A message never overtakes the answers to earlier commands; on which
/// side of the command's own answer it goes is the sender's choice.
///
/// ```
/// use kvstore_protocol::{Command, Response};
///
/// fn subscribe(command: &Command) -> Option<Response> {
///     let push = command.push()?; // kept by the publisher
///     push.try_send(Response::Push(vec!["message".into(), "channel".into(), "hello".into()])).ok()?;
///     Some(Response::Push(vec!["subscribe".into(), "channel".into(), Response::Integer(1)]))
/// }
/// assert_eq!(subscribe(&Command::new("SUBSCRIBE").arg("channel")), None); // it came from no connection
/// ```
#[derive(Clone, Debug)]
pub struct Push {
    mailbox: Mailbox,
    number: u64,
    place: Place,
}

impl Push {
    pub(crate) fn new(mailbox: Mailbox, number: u64) -> Self {
        Self { mailbox, number, place: Place::AfterAnswer }
    }

    /// The same handle, for messages that go out in front of the command's own answer. Behind it is the default.
    #[must_use]
    pub fn before_answer(self) -> Self {
        Self { place: Place::BeforeAnswer, ..self }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When as many messages as the transport allows, or as many bytes of them, are waiting, or the connection is closed.
    pub fn try_send(&self, response: Response) -> Result<(), SendError> {
        self.mailbox.try_send(self.message(response))
    }

    /// Queues a message, and waits for room.
    ///
    /// The transport moves messages on into the output of the connection while that has room (`Serve::output_buffer`, 64 MiB
    /// by default). So this waits for a client that does not read only when that is full, and the queue behind it: who is
    /// to follow the client more closely has a smaller output buffer.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection is closed.
    ///
    /// # Cancel safety
    /// A dropped future has sent nothing.
    pub async fn send(&self, response: Response) -> Result<(), SendError> {
        self.mailbox.send(self.message(response)).await
    }

    /// Whether the connection is still there.
    pub fn is_open(&self) -> bool {
        self.mailbox.is_open()
    }

    fn message(&self, response: Response) -> Message {
        Message { number: self.number, place: self.place, response }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, place: Place) -> Message {
        Message { number, place, response: Response::Integer(number as i64) }
    }

    /// Takes every message that may go out.
    fn taken(inbox: &mut Inbox, answered: u64) -> Vec<Response> {
        inbox.take();
        std::iter::from_fn(|| inbox.next_message(answered)).collect()
    }

    #[test]
    fn a_message_waits_for_the_answers_before_it() {
        let (mailbox, mut inbox) = mailbox(8);
        for sent in [message(2, Place::AfterAnswer), message(2, Place::BeforeAnswer), message(1, Place::AfterAnswer)] {
            mailbox.try_send(sent).unwrap();
        }
        assert_eq!(taken(&mut inbox, 0), []);
        assert!(inbox.has_mail());
        assert_eq!(taken(&mut inbox, 1), [Response::Integer(2), Response::Integer(1)]);
        assert_eq!(taken(&mut inbox, 2), [Response::Integer(2)]);
        assert!(!inbox.has_mail());
    }

    #[test]
    fn a_full_mailbox_refuses_and_a_closed_one_too() {
        let (mailbox, inbox) = mailbox(1);
        mailbox.try_send(message(0, Place::AfterAnswer)).unwrap();
        assert!(matches!(mailbox.try_send(message(0, Place::AfterAnswer)), Err(SendError::Full(_))));
        drop(inbox);
        assert!(matches!(mailbox.try_send(message(0, Place::AfterAnswer)), Err(SendError::Closed(_))));
        assert!(!mailbox.is_open());
    }

    #[test]
    fn a_mailbox_is_full_of_large_messages_sooner() {
        let (mailbox, mut inbox) = mailbox_within(100, 10_000);
        let send = |length: usize| {
            let response = Response::Push(vec![Response::bulk(vec![b'x'; length])]);
            mailbox.try_send(Message::new(0, Place::AfterAnswer, response)).is_ok()
        };
        assert!(send(50_000), "one goes in, however large");
        assert!(!send(0));
        assert_eq!(taken(&mut inbox, 0).len(), 1);
        assert!((0..2).all(|_| send(4000)) && !send(4000) && send(100));
        assert_eq!(taken(&mut inbox, 0).len(), 3);
        assert!(send(9000) && !send(9000));
    }

    #[tokio::test]
    async fn a_sender_waits_for_room() {
        let (mailbox, mut inbox) = mailbox(1);
        mailbox.try_send(message(0, Place::AfterAnswer)).unwrap();
        let waiting = tokio::spawn({
            let mailbox = mailbox.clone();
            async move { mailbox.send(message(0, Place::AfterAnswer)).await.is_ok() }
        });
        tokio::task::yield_now().await;
        assert_eq!(taken(&mut inbox, 0).len(), 1);
        assert!(waiting.await.unwrap());
        assert_eq!(taken(&mut inbox, 0).len(), 1);
    }

    #[test]
    fn the_harder_order_wins() {
        let (mailbox, mut inbox) = mailbox(1);
        mailbox.order(Order::Kill);
        mailbox.order(Order::Stop);
        assert!(inbox.has_mail());
        assert_eq!(inbox.take().order, Some(Order::Kill));
    }
}
