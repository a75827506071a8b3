//! [`accept_all`]: accepts connections from a listener and adds them to the registry.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    Accepted, Listener, ServerStatus,
    client_state::ClientState,
    events::ConnectionEvent,
    io::ServerIo,
    mount::Mount,
    state::{ListenerSettings, ServerState},
};
use kvstore_protocol::{
    Peer, Session,
    mailbox::{Mailbox, mailbox_within},
};

const TOO_MANY: &str = "ERR max number of clients reached";

const PROTECTED: &str = "DENIED kvstore is running in protected mode because protected mode is enabled and no password is set for the default \
user. In this mode connections are only accepted from the loopback interface. If you want to connect from external \
computers to kvstore you may adopt one of the following solutions: 1) Set up an authentication password for the default \
user with the '--requirepass' option. 2) If you started the server manually just for testing, restart it with the \
'--protected-mode no' option, however MAKE SURE kvstore is not publicly accessible from internet if you do so. NOTE: You \
only need to do one of the above things in order for the server to start accepting connections from the outside.";

/// What the connections of one listener share.
pub(super) struct Acceptor {
    state: Arc<ServerState>,
    listener: Arc<ListenerSettings>,
    /// The extension of every session.
    status: Arc<ServerStatus>,
    mount: Arc<dyn Mount>,
}

/// Accepts connections for ever and serves each in its own task.
pub(super) async fn accept_all(mut listener: impl Listener, acceptor: Acceptor) {
    let local = listener.local();
    loop {
        let accepted = listener.accept(&acceptor.state.socket_options()).await;
        acceptor.admit(accepted.map(ServerIo::new), &local);
    }
}

impl Acceptor {
    pub(super) fn new(state: Arc<ServerState>, listener: ListenerSettings, mount: Arc<dyn Mount>) -> Self {
        let listener = Arc::new(listener);
        let status = Arc::new(ServerStatus::new(state.clone(), listener.clone()));
        Self { state, listener, status, mount }
    }

    /// Serves a connection, or rejects it with an error.
    fn admit(&self, accepted: Accepted<ServerIo>, local: &Peer) {
        let state = &self.state;
        state.runtime.connections.fetch_add(1, Ordering::Relaxed);
        if let Some(reason) = self.refusal(&accepted.peer) {
            return reject(accepted.io, &accepted.peer, reason, state);
        }
        let (mailbox, inbox) = mailbox_within(state.settings.push_queue, state.settings.push_buffer);
        let descriptor = accepted.descriptor;
        let (io, session) = self.session(accepted, local, mailbox);
        let session = Arc::new(session);
        // Checked again under the lock: another listener may have reached the limit in between.
        let most = state.runtime.max_connections.get();
        let Some(registration) = state.registry.register(session.clone(), descriptor, most) else {
            return reject(io, session.peer(), too_many(state), state);
        };
        state.notify(ConnectionEvent::Opened { session: &session });
        self.mount.spawn(io, ClientState::new(session, registration, ServerStatus::clone(&self.status)), inbox);
    }

    fn session(&self, accepted: Accepted<ServerIo>, local: &Peer, mailbox: Mailbox) -> (ServerIo, Session) {
        let Accepted { io, peer, local: own_local, tls_identity, known_as, facts, .. } = accepted;
        let local = own_local.unwrap_or_else(|| local.clone());
        let mut session = Session::new(self.state.registry.next_id(), peer, local, mailbox);
        session.set_user(self.state.first_user(&self.listener));
        if let Some(identity) = self.state.identify(&self.listener, &known_as) {
            tracing::debug!(peer = %session.peer(), user = identity.user(), "authenticated without credentials");
            identity.apply(&mut session);
        }
        session.set_tls_identity(tls_identity);
        session.add_facts(facts);
        session.extensions_mut().insert_lasting_shared(self.status.clone());
        (io, session)
    }

    fn refusal(&self, peer: &Peer) -> Option<&'static str> {
        let registry = &self.state.registry;
        let settings = &self.state.settings;
        if registry.len() >= self.state.runtime.max_connections.get()
            && !registry.evict_for_slot(settings.slot_patience)
        {
            return Some(too_many(&self.state));
        }
        let is_protected = self.state.runtime.protected_mode().unwrap_or(self.listener.protected_mode);
        (is_protected && !peer.is_local() && self.state.auth(&self.listener).is_none()).then_some(PROTECTED)
    }
}

fn too_many(state: &ServerState) -> &'static str {
    state.runtime.refused.fetch_add(1, Ordering::Relaxed);
    TOO_MANY
}

/// Sends an error to a client and closes its connection.
fn reject(io: ServerIo, peer: &Peer, reason: &'static str, state: &Arc<ServerState>) {
    if state.rejecting.fetch_add(1, Ordering::Relaxed) >= state.settings.max_rejecting {
        state.rejecting.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    // The text of the protected mode is long.
    tracing::info!(%peer, reason = reason.split_once(" because").map_or(reason, |(short, _)| short), "connection refused");
    let state = state.clone();
    tokio::spawn(async move {
        let _permit = RejectionPermit(&state.rejecting);
        io.close_with(format!("-{reason}\r\n").as_bytes(), state.settings.linger).await;
    });
}

/// Counts a client that is being rejected, until it is dropped.
struct RejectionPermit<'a>(&'a AtomicUsize);

impl Drop for RejectionPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
