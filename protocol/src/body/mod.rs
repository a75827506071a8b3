//! [`Body`]: a value that is streamed, [`Streamed`]: the handle with which a response carries one, and [`BodyPipe`]: its
//! sending end.

mod pipe;

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf, Take};

pub use self::pipe::BodyPipe;
use crate::Command;

/// How much room is reserved at a time for a value that is read whole: its length is only a claim of the peer.
const PIECE: usize = 64 * 1024;

/// A value of known length that is streamed: from a file, from another connection, from the request itself.
///
/// As an answer it is sent as fast as the client reads, and is never buffered whole. A slow source holds up its own connection
/// and no other. No layer bounds it, since the command is answered already, so a timeout belongs into the source. A source
/// that fails closes the connection, since what was sent cannot be taken back:
///
/// ```no_run
/// # async fn example() -> std::io::Result<kvstore_protocol::Response> {
/// use kvstore_protocol::{Body, Response};
///
/// let file = tokio::fs::File::open("backup.rdb").await?;
/// let length = file.metadata().await?.len();
/// Ok(Response::from(Body::new(length, file)))
/// # }
/// ```
///
/// As the last argument of a command it is read with [`AsyncRead`] while the client still sends it: see [`Command::body`].
/// Reading fails with [`io::ErrorKind::UnexpectedEof`] when the source ends before the length. Bytes beyond the length are not
/// read.
pub struct Body(Source);

enum Source {
    Whole(Bytes),
    Reader(Take<Pin<Box<dyn AsyncRead + Send>>>),
}

impl Body {
    /// A value of `len` bytes, which are read from `reader` on demand.
    pub fn new(len: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        let reader: Pin<Box<dyn AsyncRead + Send>> = Box::pin(reader);
        Self(Source::Reader(reader.take(len)))
    }

    /// The number of bytes that are not read yet.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Source::Whole(bytes) => bytes.len() as u64,
            Source::Reader(reader) => reader.limit(),
        }
    }

    /// Whether all bytes are read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the rest of the value, up to `limit` bytes. A value made of [`Bytes`] is not copied.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when it is longer, before anything is read; and the errors of the source.
    ///
    /// # Cancel safety
    /// The bytes read so far are lost when the future is dropped.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
    /// use kvstore_protocol::Body;
    ///
    /// let body = Body::new(5, &b"hello, world"[..]);
    /// assert_eq!(body.read_to_bytes(1024).await?, "hello");
    /// # Ok::<(), std::io::Error>(()) }).expect("no error");
    /// ```
    pub async fn read_to_bytes(mut self, limit: usize) -> io::Result<Bytes> {
        let len = usize::try_from(self.len()).ok().filter(|len| *len <= limit).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("the value is longer than {limit} bytes"))
        })?;
        if let Source::Whole(bytes) = self.0 {
            return Ok(bytes);
        }
        let mut bytes = BytesMut::with_capacity(len.min(PIECE));
        while !self.is_empty() {
            self.read_buf(&mut bytes).await?;
        }
        Ok(bytes.freeze())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Source::Whole(bytes))
    }
}

impl AsyncRead for Body {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let reader = match &mut self.0 {
            Source::Reader(reader) => reader,
            Source::Whole(bytes) => {
                let length = bytes.len().min(buffer.remaining());
                buffer.put_slice(&bytes[..length]);
                bytes.advance(length);
                return Poll::Ready(Ok(()));
            }
        };
        let room = buffer.remaining();
        std::task::ready!(Pin::new(&mut *reader).poll_read(cx, buffer))?;
        if buffer.remaining() == room && room > 0 && reader.limit() > 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A [`Body`] in a [`Response`](crate::Response). It can be taken once, by any of the clones.
///
/// Two are equal when they are clones of each other.
///
/// ```
/// use bytes::Bytes;
/// use kvstore_protocol::{Body, Response};
///
/// let answer = Response::from(Body::from(Bytes::from("value")));
/// let Response::Streamed(streamed) = &answer else { unreachable!() };
/// assert_eq!(streamed.take().map(|body| body.len()), Some(5));
/// assert!(streamed.take().is_none());
/// ```
#[derive(Clone)]
pub struct Streamed {
    len: u64,
    body: Arc<Mutex<Option<Body>>>,
}

impl Streamed {
    /// Takes the body; `None` when it was taken before.
    pub fn take(&self) -> Option<Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The length of the value in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl From<Body> for Streamed {
    fn from(body: Body) -> Self {
        Self { len: body.len(), body: Arc::new(Mutex::new(Some(body))) }
    }
}

impl PartialEq for Streamed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.body, &other.body)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("len", &self.len).finish_non_exhaustive()
    }
}

/// The last argument of a command, if it is streamed.
#[derive(Clone)]
pub(crate) struct LastArgument(Streamed);

impl Command {
    /// The last argument as a body: the bytes that the client still sends, if the transport
    /// [streams](Command::streamed_len) them, otherwise the argument itself. `None` when there is no argument, or when the
    /// stream was taken before, by this command or a clone of it.
    ///
    /// A handler that takes its other arguments from the front works with either.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
    /// use kvstore_protocol::{Body, Command};
    ///
    /// let whole = Command::new("PUT").arg("key").arg("value");
    /// let streamed = Command::new("PUT").arg("key").with_body(Body::new(5, &b"value"[..]));
    /// for command in [whole, streamed] {
    ///     assert_eq!(command.arg_at(0), Some(&b"key"[..]));
    ///     let body = command.body().expect("a value");
    ///     assert_eq!(body.read_to_bytes(1024).await?, "value");
    /// }
    /// # Ok::<(), std::io::Error>(()) }).expect("no error");
    /// ```
    pub fn body(&self) -> Option<Body> {
        if let Some(LastArgument(streamed)) = self.last_argument() {
            return streamed.take();
        }
        self.shared_arg(self.args().len().checked_sub(1)?).map(Body::from)
    }

    /// The length of the last argument if it is streamed, and so not one of [`args`](Command::args); `None` when all arguments
    /// are there. The number of arguments of such a command is one too small.
    pub fn streamed_len(&self) -> Option<u64> {
        self.last_argument().map(|LastArgument(streamed)| streamed.len())
    }

    pub(crate) fn last_argument(&self) -> Option<&LastArgument> {
        self.session().extensions().get()
    }

    /// Adds a last argument that is streamed. Copies the session.
    #[must_use]
    pub fn with_body(self, body: Body) -> Self {
        self.with_session(|session| session.extensions_mut().insert(LastArgument(body.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_ends_early_is_an_error_and_one_that_has_more_is_cut() {
        let mut short = Body::new(10, &b"hello"[..]);
        let mut read = Vec::new();
        assert_eq!(short.read_to_end(&mut read).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!((&read[..], short.len()), (&b"hello"[..], 5));
        let mut long = Body::new(3, &b"hello"[..]);
        read.clear();
        assert_eq!((long.read_to_end(&mut read).await.unwrap(), &read[..]), (3, &b"hel"[..]));
    }

    #[tokio::test]
    async fn a_value_over_the_limit_is_not_read() {
        for body in [Body::from(Bytes::from("hello")), Body::new(5, &b"hello"[..])] {
            assert_eq!(body.read_to_bytes(4).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }

    #[tokio::test]
    async fn bytes_that_are_there_are_not_copied() {
        let bytes = Bytes::from(vec![b'x'; 100_000]);
        let read = Body::from(bytes.clone()).read_to_bytes(100_000).await.unwrap();
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn the_stream_of_a_command_is_taken_once() {
        let command = Command::new("PUT").with_body(Body::from(Bytes::from("value")));
        let clone = command.clone();
        assert_eq!((command.streamed_len(), command.args().len()), (Some(5), 0));
        assert!(clone.body().is_some() && command.body().is_none());
        assert!(Command::new("PING").body().is_none());
    }
}
