//! [`Connection`]: one command after the other over one stream, each with its own answer.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use kvstore_protocol::{ClientCodec, Command, CommandError, Output, ProtocolError, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::ClientError;

/// How much room there is for a read, at least and at most. A longer reply is read in several: its length is only what
/// the server says.
const ROOM: (usize, usize) = (4 * 1024, 64 * 1024);

/// Commands whose replies cannot be counted: none, several, or a stream of them.
const UNCOUNTED: [&str; 9] = [
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "SUNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
];

/// A stream to a server, and how far the command under way has come.
///
/// Everything that a call has done stands here and not in its future, so that the next call can go on where a dropped
/// one stopped.
pub(super) struct Connection {
    io: Box<dyn Io>,
    codec: ClientCodec,
    input: BytesMut,
    output: Output,
    is_flushed: bool,
    /// Whether an answer is due: that of this call, or of one that was dropped.
    is_due: bool,
}

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

impl Connection {
    pub(super) fn new(io: Box<dyn Io>, codec: ClientCodec) -> Self {
        Self { io, codec, input: BytesMut::new(), output: Output::default(), is_flushed: true, is_due: false }
    }

    /// Sends `command` and waits for its answer. After every error but [`ClientError::Unsupported`] the stream is of no
    /// more use.
    ///
    /// # Cancel safety
    /// A call that is dropped leaves its command half sent or its answer unread. The next one finishes that first.
    pub(super) async fn call(&mut self, command: &Command) -> Result<Response, ClientError> {
        if !is_counted(command) {
            let reason = "the client sends only commands that are answered with one reply";
            return Err(ClientError::Unsupported(CommandError::err(reason)));
        }
        // Before the command is encoded: calls that are dropped one after the other do not pile up.
        if self.is_due {
            self.answer().await?;
        }
        self.skip_pushes()?;
        self.codec.encode(command, &mut self.output).map_err(ClientError::Unsupported)?;
        self.is_due = true;
        self.answer().await
    }

    /// Whether missing values are spelled out, since the protocol is the native one.
    pub(super) fn is_native(&mut self) -> bool {
        // What tells it from RESP, which has a form for every command.
        self.codec.encode(&Command::new("EXISTS"), &mut Output::default()).is_err()
    }

    async fn answer(&mut self) -> Result<Response, ClientError> {
        loop {
            match self.codec.decode(&mut self.input)? {
                Some(Response::Push(_)) => {}
                Some(answer) => {
                    self.is_due = false;
                    return Ok(answer);
                }
                None => self.transfer().await?,
            }
        }
    }

    /// Drops what came after the last answer. Only pushes may: any other reply would be taken for the next answer.
    fn skip_pushes(&mut self) -> Result<(), ProtocolError> {
        while let Some(reply) = self.codec.decode(&mut self.input)? {
            if !matches!(reply, Response::Push(_)) {
                return Err(ProtocolError::InvalidReply("no command was sent"));
            }
        }
        Ok(())
    }

    /// Writes what is to be written, until something was read.
    async fn transfer(&mut self) -> Result<(), ClientError> {
        match poll_fn(|cx| self.poll_transfer(cx)).await? {
            0 if self.input.is_empty() && self.codec.is_idle() => Err(ClientError::Closed),
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside of a reply").into()),
            _ => Ok(()),
        }
    }

    fn poll_transfer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let sent = self.poll_send(cx);
        self.input.reserve(self.codec.missing().clamp(ROOM.0, ROOM.1));
        // Also while sending: a server may answer before it has read everything, and say so why it will not.
        match (sent, poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input)) {
            (Poll::Ready(Err(error)), Poll::Pending | Poll::Ready(Ok(0))) => Poll::Ready(Err(error)),
            (_, read) => read,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.output.has_remaining() {
            self.is_flushed = false;
            if ready!(poll_write_buf(Pin::new(&mut self.io), cx, &mut self.output))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("codec", &self.codec).field("is_due", &self.is_due).finish_non_exhaustive()
    }
}

fn is_counted(command: &Command) -> bool {
    let sets_replies =
        command.is("CLIENT") && command.arg_at(0).is_some_and(|what| what.eq_ignore_ascii_case(b"REPLY"));
    !sets_replies && !UNCOUNTED.iter().any(|name| command.is(name))
}
