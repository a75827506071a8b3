//! [`Subscriber`]: a connection with subscriptions.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use foldhash::fast::RandomState;
use kvstore_protocol::{
    PackedPush, Push, SendError, Session, Subscribed,
    mailbox::{Mailbox, Message, Order, Position},
};
use parking_lot::Mutex;

use super::{Kind, hub::Hub, topics::Name};
use crate::server::{ClientClass, MESSAGE_LIMIT, ServerStatus};

/// A connection with subscriptions. The hub knows it until the connection is reset or closed.
pub(super) struct Subscriber {
    /// A number of its own in the hub.
    id: u64,
    hub: Arc<Hub>,
    mailbox: Mailbox,
    connection: Connection,
    /// The number of the last command that has subscribed: messages go behind its answer.
    after: AtomicU64,
    /// Whether a message did not find room, so that the connection is being closed.
    is_full: AtomicBool,
    sets: Mutex<Sets>,
    counts: [AtomicUsize; 3],
}

/// What a connection is closed by, if it leaves too many messages unread.
struct Connection {
    id: u64,
    server: Option<ServerStatus>,
}

/// The names of channels and patterns.
type Names = HashSet<Name, RandomState>;

/// What a connection is subscribed to.
#[derive(Default)]
struct Sets {
    names: [Names; 3],
    /// Whether the subscriptions have ended, so that there are no more.
    is_over: bool,
}

impl Subscriber {
    pub(super) fn new(id: u64, hub: Arc<Hub>, session: &Session, mailbox: Mailbox) -> Self {
        let connection = Connection { id: session.id(), server: session.extensions().get::<ServerStatus>().cloned() };
        let (after, is_full, sets, counts) = Default::default();
        Self { id, hub, mailbox, connection, after, is_full, sets, counts }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// Sends a message. A connection that has no room for it is closed. Returns false if it is closed already.
    pub(super) fn deliver(&self, message: PackedPush, origin: Option<&Push>) -> bool {
        // A message behind a later command than the one before it would overtake that one otherwise.
        if let Some(origin) = origin.filter(|origin| origin.is_to(&self.mailbox)) {
            self.after.fetch_max(origin.number(), Ordering::Relaxed);
        }
        let number = self.after.load(Ordering::Relaxed);
        let message = Message::new(number, Position::AfterAnswer, message.into());
        match self.mailbox.try_send_within(message, self.connection.limit()) {
            Ok(()) => true,
            Err(SendError::Closed(_)) => false,
            Err(_) => {
                self.close();
                true
            }
        }
    }

    #[cold]
    fn close(&self) {
        // Messages that come before it is closed are refused too.
        if !self.is_full.swap(true, Ordering::Relaxed)
            && let Some(server) = &self.connection.server
        {
            server.cut_overflowing(self.connection.id);
        }
        self.mailbox.order(Order::Kill);
    }

    /// Subscribes to channels or patterns, by the command with this number. Calls `confirm` with each, and the number of
    /// subscriptions after it.
    pub(super) fn subscribe<'a>(
        self: &Arc<Self>,
        kind: Kind,
        names: impl Iterator<Item = &'a [u8]>,
        number: u64,
        mut confirm: impl FnMut(&[u8], usize),
    ) {
        let mut sets = self.sets.lock();
        self.after.fetch_max(number, Ordering::Relaxed);
        for name in names {
            if !sets.is_over && !sets.of(kind).contains(name) {
                let name = self.hub.add(kind, name, self);
                sets.of(kind).insert(name);
            }
            confirm(name, self.count(&mut sets, kind));
        }
    }

    /// Ends subscriptions to channels or patterns, and calls `confirm` likewise.
    pub(super) fn unsubscribe<'a>(
        &self,
        kind: Kind,
        names: impl Iterator<Item = &'a [u8]>,
        mut confirm: impl FnMut(&[u8], usize),
    ) {
        let mut sets = self.sets.lock();
        for name in names {
            if sets.of(kind).remove(name) {
                self.hub.remove(kind, name, self);
            }
            confirm(name, self.count(&mut sets, kind));
        }
    }

    /// Ends all subscriptions to channels, or to patterns, and calls `confirm` likewise.
    pub(super) fn unsubscribe_all(&self, kind: Kind, mut confirm: impl FnMut(&[u8], usize)) {
        let mut sets = self.sets.lock();
        let names = std::mem::take(sets.of(kind));
        let others = self.count(&mut sets, kind);
        for (name, left) in names.iter().zip((0..names.len()).rev()) {
            self.hub.remove(kind, name, self);
            confirm(name, others + left);
        }
    }

    /// Counts the subscriptions of a kind anew. Returns the number that confirmations of that kind show.
    fn count(&self, sets: &mut Sets, kind: Kind) -> usize {
        self.counts[kind as usize].store(sets.of(kind).len(), Ordering::Relaxed);
        self.confirmed(kind)
    }

    /// The number that confirmations show: channels and patterns together, and shard channels.
    pub(super) fn confirmed(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.channels() + self.patterns(),
            Kind::ShardChannel => self.shard_channels(),
        }
    }

    fn of(&self, kind: Kind) -> usize {
        self.counts[kind as usize].load(Ordering::Relaxed)
    }
}

impl Connection {
    /// The most bytes of messages that wait.
    fn limit(&self) -> usize {
        let limit = self.server.as_ref().map_or(MESSAGE_LIMIT, |server| server.output_limit(ClientClass::PubSub).hard);
        if limit == 0 { usize::MAX } else { limit }
    }
}

impl Sets {
    fn of(&mut self, kind: Kind) -> &mut Names {
        &mut self.names[kind as usize]
    }
}

impl Subscribed for Subscriber {
    fn channels(&self) -> usize {
        self.of(Kind::Channel)
    }

    fn patterns(&self) -> usize {
        self.of(Kind::Pattern)
    }

    fn shard_channels(&self) -> usize {
        self.of(Kind::ShardChannel)
    }

    fn end(&self) {
        self.sets.lock().is_over = true;
        Kind::ALL.into_iter().for_each(|kind| self.unsubscribe_all(kind, |_, _| {}));
        self.hub.forget(self);
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber").field("id", &self.id).finish_non_exhaustive()
    }
}
