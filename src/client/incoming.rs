//! [`Incoming`]: a long reply on its way in, from the task of the connection to whoever reads its [`Body`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use kvstore_protocol::Body;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::oneshot,
};

use super::ConnectionError;

/// How much of a reply waits to be read.
const WINDOW: usize = 64 * 1024;

/// The task's end. Nothing behind it is decoded until all of it has come.
#[derive(Debug)]
pub(super) struct Incoming {
    left: u64,
    /// The way to the reader; `None` once there is none, and the rest is thrown away.
    reader: Option<Way>,
}

#[derive(Debug)]
struct Way {
    pipe: DuplexStream,
    /// For the reason why the reply breaks off.
    cause: oneshot::Sender<ConnectionError>,
}

impl Incoming {
    /// A reply of so many bytes, and where they are read.
    pub(super) fn new(length: u64) -> (Self, Body) {
        let (reader, writer) = duplex(WINDOW);
        let (sender, receiver) = oneshot::channel();
        let body = Body::new(length, Reader { pipe: reader, cause: receiver });
        (Self { left: length, reader: Some(Way { pipe: writer, cause: sender }) }, body)
    }

    /// How many bytes are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Hands on what has come, or throws it away. Pending while the reader does not keep up.
    pub(super) fn poll_pass(&mut self, input: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 && !input.is_empty() {
            let piece = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
            let taken = match &mut self.reader {
                None => piece,
                Some(way) => match ready!(Pin::new(&mut way.pipe).poll_write(cx, &input[..piece])) {
                    Ok(taken) => taken,
                    Err(_) => {
                        self.reader = None;
                        continue;
                    }
                },
            };
            input.advance(taken);
            self.left -= taken as u64;
        }
        Poll::Ready(())
    }

    /// Ready when nobody reads it any more.
    pub(super) fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.reader {
            Some(way) => way.cause.poll_closed(cx),
            None => Poll::Ready(()),
        }
    }

    /// Tells the reader that no more comes.
    pub(super) fn fail(self, cause: &ConnectionError) {
        // The cause is there before the end is seen.
        if let Some(Way { pipe, cause: sender }) = self.reader {
            let _ = sender.send(cause.clone());
            drop(pipe);
        }
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
