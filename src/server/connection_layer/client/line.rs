//! The line of a connection in CLIENT LIST and CLIENT INFO.

use std::fmt::{Display, Write};

use kvstore_protocol::{Peer, Protocol, Session, Subscriptions, Transaction, mailbox::Mailbox};

use super::{NoEvict, NoTouch, TrackingStatus, capabilities::Capabilities};
use crate::server::{ConnectedClient, monitors::Monitoring};

/// So many bytes of output lie in a buffer of fixed size, in Redis.
const FIXED: usize = 16 * 1024;

/// What a connection is doing, a letter each in the order of Redis; `N` for nothing.
pub(super) fn flags(session: &Session) -> String {
    let extensions = session.extensions();
    let tracking = extensions.get::<TrackingStatus>();
    let flags = [
        // It shows all commands.
        ('O', extensions.get::<Monitoring>().is_some()),
        // It is subscribed.
        ('P', session.is_subscribed()),
        // It is in a transaction.
        ('x', session.is_in_transaction()),
        // A command of it is blocked.
        ('b', session.mailbox().is_some_and(Mailbox::is_blocked)),
        // It tracks keys, and the connection that is told of them is closed, or prefixes of keys.
        ('t', tracking.is_some()),
        ('R', tracking.is_some_and(TrackingStatus::is_broken)),
        ('B', tracking.is_some_and(TrackingStatus::is_broadcast)),
        ('U', matches!(session.peer(), Peer::Unix(_))),
        ('e', extensions.get::<NoEvict>().is_some()),
        ('T', extensions.get::<NoTouch>().is_some()),
    ];
    let set: String = flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).collect();
    if set.is_empty() { "N".to_owned() } else { set }
}

/// Formats a connection for CLIENT LIST. The fields are those of Redis.
pub(super) fn line(client: &ConnectedClient) -> String {
    let session = client.session();
    let (library, library_version) = session.library();
    let buffers = client.buffers();
    let transaction = session.transaction().filter(|transaction| transaction.is_open());
    let queued = transaction.map_or(-1, |open| open.queued() as i64);
    let subscriptions = session.subscriptions();
    let subscribed = |count: fn(&Subscriptions) -> usize| subscriptions.map_or(0, count);
    let redirect = session.extensions().get().map_or(-1, |tracking: &TrackingStatus| tracking.redirect() as i64);
    // The output lies in one buffer or in a list of them, of which `obl` and `oll` of Redis tell.
    let (buffered, listed) = if buffers.output <= FIXED { (buffers.output, 0) } else { (0, buffers.output) };
    let mut line = String::new();
    let mut field = |name: &str, value: &dyn Display| {
        let space = if line.is_empty() { "" } else { " " };
        // A string takes everything.
        let _ = write!(line, "{space}{name}={value}");
    };
    field("id", &session.id());
    field("addr", &session.peer());
    field("laddr", &session.local());
    field("fd", &client.descriptor().unwrap_or(-1));
    field("name", &session.name().escape_ascii());
    field("age", &client.age().as_secs());
    field("idle", &client.idle().as_secs());
    field("flags", &flags(&session));
    field("capa", &Capabilities::of(&session).letters());
    field("db", &session.database());
    field("sub", &subscribed(Subscriptions::channels));
    field("psub", &subscribed(Subscriptions::patterns));
    field("ssub", &subscribed(Subscriptions::shard_channels));
    field("multi", &queued);
    field("watch", &session.transaction().map_or(0, Transaction::watched));
    field("qbuf", &buffers.input);
    field("qbuf-free", &buffers.input_free);
    field("argv-mem", &buffers.requests);
    field("multi-mem", &transaction.map_or(0, Transaction::queued_bytes));
    field("rbs", &buffered);
    field("rbp", &buffered);
    field("obl", &buffered);
    field("oll", &u8::from(listed > 0));
    field("omem", &listed);
    field("tot-mem", &buffers.total());
    field("events", &if buffers.output > 0 { "rw" } else { "r" });
    field("cmd", &client.last_command());
    field("user", &session.user().unwrap_or("(none)"));
    field("redir", &redirect);
    field("resp", &if session.protocol() == Protocol::Resp3 { 3 } else { 2 });
    field("lib-name", &library.escape_ascii());
    field("lib-ver", &library_version.escape_ascii());
    line
}
