//! [`upgrade`]: hands a connection to a handler, which speaks another protocol on it.

use std::{
    fmt,
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use kvstore_middleware::failure;
use kvstore_protocol::{
    Response, Session, Upgrade,
    mailbox::{Inbox, Order},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::{connection::ordered, io::ServerIo, registry::Registration};

/// Upgrades the connection to another protocol: `run` receives it, and its future runs in the task of the connection.
///
/// Everything before the command is answered and written first. What the client sent after the command is not decoded:
/// [`Upgraded`] reads it first. So the command must be added with [`Serve::exclusive`](super::Serve::exclusive); otherwise
/// commands after it may be decoded already, and it is answered with an error instead. A command whose argument is
/// [streamed](super::Serve::stream_in) cannot upgrade its connection either.
///
/// The connection stays in the registry: CLIENT LIST shows it, it counts as a connection, and CLIENT KILL closes it at once. A
/// graceful shutdown [tells](Upgraded::stopping) it, waits within the grace period, and closes it then. The deadlines and limits
/// of the server do not apply any more, and pushed messages find the connection closed. The connection is closed when the future
/// drops it. A panic in the future is logged.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
/// use kvstore::{protocol::{Command, Response}, server::{upgrade_after, pipe}};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// async fn shout(_: Command) -> Result<Response, std::convert::Infallible> {
///     Ok(upgrade_after(Response::ok(), |mut stream| async move {
///         while let Ok(byte) = stream.read_u8().await {
///             if stream.write_u8(byte.to_ascii_uppercase()).await.is_err() {
///                 return;
///             }
///         }
///     }))
/// }
///
/// let (connector, listener) = pipe();
/// tokio::spawn(kvstore::serve(listener, tower::service_fn(shout)).exclusive(["SHOUT"]).into_future());
/// let mut stream = connector.connect()?;
/// stream.write_all(b"SHOUT\r\nhello").await?;
/// let mut answer = [0; 10];
/// stream.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"+OK\r\nHELLO");
/// # Ok::<(), std::io::Error>(()) }).expect("no error");
/// ```
pub fn upgrade<F, R>(run: R) -> Response
where
    F: Future<Output = ()> + Send + 'static,
    R: FnOnce(Upgraded) -> F + Send + 'static,
{
    upgrade_after(Response::Silent, run)
}

/// Upgrades the connection as [`upgrade`] does, after a last response in the old protocol.
pub fn upgrade_after<F, R>(last: Response, run: R) -> Response
where
    F: Future<Output = ()> + Send + 'static,
    R: FnOnce(Upgraded) -> F + Send + 'static,
{
    Response::Upgrade(Upgrade::new(UpgradeRequest { last, run: Box::new(|upgraded| Box::pin(run(upgraded))) }))
}

/// The contents of an [`Upgrade`].
pub(super) struct UpgradeRequest {
    /// The last response in the old protocol.
    pub(super) last: Response,
    pub(super) run: UpgradeHandler,
}

/// Makes the future that uses the upgraded connection.
pub(super) type UpgradeHandler = Box<dyn FnOnce(Upgraded) -> UpgradeFuture + Send>;

/// The future that uses an upgraded connection.
pub(super) type UpgradeFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that was upgraded with [`upgrade`]: a stream of bytes, and the session of the client.
pub struct Upgraded {
    io: ServerIo,
    unread: Bytes,
    session: Arc<Session>,
    stopping: CancellationToken,
}

impl Upgraded {
    /// The session at the time of the upgrade.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Waits until the server stops. The connection is closed when the grace period after that ends.
    ///
    /// The future does not borrow the connection, so it can be polled beside a read in a `select!`.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.stopping.clone().cancelled_owned()
    }
}

/// Bytes that were read ahead come first.
impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let length = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..length]);
        self.unread.advance(length);
        if self.unread.is_empty() {
            // Releases the buffer that it is a part of.
            self.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("session", &self.session)
            .field("unread", &self.unread.len())
            .finish_non_exhaustive()
    }
}

/// Runs the handler of an upgraded connection until it completes or the connection is killed.
pub(super) fn run_upgraded(
    run: UpgradeHandler,
    io: ServerIo,
    unread: Bytes,
    session: Arc<Session>,
    inbox: Inbox,
    registration: Registration,
) -> UpgradeFuture {
    let stopping = CancellationToken::new();
    let upgraded = Upgraded { io, unread, session, stopping: stopping.clone() };
    Box::pin(async move {
        let _registration = registration;
        tokio::select! {
            biased;
            () = wait_for_kill(inbox, stopping) => {}
            () = run_handler(run, upgraded) => {}
        }
    })
}

/// Waits for an order to kill the connection, and signals an order to stop.
async fn wait_for_kill(mut inbox: Inbox, stopping: CancellationToken) {
    inbox.close_to_messages();
    ordered(&mut inbox, Order::Stop).await;
    stopping.cancel();
    ordered(&mut inbox, Order::Kill).await;
}

/// Runs the future of the handler, and catches and logs panics in it, also while it is dropped.
async fn run_handler(run: UpgradeHandler, upgraded: Upgraded) {
    let Ok(running) = failure::catch(|| run(upgraded)) else { return };
    let mut running = CatchPanics(Some(running));
    poll_fn(|cx| running.poll(cx)).await;
}

struct CatchPanics(Option<UpgradeFuture>);

impl CatchPanics {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(running) = &mut self.0 else { return Poll::Ready(()) };
        // A panic completes it. It was logged.
        failure::catch(|| running.as_mut().poll(cx)).unwrap_or(Poll::Ready(()))
    }
}

impl Drop for CatchPanics {
    fn drop(&mut self) {
        failure::discard(self.0.take());
    }
}
