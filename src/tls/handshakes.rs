//! [`Handshakes`]: the handshakes in flight.

use std::{collections::HashMap, io, time::Duration};

use kvstore_protocol::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{AbortHandle, Id, JoinSet},
    time::{Instant, timeout},
};
use tokio_rustls::{TlsAcceptor, server};

use super::{CertificateField, ServerTls, TlsStream, certificate::CertificateNames, server::Current};
use crate::server::Accepted;

/// How long a handshake may take before it is cut for another one, when there are as many as there may be.
const PATIENCE: Duration = Duration::from_secs(1);

/// The handshakes in flight, each in a task of its own.
pub(super) struct Handshakes<Io> {
    tasks: JoinSet<Option<Accepted<TlsStream<Io>>>>,
    in_flight: HashMap<Id, Handshake>,
}

struct Handshake {
    started: Instant,
    peer: Peer,
    task: AbortHandle,
}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin + 'static> Handshakes<Io> {
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), in_flight: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Begins the handshake of a connection.
    pub(super) fn start(&mut self, accepted: Accepted<Io>, tls: &ServerTls, limit: Duration) {
        let peer = accepted.peer.clone();
        let task = self.tasks.spawn(shake_hands(accepted, tls.clone(), limit));
        self.in_flight.insert(task.id(), Handshake { started: Instant::now(), peer, task });
    }

    /// Waits until a handshake ends, and returns its connection if it has succeeded. Pending while there is none.
    ///
    /// # Cancel safety
    /// This method is cancel safe.
    pub(super) async fn next(&mut self) -> Option<Accepted<TlsStream<Io>>> {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (id, accepted) = ended.unwrap_or_else(|error| {
            if error.is_panic() {
                tracing::error!(%error, "a TLS handshake panicked");
            }
            (error.id(), None)
        });
        // One that was cut is not in flight any more.
        self.in_flight.remove(&id).and(accepted)
    }

    /// When the oldest handshake may be cut.
    pub(super) fn oldest_may_be_cut_at(&self) -> Instant {
        self.oldest().map_or_else(Instant::now, |(_, handshake)| handshake.started + PATIENCE)
    }

    /// Cuts the oldest handshake.
    pub(super) fn cut_oldest(&mut self, tls: &ServerTls) {
        if let Some(handshake) = self.oldest().map(|(id, _)| id).and_then(|id| self.in_flight.remove(&id)) {
            handshake.task.abort();
            log_failure(tls, &handshake.peer, "there are too many handshakes, and this is the oldest");
        }
    }

    fn oldest(&self) -> Option<(Id, &Handshake)> {
        self.in_flight.iter().map(|(id, handshake)| (*id, handshake)).min_by_key(|(_, handshake)| handshake.started)
    }
}

/// Does the handshake of a connection. Returns `None` if it fails, after that is logged.
async fn shake_hands<Io>(accepted: Accepted<Io>, tls: ServerTls, limit: Duration) -> Option<Accepted<TlsStream<Io>>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let Current { config, user_from } = tls.current();
    let mut io = None;
    let accepted = accepted.map(|inner| io = Some(inner));
    let handshake = TlsAcceptor::from(config).accept(io?);
    match timeout(limit, handshake).await {
        Ok(Ok(stream)) => return Some(identified(accepted, stream, user_from)),
        // A connection that is opened and closed at once is a probe of the port.
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            tls.count_failure();
            tracing::debug!(peer = %accepted.peer, "the peer has closed the connection in the TLS handshake");
        }
        Ok(Err(error)) => log_failure(&tls, &accepted.peer, error),
        Err(_) => log_failure(&tls, &accepted.peer, "it took too long"),
    }
    None
}

/// Adds what the certificate of the peer says.
fn identified<Io>(
    accepted: Accepted<()>,
    stream: server::TlsStream<Io>,
    user_from: Option<CertificateField>,
) -> Accepted<TlsStream<Io>> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let names = certificate.map_or_else(CertificateNames::default, |certificate| CertificateNames::of(certificate));
    let mut accepted = accepted.map(|()| TlsStream(stream));
    if let Some(name) = names.shown() {
        accepted = accepted.tls_identity(name);
    }
    match user_from {
        Some(field) => accepted.known_as(names.into_field(field)),
        None => accepted,
    }
}

fn log_failure(tls: &ServerTls, peer: &Peer, reason: impl std::fmt::Display) {
    tls.count_failure();
    tracing::info!(%peer, %reason, "the TLS handshake failed");
}
