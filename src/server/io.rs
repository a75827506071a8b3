//! [`ServerIo`]: the byte stream of a connection.

use std::{
    any::Any,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// A byte stream that [`ServerIo`] can box.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin> Stream for Io {}

/// The byte stream of a connection: one of the known types, or another one in a box. A single type for all, so that the
/// connection loop is compiled once for each service, and not again for each listener.
pub(super) enum ServerIo {
    Tcp(TcpStream),
    Unix(UnixStream),
    Memory(DuplexStream),
    Other(Box<dyn Stream>),
}

impl ServerIo {
    pub(super) fn new<Io: AsyncRead + AsyncWrite + Send + Unpin + 'static>(io: Io) -> Self {
        let mut io = Some(io);
        take_as(&mut io)
            .map(Self::Tcp)
            .or_else(|| take_as(&mut io).map(Self::Unix))
            .or_else(|| take_as(&mut io).map(Self::Memory))
            .or_else(|| io.map(|io| Self::Other(Box::new(io))))
            .expect("a stream is of one kind")
    }

    /// Sends the last bytes to a client, and closes its connection. Input is read until the client closes its side: unread
    /// input makes the kernel send a reset, which may discard the bytes before the client reads them.
    ///
    /// Best effort: the connection is closed after this time, whether or not the bytes were delivered.
    pub(super) async fn close_with(mut self, mut last: impl Buf, within: Duration) {
        let mut scratch = [0; 1024];
        let close = async {
            self.write_all_buf(&mut last).await?;
            self.shutdown().await?;
            while self.read(&mut scratch).await? > 0 {}
            Ok::<(), io::Error>(())
        };
        let _ = timeout(within, close).await;
    }
}

/// Takes the stream if its type is `T`.
fn take_as<T: 'static>(io: &mut dyn Any) -> Option<T> {
    io.downcast_mut::<Option<T>>()?.take()
}

/// Calls a method of the stream in the variant.
macro_rules! delegate {
    ($self:ident, $io:ident => $call:expr) => {
        match $self.get_mut() {
            ServerIo::Tcp(io) => {
                let $io = Pin::new(io);
                $call
            }
            ServerIo::Unix(io) => {
                let $io = Pin::new(io);
                $call
            }
            ServerIo::Memory(io) => {
                let $io = Pin::new(io);
                $call
            }
            ServerIo::Other(io) => {
                let $io = Pin::new(io);
                $call
            }
        }
    };
}

impl AsyncRead for ServerIo {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_read(cx, buffer))
    }
}

impl AsyncWrite for ServerIo {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, io => io.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, io => io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(io) => io.is_write_vectored(),
            Self::Unix(io) => io.is_write_vectored(),
            Self::Memory(io) => io.is_write_vectored(),
            Self::Other(io) => io.is_write_vectored(),
        }
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, io => io.poll_shutdown(cx))
    }
}
