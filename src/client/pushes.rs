//! [`Pushes`]: what a RESP3 server says out of turn.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use kvstore_protocol::Response;
use tokio::sync::broadcast::{self, error::RecvError};

/// The messages that the server pushes: what was published to a channel, which cached keys are no longer valid.
///
/// From [`Client::pushes`](super::Client::pushes). Every reader gets every message that comes after it was made. A slow
/// reader never holds up the connection: when more messages wait for it than the client's
/// [setting](super::ClientBuilder::push_queue) allows, the oldest are dropped, and it is told how many.
///
/// The reader does not keep the connection: that takes a [`Client`](super::Client).
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
/// client.call(Command::new("ANYTHING")).await?;
/// assert_eq!(pushes.next().await, Some(Pushed::Message(vec!["news".into()])));
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pushes(broadcast::Receiver<Pushed>);

/// What a reader of [`Pushes`] gets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pushed {
    /// A message, its kind first: `message`, `invalidate`, …
    Message(Vec<Response>),
    /// The reader was too slow: so many were dropped before the next one.
    Missed(u64),
    /// The connection broke, and there is a new one. Messages may have been missed, and the server knows nothing of the
    /// subscriptions and the tracking that the old one had: ask for them again.
    Reconnected,
}

impl Pushes {
    /// Of what never pushes.
    pub(super) fn none() -> Self {
        Self(broadcast::channel(1).1)
    }

    /// The next message; `None` when no connection will bring any more.
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

/// From the task of the connection to all readers.
pub(super) struct PushHub {
    readers: Mutex<Readers>,
    capacity: usize,
}

enum Readers {
    /// Nobody ever asked, and nothing is allocated.
    None,
    Some(broadcast::Sender<Pushed>),
    Ended,
}

impl PushHub {
    /// A hub that holds so many messages for the slowest reader.
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

    /// Nobody who listens is no error.
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
