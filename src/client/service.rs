//! The client as a service.

use std::task::{Context, Poll, ready};

use kvstore_protocol::{Command, Response};
use tokio_util::sync::{PollSemaphore, ReusableBoxFuture};
use tower::Service;

use super::{Client, ClientError, ResponseFuture, client::Target};

/// `serve(listener, client)` is a [proxy](crate::client#a-proxy), and tower's balance, retry and limits wrap a client like any
/// service.
///
/// An error reply of the server is a response. The errors of the service are the client's own; a transport answers them with
/// `-UNAVAILABLE …`, `-TIMEOUT …` or the reason why a command cannot be sent. To pass on the types of RESP3, connect with
/// [`resp3`](super::ClientBuilder::resp3); the proxy downgrades them for clients that speak RESP2.
///
/// An instance that is ready holds a permit for one command, until it is called or dropped. A clone does not share the permit.
/// Without a connection the client is ready as long as there are permits, and commands wait as
/// [`Reconnect`](super::Reconnect) says. Behind a balance it should be
/// [ready only when connected](super::ClientBuilder::ready_when_connected).
///
/// A proxy streams large values in commands when the server [streams them in](crate::server::Serve::stream_in), and in
/// replies when the client [streams](super::ClientBuilder::stream_over). A slow peer of the proxy then holds up all others, and
/// one that disconnects within a streamed command breaks the connection of the client. For such peers, make a client for each
/// connection with a [factory](crate::server::serve_with_factory).
impl Service<Command> for Client {
    type Response = Response;
    type Error = ClientError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        ready!(self.poll_connected(cx));
        let Target::Remote(remote) = &self.target else { return Poll::Ready(Ok(())) };
        // A permit that this instance holds is of no use once the client is closed.
        if remote.permits.semaphore.is_closed() {
            return Poll::Ready(Err(remote.permits.error()));
        }
        if self.permit.is_none() {
            let waiting = self.waiting.get_or_insert_with(|| PollSemaphore::new(remote.permits.semaphore.clone()));
            let permit = ready!(waiting.poll_acquire(cx));
            self.waiting = None;
            self.permit = Some(permit.ok_or_else(|| remote.permits.error())?);
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> ResponseFuture {
        let permit = self.permit.take();
        ResponseFuture::new(self, command, permit)
    }
}

impl Client {
    /// Ready when there is a connection, when there will never be one, or when readiness does not ask for it.
    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Target::Remote(remote) = &self.target else { return Poll::Ready(()) };
        let awaited = remote.connected.as_ref().filter(|connected| !*connected.borrow());
        let Some(connected) = awaited.filter(|_| !remote.permits.semaphore.is_closed()) else {
            self.reconnecting = None;
            return Poll::Ready(());
        };
        // Other handles may use the permit meanwhile.
        (self.waiting, self.permit) = (None, None);
        let reconnecting = self.reconnecting.get_or_insert_with(|| {
            let mut connected = connected.clone();
            ReusableBoxFuture::new(async move { drop(connected.wait_for(|is_connected| *is_connected).await) })
        });
        ready!(reconnecting.poll(cx));
        self.reconnecting = None;
        Poll::Ready(())
    }
}
