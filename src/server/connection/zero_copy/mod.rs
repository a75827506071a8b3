//! Writes long values without copying them: their pages are lent to the socket.
//!
//! A normal write copies the bytes into pages of the kernel. For a value of a megabyte that copy is most of the cost of
//! a GET. Here the socket references the pages of the value instead: `vmsplice` puts them into a pipe, `splice` moves
//! them from there into the socket. This works for whole pages; the rest of the first and the last page is copied.
//!
//! The kernel does not report when the peer has received lent pages, so they are never written again. Only the buffer
//! of a request that came in a buffer of its own is [`lendable`]. Before such a buffer is freed, its lent pages are
//! dropped from memory: the socket keeps them, and the memory gets new pages when it is used again. All other memory is
//! copied.

mod kernel;
mod pages;
mod pipe;

use std::{
    io::{self, IoSlice},
    ops::Range,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use kvstore_protocol::Output;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::{io::Interest, net::TcpStream};

pub(super) use pages::lendable;

use crate::server::io::ServerIo;

/// The minimum size of a lendable request, in bytes.
const MIN_REQUEST: usize = 64 * 1024;

/// The minimum size of a part of the output that is lent, in bytes. Copying a shorter one is faster.
const MIN_PART: usize = 32 * 1024;

/// How many parts of the output are searched for a lendable one.
const MAX_PARTS: usize = 16;

/// Writes once, if the stream is a TCP socket and the output has a lendable part. Returns `None` otherwise.
pub(super) fn poll_write(
    io: &mut ServerIo,
    output: &mut Output,
    cx: &mut Context<'_>,
) -> Option<Poll<io::Result<usize>>> {
    if output.remaining() < MIN_PART {
        return None;
    }
    let ServerIo::Tcp(stream) = io else { return None };
    // Checked first, since each attempt to lend counts as a write of that request.
    match stream.poll_write_ready(cx) {
        Poll::Ready(Ok(())) => {}
        Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
        Poll::Pending => return Some(Poll::Pending),
    }
    let mut parts = [IoSlice::new(&[]); MAX_PARTS];
    let count = output.chunks_vectored(&mut parts);
    let (before, pages) = parts[..count].iter().enumerate().find_map(|(index, part)| Some((index, lend(part)?)))?;
    // The bytes before the pages: the earlier parts, and the start of this part up to its first whole page.
    let mut front = parts;
    front[before] = IoSlice::new(&parts[before][..pages.start]);
    let (front, pages) = (&front[..=before], &parts[before][pages]);
    let is_all = length_of(front) + pages.len() == output.remaining();
    let written = poll_send(stream, cx, |written| send(stream, front, pages, !is_all, written));
    Some(written.map_ok(|written| {
        output.advance(written);
        written
    }))
}

/// Returns the range of the whole pages in `part`, if they are to be lent.
fn lend(part: &[u8]) -> Option<Range<usize>> {
    if part.len() < MIN_PART { None } else { pages::lend(part) }
}

fn length_of(parts: &[IoSlice<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// Sends as soon as the socket is writable; `send` counts the bytes. It returns `WouldBlock` when the socket is full,
/// also after a partial write: the stream then waits for room before the next write.
fn poll_send(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    mut send: impl FnMut(&mut usize) -> io::Result<()>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        let mut written = 0;
        match stream.try_io(Interest::WRITABLE, || send(&mut written)) {
            Err(error) if written == 0 && error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if written == 0 => return Poll::Ready(Err(error)),
            // After a partial write, a permanent error is returned by the next one.
            _ => return Poll::Ready(Ok(written)),
        }
    }
}

/// Sends the bytes before the pages, then the pages, as far as the socket accepts them. `more` tells the kernel that
/// more output follows.
fn send(stream: &TcpStream, front: &[IoSlice<'_>], pages: &[u8], more: bool, written: &mut usize) -> io::Result<()> {
    let length = length_of(front);
    if length > 0 {
        let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
        *written = rustix::net::sendmsg(stream, front, &mut SendAncillaryBuffer::default(), flags)?;
    }
    if *written < length {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(pipe::send_pages(stream, pages, more, written)?)
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::{Bytes, BytesMut};
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("it listens")).await.expect("it listens");
        (listener.accept().await.expect("a client").0, client)
    }

    /// Writes `bytes` after a head several times, and returns how often they were lent.
    async fn lent(io: &mut ServerIo, bytes: &Bytes) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let write = || {
            let mut output = Output::default();
            output.bytes().extend_from_slice(b"head");
            output.share(bytes.clone());
            match poll_write(io, &mut output, &mut cx) {
                None => false,
                Some(Poll::Ready(written)) => {
                    let written = written.expect("the peer is there");
                    assert!(written > 4 && output.remaining() == 4 + bytes.len() - written);
                    true
                }
                Some(Poll::Pending) => panic!("there is room"),
            }
        };
        std::iter::repeat_with(write).take(20).filter(|is_lent| *is_lent).count()
    }

    #[tokio::test]
    async fn a_request_is_lent_to_a_tcp_socket_once_it_was_copied_several_times() {
        let (server, mut client) = pair().await;
        server.writable().await.expect("the peer is there");
        let bytes = lendable(BytesMut::from(&[7; MIN_REQUEST][..]));
        let mut server = ServerIo::Tcp(server);
        assert_eq!(lent(&mut server, &bytes).await, 3);
        drop(bytes);
        // This allocation may reuse the memory that is read below.
        let _other = vec![8_u8; MIN_REQUEST];
        drop(server);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.expect("the peer is there");
        assert!(received.starts_with(b"head\x07") && !received.contains(&8) && !received.contains(&0));
    }

    #[tokio::test]
    async fn other_memory_other_streams_and_short_parts_are_copied() {
        let (server, _client) = pair().await;
        server.writable().await.expect("the peer is there");
        let mut server = ServerIo::Tcp(server);
        let (pipe, _end) = tokio::io::duplex(1 << 20);
        let mut pipe = ServerIo::Memory(pipe);
        let lendable_bytes = lendable(BytesMut::from(&[7; MIN_REQUEST][..]));
        assert_eq!(lent(&mut server, &Bytes::from(vec![7; MIN_REQUEST])).await, 0);
        assert_eq!(lent(&mut pipe, &lendable_bytes).await, 0);
        let mut short = Output::default();
        short.share(lendable_bytes.slice(..MIN_PART - 1));
        short.share(lendable_bytes.slice(1..MIN_PART));
        for _ in 0..20 {
            assert!(poll_write(&mut server, &mut short, &mut Context::from_waker(Waker::noop())).is_none());
        }
    }

    #[tokio::test]
    async fn what_a_full_socket_did_not_take_is_written_when_there_is_room() {
        let (server, mut client) = pair().await;
        server.writable().await.expect("the peer is there");
        let value: Vec<u8> = (0..30_000_000_u32).map(|index| (index / 1000) as u8).collect();
        let bytes = lendable(BytesMut::from(&value[..]));
        let mut output = Output::default();
        output.bytes().extend_from_slice(b"head");
        output.share(bytes.clone());
        let mut server = ServerIo::Tcp(server);
        let mut cx = Context::from_waker(Waker::noop());
        let first = (0..20).find_map(|_| poll_write(&mut server, &mut output, &mut cx));
        assert!(matches!(first, Some(Poll::Ready(Ok(5..)))));
        assert!(poll_write(&mut server, &mut output, &mut cx).is_some_and(|polled| polled.is_pending()));
        let mut received = vec![0; 4];
        client.read_exact(&mut received).await.expect("the peer is there");
        let read = async {
            let mut received = vec![0; value.len()];
            client.read_exact(&mut received).await.expect("the peer is there");
            received
        };
        let write = std::future::poll_fn(|cx| {
            while output.remaining() > 0 {
                match poll_write(&mut server, &mut output, cx) {
                    Some(written) => ready!(written).expect("the peer is there"),
                    None => ready!(tokio_util::io::poll_write_buf(std::pin::Pin::new(&mut server), cx, &mut output))
                        .expect("the peer is there"),
                };
            }
            Poll::Ready(())
        });
        let ((), received) = tokio::join!(write, read);
        assert!(received == value);
    }
}
