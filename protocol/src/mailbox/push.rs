//! [`Push`]: messages to the connection that a command came from.

use super::{Mailbox, Message, Position, SendError};
use crate::Response;

/// Sends messages to the connection that a command came from, for as long as the connection is open.
///
/// Comes from [`Command::push`](crate::Command::push). A message never overtakes the answers to earlier commands. It goes
/// behind the command's own answer, or in front of it, see [`before_answer`](Push::before_answer).
///
/// ```
/// use kvstore_protocol::{Command, Response};
///
/// fn subscribe(command: &Command) -> Option<Response> {
///     let push = command.push()?; // a publisher keeps it
///     push.try_send(Response::Push(vec!["message".into(), "channel".into(), "hello".into()])).ok()?;
///     Some(Response::Push(vec!["subscribe".into(), "channel".into(), Response::Integer(1)]))
/// }
/// assert_eq!(subscribe(&Command::new("SUBSCRIBE").arg("channel")), None); // it came from no connection
/// ```
#[derive(Clone, Debug)]
pub struct Push {
    mailbox: Mailbox,
    number: u64,
    position: Position,
}

impl Push {
    pub(crate) fn new(mailbox: Mailbox, number: u64) -> Self {
        Self { mailbox, number, position: Position::AfterAnswer }
    }

    /// The same handle for messages that go in front of the command's own answer.
    #[must_use]
    pub fn before_answer(self) -> Self {
        Self { position: Position::BeforeAnswer, ..self }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When the queue of the connection is full (`Serve::push_queue` and `Serve::push_buffer`), or the connection is
    /// closed.
    pub fn try_send(&self, response: Response) -> Result<(), SendError> {
        self.mailbox.try_send(self.message(response))
    }

    /// Queues a message, and waits for room if there is none.
    ///
    /// The transport moves queued messages into the output buffer of the connection (`Serve::output_buffer`, 64 MiB by
    /// default), so this waits only once that buffer and the queue are full. For backpressure from a slow client sooner,
    /// make the output buffer smaller.
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection is closed.
    ///
    /// # Cancel safety
    /// Nothing was sent when the future is dropped before it is ready.
    pub async fn send(&self, response: Response) -> Result<(), SendError> {
        self.mailbox.send(self.message(response)).await
    }

    /// The number of the command.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the messages go to the connection of this mailbox.
    pub fn is_to(&self, mailbox: &Mailbox) -> bool {
        self.mailbox == *mailbox
    }

    /// Whether the connection takes messages.
    pub fn is_open(&self) -> bool {
        self.mailbox.is_open()
    }

    /// Waits until the connection takes no more messages: until it is closed, or upgraded to another protocol. A publisher
    /// ends a subscription then.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
    /// use std::sync::Arc;
    /// use kvstore_protocol::{Command, Peer, Session, mailbox::mailbox};
    ///
    /// let (mailbox, inbox) = mailbox(16);
    /// let session = Session::new(1, Peer::default(), Peer::default(), mailbox);
    /// let push = Command::new("SUBSCRIBE").in_session(Arc::new(session), 1).push().expect("a connection");
    /// drop(inbox); // the connection ends
    /// push.closed().await;
    /// # });
    /// ```
    pub async fn closed(&self) {
        self.mailbox.closed().await;
    }

    fn message(&self, response: Response) -> Message {
        Message { number: self.number, position: self.position, response }
    }
}
