//! [`Pushes`]: the messages that a RESP3 server pushes.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use kvstore_protocol::Response;
use tokio::sync::broadcast::{self, error::RecvError};

/// The messages that the server pushes: published messages, invalidated keys.
///
/// From [`Client::pushes`](super::Client::pushes). Each reader gets every message that arrives after the reader was made. A
/// slow reader does not hold up the connection: when more messages wait than
/// [`push_queue`](super::ClientBuilder::push_queue) allows, the oldest are dropped, and the reader learns how many.
///
/// A reader does not keep the connection open; a [`Client`](super::Client) does.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use kvstore::{client::{Client, Pushed}, protocol::{Command, Response}, server};
///
/// // A server that pushes a message before it answers.
/// let service = tower::service_fn(|command: Command| async move {
///     if let Some(push) = command.push() {
///         push.send(Response::Push(vec!["news".into()])).await.ok();
///     }
///     Ok::<_, std::convert::Infallible>(Response::ok())
/// });
/// let (connector, listener) = server::pipe();
/// tokio::spawn(kvstore::serve(listener, service).into_future());
///
/// let client = Client::builder().resp3().over(connector.connect()?).await?;
/// let mut pushes = client.pushes();
/// client.execute(Command::new("ANYTHING")).await?;
/// assert_eq!(pushes.next().await, Some(Pushed::Message(vec!["news".into()])));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pushes(broadcast::Receiver<Pushed>);

/// An item of [`Pushes`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pushed {
    /// A message. Its first element is its type: `message`, `invalidate`, …
    Message(Vec<Response>),
    /// The reader was too slow: this many messages were dropped.
    Missed(u64),
    /// The connection was lost, and there is a new one. Messages may be missing, and the subscriptions and the tracking of
    /// the old connection are gone: send their commands again.
    Reconnected,
}

impl Pushes {
    /// A reader that gets nothing.
    pub(super) fn none() -> Self {
        Self(broadcast::channel(1).1)
    }

    /// Waits for the next item; `None` when the client is closed.
    ///
    /// # Cancel safety
    /// No message is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Pushed> {
        match self.0.recv().await {
            Ok(pushed) => Some(pushed),
            Err(RecvError::Lagged(missed)) => Some(Pushed::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The sending end of all [`Pushes`].
pub(super) struct PushHub {
    readers: Mutex<Readers>,
    capacity: usize,
}

enum Readers {
    /// There was no reader yet, and nothing is allocated.
    None,
    Some(broadcast::Sender<Pushed>),
    Ended,
}

impl PushHub {
    /// A hub that keeps this many messages for the slowest reader.
    pub(super) fn new(capacity: usize) -> Self {
        Self { readers: Mutex::new(Readers::None), capacity: capacity.clamp(1, 1 << 20) }
    }

    pub(super) fn read(&self) -> Pushes {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        Pushes(match &*readers {
            Readers::Some(sender) => sender.subscribe(),
            Readers::None => {
                let (sender, receiver) = broadcast::channel(self.capacity);
                *readers = Readers::Some(sender);
                receiver
            }
            Readers::Ended => return Pushes::none(),
        })
    }

    /// Sends to all readers. Without a reader the message is dropped.
    pub(super) fn send(&self, pushed: Pushed) {
        if let Readers::Some(sender) = &*self.readers.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = sender.send(pushed);
        }
    }

    pub(super) fn end(&self) {
        *self.readers.lock().unwrap_or_else(PoisonError::into_inner) = Readers::Ended;
    }
}

impl fmt::Debug for PushHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushHub").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
