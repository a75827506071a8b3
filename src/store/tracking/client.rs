//! [`Client`]: a client that tracks keys, and its settings.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

use kvstore_protocol::{
    Command, CommandError, Protocol, Response, SendError, Session,
    mailbox::{Mailbox, Message, Order, Position},
};
use parking_lot::Mutex;

use super::message::Invalidation;
use crate::{
    server::{MESSAGE_LIMIT, ServerStatus, TrackingStatus},
    store::notices::Origin,
};

/// A client that tracks keys. Its session and the table of all clients share it.
#[derive(Debug)]
pub(super) struct Client {
    /// A number of its own in the store: stores may be behind several servers, and a client may begin again.
    pub(super) id: u32,
    /// The number of the connection in its server.
    connection: u64,
    mailbox: Mailbox,
    protocol: Protocol,
    /// `None` if the connection is that of no server, as in a test. Then it speaks `protocol`, and redirects to nobody.
    server: Option<ServerStatus>,
    /// The number of the last command that has read keys. What is told of them goes behind its answer: otherwise the client
    /// would forget what it does not have yet, and keep an old value.
    after: AtomicU64,
    pub(super) status: TrackingStatus,
    pub(super) settings: Mutex<Settings>,
}

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) selection: Selection,
    pub(super) no_loop: bool,
    /// In BCAST mode.
    pub(super) prefixes: BTreeSet<Box<[u8]>>,
    /// Whether CLIENT CACHING is for the commands of the open transaction. Outside, the status knows what it is for.
    pub(super) caches_transaction: bool,
}

/// The keys that are tracked without BCAST.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Selection {
    /// Those of all commands that read.
    #[default]
    All,
    /// Those of commands behind CLIENT CACHING YES.
    OptIn,
    /// Those of commands that are not behind CLIENT CACHING NO.
    OptOut,
}

impl Client {
    pub(super) fn new(id: u32, session: &Session, is_broadcast: bool) -> Result<Self, CommandError> {
        let mailbox = session.mailbox().ok_or(CommandError::NO_CONNECTION)?;
        Ok(Self {
            id,
            connection: session.id(),
            mailbox: mailbox.clone(),
            protocol: session.protocol(),
            server: session.extensions().get().cloned(),
            after: AtomicU64::new(0),
            status: TrackingStatus::new(is_broadcast),
            settings: Mutex::default(),
        })
    }

    /// Whether CLIENT CACHING is for this command.
    pub(super) fn is_caching(&self, command: &Command) -> bool {
        match command.session().is_in_transaction() {
            true => self.settings.lock().caches_transaction,
            false => self.status.is_cached(command.number()),
        }
    }

    /// Whether the keys of this command are tracked, which reads them.
    pub(super) fn selects(&self, command: &Command) -> bool {
        let selection = self.settings.lock().selection;
        match selection {
            Selection::All => true,
            Selection::OptIn => self.is_caching(command),
            Selection::OptOut => !self.is_caching(command),
        }
    }

    /// Applies CLIENT CACHING to the commands behind this one.
    pub(super) fn cache_behind(&self, command: &Command) {
        match command.session().is_in_transaction() {
            true => self.settings.lock().caches_transaction = true,
            false => self.status.set_cached(command.number() + 1),
        }
    }

    /// Applies a CLIENT CACHING in front of this MULTI to its whole transaction.
    pub(super) fn cache_in_transaction(&self, multi: &Command) {
        self.settings.lock().caches_transaction = self.status.is_cached(multi.number());
    }

    /// Notes that a command with this number reads keys, which are locked.
    pub(super) fn note_read(&self, number: u64) {
        self.after.fetch_max(number, Ordering::Relaxed);
    }

    /// Tells that keys have changed: this client, or the one that it redirects to.
    pub(super) fn tell(&self, invalidation: &Invalidation<'_>, origin: Option<&Origin>) {
        match self.status.redirect() {
            0 => self.tell_self(invalidation.push(), origin),
            target => self.redirect(target, invalidation, origin),
        }
    }

    fn redirect(&self, target: u64, invalidation: &Invalidation<'_>, origin: Option<&Origin>) {
        match self.session_of(target) {
            Some((mailbox, Protocol::Resp3, _)) => self.send(&mailbox, invalidation.push(), origin),
            // A RESP2 client takes messages only if it has subscribed to something, as in Redis.
            Some((mailbox, _, true)) => self.send(&mailbox, invalidation.message(), origin),
            Some(_) => {}
            None => {
                self.status.set_broken(true);
                self.tell_self(broken(target), origin);
            }
        }
    }

    /// Sends a push message to the client itself, if it speaks RESP3.
    fn tell_self(&self, message: Response, origin: Option<&Origin>) {
        let protocol = match &self.server {
            Some(_) => self.session_of(self.connection).map(|(_, protocol, _)| protocol),
            None => Some(self.protocol),
        };
        if protocol == Some(Protocol::Resp3) {
            self.send(&self.mailbox, message, origin);
        }
    }

    /// The mailbox of a connection that is open, its protocol, and whether it has subscribed to something.
    fn session_of(&self, connection: u64) -> Option<(Mailbox, Protocol, bool)> {
        let session = self.server.as_ref()?.clients().get(connection)?.session();
        let mailbox = session.mailbox().filter(|mailbox| mailbox.is_open())?;
        Some((mailbox.clone(), session.protocol(), session.is_subscribed()))
    }

    /// Sends a message. A connection that has no room for it is closed: it would keep old values.
    fn send(&self, mailbox: &Mailbox, message: Response, origin: Option<&Origin>) {
        let message = Message::new(self.place(mailbox, origin), Position::AfterAnswer, message);
        let limit = self.server.as_ref().map_or(MESSAGE_LIMIT, ServerStatus::message_limit);
        if let Err(SendError::Full(_)) = mailbox.try_send_within(message, limit) {
            mailbox.order(Order::Kill);
        }
    }

    /// The number of the command behind whose answer a message goes.
    fn place(&self, mailbox: &Mailbox, origin: Option<&Origin>) -> u64 {
        let own = origin.filter(|origin| origin.push.is_to(mailbox)).map_or(0, |origin| origin.push.number());
        if *mailbox == self.mailbox { own.max(self.after.load(Ordering::Relaxed)) } else { own }
    }
}

/// Says that the client that messages are redirected to is gone.
fn broken(target: u64) -> Response {
    Response::Push(vec!["tracking-redir-broken".into(), Response::Integer(target as i64)])
}
