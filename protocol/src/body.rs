//! [`Body`]: a long value that is streamed, and [`Streamed`], the handle of one in a response.

use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf, Take};

use crate::Command;

/// The initial capacity for a value that is collected. Its length was only announced.
const PIECE: usize = 64 * 1024;

/// A value of known length that is streamed from a reader: a file, another connection, the request itself.
///
/// In a response it is sent as fast as the client reads, and is never in memory as a whole. While the reader has nothing to
/// send, only its own connection waits. A timeout layer does not apply, since the command is answered by then: a time limit
/// goes into the reader. An error of the reader closes the connection, since a part of the value was sent already.
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
/// As the last argument of a command it is read with [`AsyncRead`] while the client still sends it, see
/// [`Command::body`]. Reading fails with [`io::ErrorKind::UnexpectedEof`] when the reader ends before the length, and stops
/// at the length when the reader has more.
pub struct Body(Source);

enum Source {
    Whole(Bytes),
    Reader(Take<Pin<Box<dyn AsyncRead + Send>>>),
}

impl Body {
    /// A value of `len` bytes that are read from `reader` as they are needed.
    pub fn new(len: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        let reader: Pin<Box<dyn AsyncRead + Send>> = Box::pin(reader);
        Self(Source::Reader(reader.take(len)))
    }

    /// How many bytes are left to read.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Source::Whole(bytes) => bytes.len() as u64,
            Source::Reader(reader) => reader.limit(),
        }
    }

    /// Whether no bytes are left to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Collects the bytes that are left, at most `limit` of them. A value that is in memory already is not copied.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`], before anything is read, when more than `limit` bytes are left. The errors of the reader.
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

/// The handle of a [`Body`] in a [`Response`](crate::Response). The body can be taken once, from any clone of the response.
///
/// Two handles are equal when they are of the same body.
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
    /// Takes the body. `None` when it was taken before.
    pub fn take(&self) -> Option<Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The length of the whole value, also after it was taken.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the length of the value is 0.
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

/// The last argument of a command that is called before all of the argument has arrived.
struct LastArgument(Streamed);

impl Command {
    /// The last argument as a [`Body`], whether the transport [streams](Command::streamed_len) it or it has arrived whole.
    /// `None` when there is no argument, or when the stream was taken before, from this command or a clone of it.
    ///
    /// A handler need not know which of the two it is, but must count its other arguments from the front: a streamed
    /// argument is not among [`args`](Command::args).
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
        if let Some(LastArgument(streamed)) = self.session().get() {
            return streamed.take();
        }
        self.shared_arg(self.args().len().checked_sub(1)?).map(Body::from)
    }

    /// The length of the last argument when it is streamed. `None` when all arguments are among [`args`](Command::args).
    /// [`len`](Command::len) does not count a streamed argument.
    pub fn streamed_len(&self) -> Option<u64> {
        self.session().get().map(|LastArgument(streamed)| streamed.len())
    }

    /// The same command with one more argument, which is streamed. Copies the session.
    #[must_use]
    pub fn with_body(self, body: Body) -> Self {
        self.with_session(|session| session.insert(LastArgument(body.into())))
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
        assert!(Command::ping().body().is_none());
    }
}
