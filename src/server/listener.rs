//! [`Listener`]: where connections come from. TCP, Unix sockets, and pipes in memory.

use std::{future::Future, io, time::Duration};

use kvstore_protocol::Peer;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, duplex},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::mpsc,
    time::sleep,
};

use super::SocketOptions;

/// A source of connections.
///
/// Accepting does not fail: what goes wrong (a connection reset before it was accepted, no file descriptor left) is
/// logged and tried again, so that a server outlives it.
pub trait Listener: Send + 'static {
    /// The stream of one connection.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection, and sets it up as `options` say where they apply.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    fn accept(&mut self, options: &SocketOptions) -> impl Future<Output = (Self::Io, Peer)> + Send;

    /// Where this listener listens.
    fn local(&self) -> Peer;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self, options: &SocketOptions) -> (TcpStream, Peer) {
        let (stream, address) = accept_again(self, async |listener| TcpListener::accept(listener).await).await;
        if let Err(error) = set_options(&stream, options) {
            tracing::debug!(%error, peer = %address, "socket options were not set");
        }
        (stream, Peer::Tcp(address))
    }

    fn local(&self) -> Peer {
        self.local_addr().map_or(Peer::Memory, Peer::Tcp)
    }
}

impl Listener for UnixListener {
    type Io = UnixStream;

    async fn accept(&mut self, _: &SocketOptions) -> (UnixStream, Peer) {
        let (stream, _) = accept_again(self, async |listener| UnixListener::accept(listener).await).await;
        // Clients of a Unix socket have no address of their own: Redis shows the path of the server's, and so do we.
        (stream, self.local())
    }

    fn local(&self) -> Peer {
        let address = self.local_addr().ok();
        Peer::Unix(address.and_then(|address| address.as_pathname().map(Into::into)).unwrap_or_default())
    }
}

/// Accepts until it succeeds. Errors of one connection are skipped; when the process or the machine is short of
/// something, a pause gives it time to recover, longer each time.
async fn accept_again<L, T>(listener: &L, accept: impl AsyncFn(&L) -> io::Result<T>) -> T {
    let mut pause = Duration::from_millis(10);
    loop {
        match accept(listener).await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, ?pause, "cannot accept connections");
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn set_options(stream: &TcpStream, options: &SocketOptions) -> io::Result<()> {
    stream.set_nodelay(options.nodelay)?;
    match options.keepalive {
        None => Ok(()),
        Some(silence) => {
            // As Redis does: three probes, a third of the time apart.
            let probe = (silence / 3).max(Duration::from_secs(1));
            let keepalive = socket2::TcpKeepalive::new().with_time(silence).with_interval(probe).with_retries(3);
            socket2::SockRef::from(stream).set_tcp_keepalive(&keepalive)
        }
    }
}

/// Makes a listener in memory, and the means to connect to it: a server with no socket, for tests and for programs that
/// serve themselves.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
/// use kvstore::{protocol::{Command, Response}, server};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let (connector, listener) = server::pipe();
/// let hello = tower::service_fn(|_: Command| async { Ok::<_, std::convert::Infallible>(Response::from("hello")) });
/// tokio::spawn(kvstore::serve(listener, hello).into_future());
///
/// let mut stream = connector.connect().expect("the server runs");
/// stream.write_all(b"*1\r\n$5\r\nGREET\r\n").await?;
/// let mut answer = [0; 11];
/// stream.read_exact(&mut answer).await?;
/// assert_eq!(&answer, b"$5\r\nhello\r\n");
/// # Ok::<(), std::io::Error>(()) }).expect("no trouble");
/// ```
pub fn pipe() -> (PipeConnector, PipeListener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (PipeConnector(sender), PipeListener(receiver))
}

/// Connects to a [`PipeListener`].
#[derive(Clone, Debug)]
pub struct PipeConnector(mpsc::UnboundedSender<DuplexStream>);

impl PipeConnector {
    /// The client's end of a new connection, with room for 64 KiB in each direction.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the listener is gone.
    pub fn connect(&self) -> io::Result<DuplexStream> {
        self.connect_with_room(64 * 1024)
    }

    /// The same, with room for `bytes` in each direction.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the listener is gone.
    pub fn connect_with_room(&self, bytes: usize) -> io::Result<DuplexStream> {
        let (client, server) = duplex(bytes);
        self.0.send(server).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(client)
    }
}

/// Takes the connections of its [`PipeConnector`]s.
#[derive(Debug)]
pub struct PipeListener(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for PipeListener {
    type Io = DuplexStream;

    async fn accept(&mut self, _: &SocketOptions) -> (DuplexStream, Peer) {
        match self.0.recv().await {
            Some(stream) => (stream, Peer::Memory),
            // Nobody can connect any more; the connections that there are go on.
            None => std::future::pending().await,
        }
    }

    fn local(&self) -> Peer {
        Peer::Memory
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accepting_goes_on_after_errors_and_rests_when_something_is_short() {
        let tries = Cell::new(0);
        let start = Instant::now();
        let accepted = accept_again(&tries, async |tries: &Cell<u32>| {
            tries.set(tries.get() + 1);
            match tries.get() {
                1..=3 => Err(io::ErrorKind::ConnectionAborted.into()),
                // EMFILE: no file descriptor is left.
                4..=6 => Err(io::Error::from_raw_os_error(24)),
                _ => Ok("a connection"),
            }
        });
        assert_eq!(accepted.await, "a connection");
        assert_eq!(start.elapsed().as_millis(), 10 + 20 + 40);
    }
}
