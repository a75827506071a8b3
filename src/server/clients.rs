//! [`Clients`]: lists and controls the connections of a server.

use std::{fmt, sync::Arc, time::Duration};

use kvstore_protocol::{
    Response, SendError, Session,
    mailbox::{Message, Order, Position, Unblock},
};
use tokio::time::Instant;

use super::{
    BufferMemory, PauseMode,
    registry::{ClientEntry, Registry},
};

/// A handle to the connections of a server: lists them, finds one by its ID, sends messages to it, closes it.
///
/// Returned by [`Serve::clients`](super::Serve::clients) and [`ServerStatus::clients`](super::ServerStatus::clients).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use kvstore::{routing::Router, testing::Server};
///
/// let mut clients = None;
/// let server = Server::start_with(|listener| {
///     let serve = kvstore::serve(listener, Router::<()>::new());
///     clients = Some(serve.clients());
///     serve
/// });
/// let clients = clients.expect("the server was made");
/// let client = server.client();
/// client.ping("hello").await?;
/// assert_eq!(clients.len(), 1);
/// for connected in clients.list() {
///     println!("{} {} since {:?}", connected.id(), connected.session().peer(), connected.age());
///     connected.kill();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Clients(Arc<Registry>);

/// A handle to a connection of a server. When the connection is closed, the handle has no effect.
#[derive(Clone)]
pub struct ConnectedClient {
    entry: Arc<ClientEntry>,
    /// The uptime of the server, in seconds, when the handle was made.
    uptime: u32,
}

impl Clients {
    pub(super) fn new(registry: Arc<Registry>) -> Self {
        Self(registry)
    }

    /// Returns the number of connections.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no connections.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the connections, in the order in which they were opened.
    pub fn list(&self) -> Vec<ConnectedClient> {
        self.0.entries().into_iter().map(|entry| self.client(entry)).collect()
    }

    /// Returns the connection with this ID, which is that of [`Session::id`] and CLIENT ID.
    pub fn get(&self, id: u64) -> Option<ConnectedClient> {
        self.0.find(id).map(|entry| self.client(entry))
    }

    /// Holds the commands of all connections for this long, as CLIENT PAUSE does: which of them, `mode` says. Connections are
    /// accepted and read meanwhile.
    pub fn pause(&self, duration: Duration, mode: PauseMode) {
        let far = Duration::from_secs(60 * 60 * 24 * 365);
        self.0.pause().begin(Instant::now() + duration.min(far), mode);
    }

    /// Ends the pause, like CLIENT UNPAUSE.
    pub fn resume(&self) {
        self.0.pause().end();
        self.0.wake_all();
    }

    fn client(&self, entry: Arc<ClientEntry>) -> ConnectedClient {
        ConnectedClient { entry, uptime: self.0.uptime() }
    }
}

impl ConnectedClient {
    /// Returns the ID of the connection.
    pub fn id(&self) -> u64 {
        self.session().id()
    }

    /// Returns the current session of the connection.
    pub fn session(&self) -> Arc<Session> {
        self.entry.session()
    }

    /// Returns the number of the file descriptor, if the listener has told it.
    pub fn descriptor(&self) -> Option<i32> {
        Some(self.entry.descriptor).filter(|descriptor| *descriptor >= 0)
    }

    /// Returns the age of the connection when this handle was made, in whole seconds.
    pub fn age(&self) -> Duration {
        Duration::from_secs(self.uptime.saturating_sub(self.entry.opened).into())
    }

    /// Returns for how long nothing was read or written when this handle was made, in whole seconds.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.uptime.saturating_sub(self.entry.active()).into())
    }

    /// Returns the name of the last command, in lower case; `NULL` if there was none.
    pub fn last_command(&self) -> String {
        self.entry.command()
    }

    /// Sends a push message, after the responses that are already encoded. A client that speaks RESP2 takes a message
    /// that it does not expect for the answer to its next command, so it must have asked for messages, by a
    /// subscription.
    ///
    /// # Errors
    /// When the message queue of the connection is full, or the connection is closed.
    pub fn push(&self, message: Response) -> Result<(), SendError> {
        match self.session().mailbox() {
            Some(mailbox) => mailbox.try_send(Message::new(0, Position::AfterAnswer, message)),
            None => Err(SendError::Closed(message)),
        }
    }

    /// Changes the session, for all commands that are called after this.
    pub fn update(&self, change: impl FnOnce(&mut Session) + Send + 'static) {
        if let Some(mailbox) = self.session().mailbox() {
            mailbox.change_session(change);
        }
    }

    /// Unblocks a blocking command, like CLIENT UNBLOCK. Returns whether a command was blocked.
    pub fn unblock(&self, unblock: Unblock) -> bool {
        self.session().mailbox().is_some_and(|mailbox| mailbox.unblock(unblock))
    }

    /// Closes the connection immediately, like CLIENT KILL. Cancels the commands in flight.
    pub fn kill(&self) {
        self.entry.order(Order::Kill);
    }

    /// Returns the memory of the buffers of the connection, as it was when the connection waited last.
    pub fn buffers(&self) -> BufferMemory {
        self.entry.buffers()
    }

    /// Closes the connection gracefully: commands in flight are answered first.
    pub fn close(&self) {
        self.entry.order(Order::Stop);
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("len", &self.len()).finish()
    }
}

impl fmt::Debug for ConnectedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectedClient").field("session", &self.session()).finish_non_exhaustive()
    }
}
