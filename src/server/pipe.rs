//! [`pipe`]: in-memory connections.

use std::io;

use kvstore_protocol::Peer;
use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

use super::{Accepted, Listener, SocketOptions};

/// Creates an in-memory listener and a connector to it: a server without sockets, for tests and embedding.
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
/// # Ok::<(), std::io::Error>(()) }).expect("no error");
/// ```
pub fn pipe() -> (PipeConnector, PipeListener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (PipeConnector(sender), PipeListener(receiver))
}

/// Connects to a [`PipeListener`].
#[derive(Clone, Debug)]
pub struct PipeConnector(mpsc::UnboundedSender<DuplexStream>);

impl PipeConnector {
    /// Opens a connection and returns its client end. The buffer has 64 KiB in each direction.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the listener is gone.
    pub fn connect(&self) -> io::Result<DuplexStream> {
        self.connect_with_room(64 * 1024)
    }

    /// Like [`connect`](Self::connect), with a buffer of `bytes` in each direction.
    ///
    /// # Errors
    /// [`io::ErrorKind::ConnectionRefused`] when the listener is gone.
    pub fn connect_with_room(&self, bytes: usize) -> io::Result<DuplexStream> {
        let (client, server) = duplex(bytes);
        self.0.send(server).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(client)
    }
}

/// Accepts the connections of its [`PipeConnector`]s.
#[derive(Debug)]
pub struct PipeListener(mpsc::UnboundedReceiver<DuplexStream>);

impl Listener for PipeListener {
    type Io = DuplexStream;

    async fn accept(&mut self, _: &SocketOptions) -> Accepted<DuplexStream> {
        match self.0.recv().await {
            Some(stream) => Accepted::new(stream, Peer::Memory),
            // All connectors are dropped. The open connections are still served.
            None => std::future::pending().await,
        }
    }

    fn local(&self) -> Peer {
        Peer::Memory
    }
}
