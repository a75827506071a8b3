//! [`OutgoingBody`]: the streamed last argument of a command, from its [`Body`] to the output of the connection.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use kvstore_middleware::failure::{catch, discard};
use kvstore_protocol::{Body, ClientCodec, Command, CommandError, Output, Response};
use tokio_util::io::poll_read_buf;

/// A body that is being sent. No other command is encoded before it is complete.
pub(super) struct OutgoingBody {
    body: Option<Body>,
    /// The position of its command in the stream.
    start: u64,
    /// An answer that arrived before all of the body was sent.
    answer: Option<Response>,
}

impl OutgoingBody {
    /// Encodes the command up to the body.
    ///
    /// # Errors
    /// When it cannot be sent. Nothing is encoded then.
    pub(super) fn begin(
        command: &Command,
        start: u64,
        codec: &mut ClientCodec,
        output: &mut Output,
    ) -> Result<Self, CommandError> {
        let body = command.body().ok_or(CommandError::err("the value of the command was taken before"))?;
        codec.begin_streamed(command, output)?;
        Ok(Self { body: Some(body), start, answer: None })
    }

    /// Whether any byte of its command was sent. Before that the body is not read, and can go back to the queue.
    pub(super) fn is_begun(&self, written: u64) -> bool {
        self.start < written
    }

    /// Reads up to `room` bytes. True when the body is complete.
    pub(super) fn poll_read(
        &mut self,
        output: &mut Output,
        room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let Some(body) = self.body.as_mut().filter(|body| !body.is_empty()) else { return Poll::Ready(Ok(true)) };
        let room = usize::try_from(body.len()).unwrap_or(room).min(room);
        output.bytes().reserve(room);
        let mut buffer = output.bytes().limit(room);
        match catch(|| poll_read_buf(Pin::new(body), cx, &mut buffer)) {
            Ok(read) => Poll::Ready(ready!(read).map(|_| false)),
            Err(_) => Poll::Ready(Err(io::Error::other("the source of the value panicked"))),
        }
    }

    /// Keeps the answer until the body is sent: its caller may drop the source, which would break off the command. Returns a
    /// streamed answer at once: a server may stop reading until that is read.
    pub(super) fn hold(&mut self, answer: Response) -> Option<Response> {
        match answer {
            Response::Streamed(_) => Some(answer),
            answer => {
                self.answer = Some(answer);
                None
            }
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    pub(super) fn take_answer(&mut self) -> Option<Response> {
        self.answer.take()
    }

    /// The body, to be sent over the next connection.
    pub(super) fn into_body(mut self) -> Option<Body> {
        self.body.take()
    }
}

/// The source is user code, and its drop may panic.
impl Drop for OutgoingBody {
    fn drop(&mut self) {
        discard(self.body.take());
    }
}

impl fmt::Debug for OutgoingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingBody").field("body", &self.body).field("start", &self.start).finish_non_exhaustive()
    }
}
