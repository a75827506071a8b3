//! [`ClientState`]: the client of a connection.

use std::sync::Arc;

use kvstore_protocol::{Limits, Session};

use super::{
    ServerStatus,
    connection::ConnectionOutcome,
    events::{CloseReason, ConnectionEvent},
    registry::{ClientEntry, Registration},
    state::ServerState,
};

/// The client of a connection: its session, its registration, and its server.
pub(super) struct ClientState {
    pub(super) session: Arc<Session>,
    pub(super) registration: Registration,
    pub(super) server: ServerStatus,
}

impl ClientState {
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
        if self.is_authenticated() { self.server.listener().limits } else { Limits::unauthenticated() }
    }

    /// Returns a handle that reports the end of the connection.
    pub(super) fn observer(&self) -> ClientObserver {
        ClientObserver { entry: self.registration.entry.clone(), server: self.server.clone() }
    }
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
                tracing::info!(%peer, reason, "connection cut");
                CloseReason::Cut(reason)
            }
            ConnectionOutcome::Killed => {
                tracing::debug!(%peer, "connection killed");
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
