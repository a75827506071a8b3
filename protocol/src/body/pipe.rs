use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    sync::oneshot,
};

use super::Body;

/// How many bytes wait for the reader at most.
const WINDOW: usize = 64 * 1024;

/// The sending end of a [`Body`]: forwards a long value from the input buffer of a connection while the rest of it arrives.
///
/// For a transport or a client of one's own, once its codec has decoded the head of a message
/// ([`Codec::decode_head`](crate::Codec::decode_head)) and the value is what comes next in the input. The pipe counts the
/// bytes of the value, so it never takes one of the next message. At most 64 KiB wait for the reader: forwarding is pending
/// until it reads on, and the connection should not read its input any further, which is backpressure for the peer.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use std::future::poll_fn;
///
/// use bytes::BytesMut;
/// use kvstore_protocol::BodyPipe;
///
/// let mut input = BytesMut::from("hello, ");
/// let (mut pipe, body) = BodyPipe::new(12);
/// poll_fn(|cx| pipe.poll_forward(&mut input, cx)).await;
/// assert_eq!(pipe.remaining(), 5);
///
/// input.extend_from_slice(b"world\r\nthe next message");
/// poll_fn(|cx| pipe.poll_forward(&mut input, cx)).await;
/// assert_eq!(pipe.remaining(), 0);
/// assert_eq!(input, "\r\nthe next message");
/// assert_eq!(body.read_to_bytes(1024).await?, "hello, world");
/// # Ok::<(), std::io::Error>(()) }).expect("no error");
/// ```
pub struct BodyPipe {
    remaining: u64,
    /// `None` once the value is discarded.
    writer: Option<DuplexStream>,
    failure: oneshot::Sender<io::Error>,
}

impl BodyPipe {
    /// A pipe for a value of `len` bytes, and the body that reads it.
    pub fn new(len: u64) -> (Self, Body) {
        let (reader, writer) = duplex(WINDOW);
        let (failure, failed) = oneshot::channel();
        (Self { remaining: len, writer: Some(writer), failure }, Body::new(len, PipeReader { reader, failed }))
    }

    /// The number of bytes that are not forwarded yet.
    pub fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Forwards the bytes at the front of `input` that belong to the value, and removes them from it.
    ///
    /// Pending while the reader has no room for them. Ready when `input` is empty or the value is complete, which
    /// [`remaining`](Self::remaining) tells apart. When the body is dropped, the rest of the value is discarded.
    pub fn poll_forward(&mut self, input: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
        while self.remaining > 0 && !input.is_empty() {
            let piece = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(input.len());
            let forwarded = match &mut self.writer {
                None => piece,
                Some(writer) => match ready!(Pin::new(writer).poll_write(cx, &input[..piece])) {
                    Ok(written) => written,
                    Err(_) => {
                        self.writer = None;
                        continue;
                    }
                },
            };
            input.advance(forwarded);
            self.remaining -= forwarded as u64;
        }
        Poll::Ready(())
    }

    /// Ready when the body was dropped.
    pub fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.failure.poll_closed(cx)
    }

    /// Discards what is still to come. Reading the body ends with [`io::ErrorKind::UnexpectedEof`].
    pub fn discard(&mut self) {
        self.writer = None;
    }

    /// Ends the value early: reading the body ends with this error. A pipe that is dropped early without one ends it with
    /// [`io::ErrorKind::UnexpectedEof`].
    pub fn fail(self, error: io::Error) {
        // Sent before the writer is dropped: the reader looks for it at the end of the bytes.
        let _ = self.failure.send(error);
        drop(self.writer);
    }
}

impl fmt::Debug for BodyPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyPipe").field("remaining", &self.remaining).finish_non_exhaustive()
    }
}

/// The receiving end, inside of a [`Body`].
struct PipeReader {
    reader: DuplexStream,
    failed: oneshot::Receiver<io::Error>,
}

impl AsyncRead for PipeReader {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        // The body does not read past its length, so an end of the stream is an early one.
        let has_ended = room > 0 && buffer.remaining() == room;
        let failure = if has_ended { self.failed.try_recv().ok() } else { None };
        Poll::Ready(failure.map_or(Ok(()), Err))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn forward(pipe: &mut BodyPipe, bytes: &[u8]) -> BytesMut {
        let mut input = BytesMut::from(bytes);
        poll_fn(|cx| pipe.poll_forward(&mut input, cx)).await;
        input
    }

    fn is_blocked(pipe: &mut BodyPipe, input: &mut BytesMut) -> bool {
        pipe.poll_forward(input, &mut Context::from_waker(std::task::Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn forwarding_waits_for_the_reader_and_takes_no_byte_of_the_next_message() {
        let (mut pipe, body) = BodyPipe::new(100_000);
        let mut input = BytesMut::from(&[b'x'; 100_007][..]);
        assert!(is_blocked(&mut pipe, &mut input));
        assert_eq!(pipe.remaining(), 100_000 - WINDOW as u64);
        let read = tokio::spawn(body.read_to_bytes(usize::MAX));
        poll_fn(|cx| pipe.poll_forward(&mut input, cx)).await;
        assert_eq!((pipe.remaining(), input.len()), (0, 7));
        assert_eq!(read.await.unwrap().unwrap().len(), 100_000);
    }

    #[tokio::test]
    async fn what_nobody_reads_is_discarded() {
        let (mut pipe, body) = BodyPipe::new(WINDOW as u64 * 2 + 1);
        drop(body);
        poll_fn(|cx| pipe.poll_abandoned(cx)).await;
        assert_eq!(forward(&mut pipe, &vec![b'x'; WINDOW * 3]).await.len(), WINDOW - 1);

        let (mut pipe, body) = BodyPipe::new(10);
        pipe.discard();
        assert!(forward(&mut pipe, b"0123456789").await.is_empty());
        assert_eq!(body.read_to_bytes(10).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn the_reader_learns_why_a_value_ends_early() {
        for (failure, kind) in [
            (Some(io::ErrorKind::ConnectionReset), io::ErrorKind::ConnectionReset),
            (None, io::ErrorKind::UnexpectedEof),
        ] {
            let (mut pipe, mut body) = BodyPipe::new(10);
            forward(&mut pipe, b"hello").await;
            match failure {
                Some(kind) => pipe.fail(kind.into()),
                None => drop(pipe),
            }
            let mut read = Vec::new();
            let error = tokio::io::AsyncReadExt::read_to_end(&mut body, &mut read).await.unwrap_err();
            assert_eq!((error.kind(), &read[..]), (kind, &b"hello"[..]));
        }
    }
}
