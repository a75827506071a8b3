//! [`ClientState`]: the client of a connection.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Limits, Protocol, Session, catalog::Flags};

use super::{
    ServerStatus,
    connection::ConnectionOutcome,
    cut,
    events::{CloseReason, ConnectionEvent},
    registry::{ClientEntry, Registration},
    state::ServerState,
};

/// The client of a connection: its session, its registration, and its server.
pub(super) struct ClientState {
    pub(super) session: Arc<Session>,
    pub(super) registration: Registration,
    pub(super) server: ServerStatus,
    /// Whether some commands may be refused: because the client has not authenticated, or has subscribed in RESP2. Set
    /// with the session.
    pub(super) is_restricted: bool,
}

/// The response to most commands of a client that has not authenticated.
const NOT_AUTHENTICATED: CommandError = CommandError::new("NOAUTH", "Authentication required.");

impl ClientState {
    pub(super) fn new(session: Arc<Session>, registration: Registration, server: ServerStatus) -> Self {
        Self { session, registration, server, is_restricted: true }
    }

    /// Notes whether some commands may be refused, after the session was changed.
    pub(super) fn update_restriction(&mut self) {
        let may_have_subscribed = self.session.subscriptions().is_some() && self.session.protocol() == Protocol::Resp2;
        self.is_restricted = may_have_subscribed || !self.is_authenticated();
    }

    /// Why a command is refused, if it is.
    #[cold]
    pub(super) fn refusal(&self, command: &Command) -> Option<CommandError> {
        if !self.is_authenticated() && !self.shared().allows_unauthenticated(command) {
            return Some(NOT_AUTHENTICATED);
        }
        let is_confined = self.session.protocol() == Protocol::Resp2 && self.session.is_subscribed();
        (is_confined && !is_allowed_between_messages(command)).then(|| only_subscriptions(command))
    }

    /// Returns the state that all connections of the server share.
    #[inline]
    pub(super) fn shared(&self) -> &ServerState {
        self.server.state()
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the client is authenticated, or authentication is not required.
    #[inline]
    pub(super) fn is_authenticated(&self) -> bool {
        self.session.user().is_some()
    }

    /// Returns the limits of its requests.
    pub(super) fn limits(&self) -> Limits {
        if self.is_authenticated() { self.server.limits() } else { self.shared().settings.unauthenticated_limits }
    }

    /// Returns a handle that reports the end of the connection.
    pub(super) fn observer(&self) -> ClientObserver {
        ClientObserver { entry: self.registration.entry.clone(), server: self.server.clone() }
    }
}

/// Whether a RESP2 client may send a command while it is subscribed: the answer to any other could be taken for a message.
fn is_allowed_between_messages(command: &Command) -> bool {
    command.flags().has(Flags::SUBSCRIPTION) || ["PING", "QUIT", "RESET"].iter().any(|name| command.is(name))
}

fn only_subscriptions(command: &Command) -> CommandError {
    let name = command.name().escape_ascii();
    let sub = command.known().zip(command.arg_at(0)).and_then(|(known, name)| known.subcommand(name));
    let name = sub.map_or_else(|| name.to_string(), |sub| format!("{name}|{}", sub.name()));
    CommandError::err(format!(
        "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        name.to_lowercase()
    ))
}

/// Reports the end of a connection.
#[derive(Clone)]
pub(super) struct ClientObserver {
    entry: Arc<ClientEntry>,
    server: ServerStatus,
}

impl ClientObserver {
    /// Logs how a connection ended, and calls the observer of the server.
    pub(super) fn close(&self, outcome: &ConnectionOutcome) {
        let session = self.entry.session();
        let peer = session.peer();
        let reason = match outcome {
            ConnectionOutcome::Upgraded(_) => return tracing::debug!(%peer, "connection upgraded"),
            ConnectionOutcome::Cut(reason) => {
                cut::log(&session, reason);
                CloseReason::Cut(*reason)
            }
            ConnectionOutcome::Killed => {
                cut::log(&session, &"it is killed");
                CloseReason::Killed
            }
            ConnectionOutcome::Lost(error) => {
                tracing::debug!(%peer, %error, "connection lost");
                CloseReason::Lost(error)
            }
            ConnectionOutcome::Finished => {
                tracing::trace!(%peer, "connection closed");
                CloseReason::Finished
            }
        };
        self.server.state().notify(ConnectionEvent::Closed { session: &session, reason });
    }
}
