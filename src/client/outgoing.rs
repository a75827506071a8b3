//! [`Outgoing`]: the last argument of a command on its way out, from its [`Body`] to the output of the connection.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use kvstore_middleware::failure::{catch, discard};
use kvstore_protocol::{Body, ClientCodec, Command, CommandError, Output, Response};
use tokio_util::io::poll_read_buf;

/// A value that is sent in pieces. Nothing else is encoded until it is whole.
pub(super) struct Outgoing {
    body: Option<Body>,
    /// Where its command stands in the stream.
    start: u64,
    /// What the server answered before it had all of it.
    answer: Option<Response>,
}

impl Outgoing {
    /// Encodes the command, all but the value.
    ///
    /// # Errors
    /// When that cannot be sent. Nothing is encoded then.
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

    /// Whether any of its command was sent. Until then nothing is read of the value, and all of it can go back.
    pub(super) fn is_begun(&self, written: u64) -> bool {
        self.start < written
    }

    /// Reads on, `room` bytes at most. True when all of it was read.
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

    /// Keeps the answer until the value is sent: who gets it may end the source, and the stream would be out of step.
    /// It comes back when it must not wait: a server may stop reading until its own long value is read.
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

    /// The value, to be sent another time.
    pub(super) fn into_body(mut self) -> Option<Body> {
        self.body.take()
    }
}

/// The source is somebody's, and its drop may panic.
impl Drop for Outgoing {
    fn drop(&mut self) {
        discard(self.body.take());
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("body", &self.body).field("start", &self.start).finish_non_exhaustive()
    }
}
