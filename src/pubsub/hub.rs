//! [`Hub`]: what all handles of a [`PubSub`](super::PubSub) share.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kvstore_protocol::{Command, PackedPush, Push, Subscribed, Subscriptions, mailbox::Mailbox};
use parking_lot::{Mutex, RwLock};

use super::{
    Kind,
    members::Members,
    patterns::Patterns,
    subscriber::Subscriber,
    topics::{Name, Topics},
};

/// The channels, the patterns and the shard channels, and the connections that are subscribed to them.
///
/// A subscriber is locked before a channel, and a channel before the patterns.
pub(super) struct Hub {
    channels: Topics,
    shard_channels: Topics,
    patterns: RwLock<Patterns>,
    subscribers: Mutex<HashMap<Mailbox, Arc<Subscriber>>>,
    last_id: AtomicU64,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            channels: Topics::new(),
            shard_channels: Topics::new(),
            patterns: RwLock::default(),
            subscribers: Mutex::default(),
            last_id: AtomicU64::new(0),
        }
    }

    pub(super) fn channels(&self) -> &Topics {
        &self.channels
    }

    pub(super) fn shard_channels(&self) -> &Topics {
        &self.shard_channels
    }

    /// The number of patterns.
    pub(super) fn patterns(&self) -> usize {
        self.patterns.read().len()
    }

    /// The number of connections with subscriptions.
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.lock().values().filter(|subscriber| subscriber.is_any()).count()
    }

    /// Sends a message to the subscribers of a channel, and of the patterns that match it. Returns their number.
    pub(super) fn publish(&self, channel: &[u8], message: &[u8], origin: Option<&Push>) -> usize {
        let channels = self.channels.lock(channel);
        let direct = channels.get(channel);
        let mut receivers = direct.map_or(0, |members| send(&[b"message", channel, message], members, origin));
        self.patterns.read().for_each_match(channel, |pattern, members| {
            receivers += send(&[b"pmessage", pattern, channel, message], members, origin);
        });
        receivers
    }

    /// The number of subscribers that [`publish`](Self::publish) sends a message to.
    pub(super) fn receivers(&self, channel: &[u8]) -> usize {
        let mut receivers = self.channels.subscribers(channel);
        self.patterns.read().for_each_match(channel, |_, members| receivers += members.len());
        receivers
    }

    /// Sends a message to the subscribers of a shard channel. Returns their number.
    pub(super) fn publish_to_shard(&self, channel: &[u8], message: &[u8], origin: Option<&Push>) -> usize {
        let channels = self.shard_channels.lock(channel);
        channels.get(channel).map_or(0, |members| send(&[b"smessage", channel, message], members, origin))
    }

    /// The subscriber of the connection that a command came from, if it has subscribed since it was opened or reset.
    pub(super) fn subscriber(&self, command: &Command) -> Option<Arc<Subscriber>> {
        self.subscribers.lock().get(command.session().mailbox()?).cloned()
    }

    /// The same, which is created if this is the first subscription of the connection; `None` if there is no connection.
    pub(super) fn subscriber_or_new(self: &Arc<Self>, command: &Command) -> Option<Arc<Subscriber>> {
        let (mailbox, handle) = (command.session().mailbox()?, command.session_handle()?);
        let mut subscribers = self.subscribers.lock();
        if let Some(subscriber) = subscribers.get(mailbox) {
            return Some(subscriber.clone());
        }
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let subscriber = Arc::new(Subscriber::new(id, self.clone(), command.session(), mailbox.clone()));
        subscribers.insert(mailbox.clone(), subscriber.clone());
        drop(subscribers);
        // If the connection is closed, they end with this.
        let subscriptions = Subscriptions::new(subscriber.clone());
        handle.update(move |session| session.set_subscriptions(subscriptions));
        Some(subscriber)
    }

    /// Forgets a subscriber whose subscriptions have ended.
    pub(super) fn forget(&self, subscriber: &Subscriber) {
        let mut subscribers = self.subscribers.lock();
        if subscribers.get(subscriber.mailbox()).is_some_and(|known| known.id() == subscriber.id()) {
            subscribers.remove(subscriber.mailbox());
        }
    }

    /// Adds a subscriber to a channel or a pattern. Returns its name.
    pub(super) fn add(&self, kind: Kind, name: &[u8], subscriber: &Arc<Subscriber>) -> Name {
        match kind {
            Kind::Channel => self.channels.add(name, subscriber),
            Kind::ShardChannel => self.shard_channels.add(name, subscriber),
            Kind::Pattern => self.patterns.write().add(name, subscriber),
        }
    }

    /// Removes a subscriber from a channel or a pattern.
    pub(super) fn remove(&self, kind: Kind, name: &[u8], subscriber: &Subscriber) {
        match kind {
            Kind::Channel => self.channels.remove(name, subscriber),
            Kind::ShardChannel => self.shard_channels.remove(name, subscriber),
            Kind::Pattern => self.patterns.write().remove(name, subscriber),
        }
    }
}

/// Sends a message of these elements, encoded once.
fn send(elements: &[&[u8]], members: &Members, origin: Option<&Push>) -> usize {
    members.deliver(PackedPush::new(elements), origin)
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PubSub")
            .field("channels", &self.channels.len())
            .field("patterns", &self.patterns())
            .field("shard_channels", &self.shard_channels.len())
            .finish_non_exhaustive()
    }
}
