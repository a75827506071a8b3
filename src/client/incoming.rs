//! [`Incoming`]: a long reply on its way in, from the task of the connection to whoever reads its [`Body`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use kvstore_protocol::Body;
use tokio::{
    io::{AsyncRead, DuplexStream, ReadBuf},
    sync::oneshot,
};

use super::ConnectionError;
use crate::passage::Passage;

/// The task's end. Nothing behind it is decoded until all of it has come.
#[derive(Debug)]
pub(super) struct Incoming {
    passage: Passage,
    /// For the reason why the reply breaks off.
    cause: oneshot::Sender<ConnectionError>,
}

impl Incoming {
    /// A reply of so many bytes, and where they are read.
    pub(super) fn new(length: u64) -> (Self, Body) {
        let (passage, pipe) = Passage::new(length);
        let (sender, receiver) = oneshot::channel();
        (Self { passage, cause: sender }, Body::new(length, Reader { pipe, cause: receiver }))
    }

    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.passage.left()
    }

    /// Hands on what has come, or throws it away. Pending while the reader does not keep up.
    pub(super) fn poll_pass(&mut self, input: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
        self.passage.poll_pass(input, cx)
    }

    /// Ready when nobody reads it any more.
    pub(super) fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.cause.poll_closed(cx)
    }

    /// Tells the reader that no more comes.
    pub(super) fn fail(self, cause: &ConnectionError) {
        // The cause is there before the end is seen.
        let _ = self.cause.send(cause.clone());
        drop(self.passage);
    }
}

/// The reader's end.
struct Reader {
    pipe: DuplexStream,
    cause: oneshot::Receiver<ConnectionError>,
}

/// It is never read past the end of the reply: an end that is seen here comes too early.
impl AsyncRead for Reader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        ready!(Pin::new(&mut self.pipe).poll_read(cx, buffer))?;
        if room > 0 && buffer.remaining() == room {
            let cause = self.cause.try_recv().unwrap_or(ConnectionError::Stopped);
            return Poll::Ready(Err(cause.into()));
        }
        Poll::Ready(Ok(()))
    }
}
