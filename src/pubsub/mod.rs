//! [`PubSub`]: messages to the clients that are subscribed to a channel.
//!
//! A program publishes on a [`PubSub`]; clients subscribe with SUBSCRIBE and its kin, which a [`PubSubLayer`] answers in front
//! of any service, a [`Router`](crate::routing::Router) or the [store](crate::store). The store answers them without a layer
//! too: see [`Builder::pub_sub`](crate::store::Builder::pub_sub).
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use kvstore::{pubsub::{PubSub, PubSubLayer}, routing::Router, testing::Server};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tower::Layer;
//!
//! let hub = PubSub::new();
//! let server = Server::start(PubSubLayer::new(hub.clone()).layer(Router::<()>::new()));
//!
//! let mut client = server.stream();
//! client.write_all(b"SUBSCRIBE news\r\n").await?;
//! let mut confirmation = *b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
//! client.read_exact(&mut confirmation).await?;
//!
//! assert_eq!(hub.publish("news", "hello"), 1);
//! let mut message = *b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
//! client.read_exact(&mut message).await?;
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Order
//! A subscriber gets the messages of a publisher in the order in which they were published, and all subscribers of a channel
//! get the messages of several publishers in the same order. A message never comes before the confirmation of its
//! subscription. A message that a client causes by a command of its own comes behind the answer to that.
//!
//! # Slow subscribers
//! Messages wait for a connection that does not read them. When they take too much memory, the connection is closed; others
//! are not affected.
//!
//! # Layout
//! - `commands` the commands, one table for the layer and for the store; `confirmations` what SUBSCRIBE answers
//! - `hub` what all handles share: `topics` the channels, `patterns` those that match a channel, `members` the subscribers of
//!   one; `subscriber` a connection, and the `kind`s of what it is subscribed to
//! - `layer`, `service`, `future` the layer

mod commands;
mod confirmations;
mod future;
mod hub;
mod kind;
mod layer;
mod members;
mod patterns;
mod service;
mod subscriber;
#[cfg(test)]
mod tests;
mod topics;

use std::{fmt, sync::Arc};

use kvstore_protocol::{Command, Push, Response};

use hub::Hub;
use kind::Kind;

pub use future::ResponseFuture;
pub use layer::PubSubLayer;
pub use service::PubSubService;

/// Channels, and the connections that are subscribed to them. Clones share it.
///
/// ```
/// use kvstore::{protocol::{Command, Response}, pubsub::PubSub};
///
/// let hub = PubSub::new();
/// assert_eq!(hub.publish("news", "hello"), 0); // nobody is subscribed
/// assert_eq!(hub.answer(&Command::new("PUBSUB").arg("CHANNELS")), Some(Response::Array(vec![])));
/// ```
#[derive(Clone)]
pub struct PubSub {
    hub: Arc<Hub>,
}

impl PubSub {
    /// Creates one without channels.
    pub fn new() -> Self {
        Self { hub: Arc::new(Hub::new()) }
    }

    /// Sends a message to the clients that are subscribed to a channel, or to a pattern that matches it. Returns their number.
    ///
    /// It does not wait, and may be called by any thread.
    pub fn publish(&self, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> usize {
        self.hub.publish(channel.as_ref(), message.as_ref(), None)
    }

    /// The same for a message that a command has caused, which [`origin`](Command::push) belongs to: the connection of that
    /// command gets it behind the answer.
    pub fn publish_after(&self, origin: &Push, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> usize {
        self.hub.publish(channel.as_ref(), message.as_ref(), Some(origin))
    }

    /// The number of subscribers that the message of PUBLISH or SPUBLISH is for; `None` for every other command.
    pub(crate) fn receivers(&self, command: &Command) -> Option<usize> {
        let channel = command.arg_at(0).unwrap_or_default();
        if command.is("PUBLISH") {
            return Some(self.hub.receivers(channel));
        }
        command.is("SPUBLISH").then(|| self.hub.shard_channels().subscribers(channel))
    }

    /// Answers SUBSCRIBE and its kin, PUBLISH, SPUBLISH and PUBSUB; `None` for every other command.
    ///
    /// This is what [`PubSubLayer`] does. The answer may be several messages.
    pub fn answer(&self, command: &Command) -> Option<Response> {
        commands::answer(self, command)
    }

    /// The number of channels that have subscribers.
    pub fn channels(&self) -> usize {
        self.hub.channels().len()
    }

    /// The number of patterns that have subscribers.
    pub fn patterns(&self) -> usize {
        self.hub.patterns()
    }

    /// The number of shard channels that have subscribers.
    pub fn shard_channels(&self) -> usize {
        self.hub.shard_channels().len()
    }

    /// The number of connections that are subscribed to something.
    pub fn subscribers(&self) -> usize {
        self.hub.subscribers()
    }
}

impl Default for PubSub {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PubSub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hub.fmt(f)
    }
}
