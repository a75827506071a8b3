//! The client as a service: behind a listener it is a proxy, under tower's layers whatever they make of it.

use std::task::{Context, Poll, ready};

use kvstore_protocol::{Command, Response};
use tokio_util::sync::{PollSemaphore, ReusableBoxFuture};
use tower::Service;

use super::{Client, ClientError, ResponseFuture, client::Target};

/// `serve(listener, client)` is a proxy, and tower's balance, retry and limits go round a client as round any service.
///
/// An error reply of the server is a response. The errors are the client's own; a transport answers them with
/// `-UNAVAILABLE …`, `-TIMEOUT …` or the reason why a command cannot be sent. A command that comes from a connection
/// goes through only if the database that is selected there is the client's: the client cannot select another one for
/// it. A proxy that is to pass on the kinds of RESP3 connects with [`resp3`](super::ClientBuilder::resp3); clients that
/// speak RESP2 read them written down.
///
/// An instance that is ready holds room for one command, and gives it back with the call, or when it is dropped. Its
/// clones have none of it. Without a connection it is ready as long as there is room: the commands wait, as
/// [`Reconnect`](super::Reconnect) says. One of several behind a balance is better
/// [not ready](super::ClientBuilder::ready_when_connected) then.
///
/// A proxy for large values passes them on in pieces: commands that the server [streams
/// in](crate::server::Serve::stream_in), replies that the client [streams](super::ClientBuilder::stream_over). One
/// connection of the proxy that goes slowly with such a value then holds up the others behind the same client, and one
/// that breaks off in the middle of a command breaks the client's connection: for such peers, [a
/// factory](crate::server::serve_with_factory) makes a client each.
impl Service<Command> for Client {
    type Response = Response;
    type Error = ClientError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        ready!(self.poll_connected(cx));
        let Target::Remote(remote) = &self.target else { return Poll::Ready(Ok(())) };
        // Room that was promised is of no use any more when the client was closed since.
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
    /// Ready when there is a connection, or will never be one, or it does not matter.
    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Target::Remote(remote) = &self.target else { return Poll::Ready(()) };
        let awaited = remote.connected.as_ref().filter(|connected| !*connected.borrow());
        let Some(connected) = awaited.filter(|_| !remote.permits.semaphore.is_closed()) else {
            self.reconnecting = None;
            return Poll::Ready(());
        };
        // Others may have the room meanwhile.
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
