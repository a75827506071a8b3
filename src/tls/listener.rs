use std::{fmt, time::Duration};

use kvstore_protocol::Peer;
use tokio::time::{Instant, sleep_until};

use super::{ServerTls, TlsStream, handshakes::Handshakes};
use crate::server::{Accepted, Listener, SocketOptions};

/// A listener that speaks TLS on the connections of another one. [`ServerTls::listener`] makes it.
///
/// Each handshake is done in its own task and has a deadline, so a client that is slow or silent delays no other. A handshake that
/// fails is logged and [counted](ServerTls::failed_handshakes). A client counts as a connection of the server, and is told of an
/// error such as `max number of clients reached`, once its handshake is done.
#[must_use = "a listener does nothing unless a server listens on it"]
pub struct TlsListener<L: Listener> {
    inner: L,
    tls: ServerTls,
    handshakes: Handshakes<L::Io>,
    handshake_timeout: Duration,
    max_handshakes: usize,
}

impl<L: Listener> TlsListener<L> {
    pub(super) fn new(inner: L, tls: ServerTls) -> Self {
        let handshake_timeout = Duration::from_secs(10);
        Self { inner, tls, handshakes: Handshakes::new(), handshake_timeout, max_handshakes: 1024 }
    }

    /// Closes a connection whose handshake takes longer: 10 s by default.
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        Self { handshake_timeout: timeout, ..self }
    }

    /// The maximum number of handshakes in flight: 1024 by default. When there are that many, and the oldest has taken a second
    /// or more, it is cut for the next connection. Otherwise the next one is accepted later.
    pub fn max_handshakes(self, handshakes: usize) -> Self {
        Self { max_handshakes: handshakes.max(1), ..self }
    }
}

impl<L: Listener> Listener for TlsListener<L> {
    type Io = TlsStream<L::Io>;

    async fn accept(&mut self, options: &SocketOptions) -> Accepted<Self::Io> {
        loop {
            let has_room = self.handshakes.len() < self.max_handshakes;
            let may_cut_at = match has_room {
                true => Instant::now(),
                false => self.handshakes.oldest_may_be_cut_at(),
            };
            tokio::select! {
                biased;
                ended = self.handshakes.next() => if let Some(accepted) = ended {
                    return accepted;
                },
                accepted = self.inner.accept(options), if has_room => {
                    self.handshakes.start(accepted, &self.tls, self.handshake_timeout);
                }
                () = sleep_until(may_cut_at), if !has_room => self.handshakes.cut_oldest(&self.tls),
            }
        }
    }

    fn local(&self) -> Peer {
        self.inner.local()
    }
}

impl<L: Listener> fmt::Debug for TlsListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsListener")
            .field("local", &self.inner.local())
            .field("handshakes", &self.handshakes.len())
            .finish_non_exhaustive()
    }
}
