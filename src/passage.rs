//! [`Passage`]: a long value on its way from the buffer of a connection to whoever reads it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, DuplexStream, duplex};

/// How much of a value waits to be read.
const WINDOW: usize = 64 * 1024;

/// The connection's end. Nothing behind the value is decoded until all of it has come.
#[derive(Debug)]
pub(crate) struct Passage {
    /// How many bytes are still to come.
    left: u64,
    /// The way to the reader; `None` once nobody reads, and the rest is thrown away.
    reader: Option<DuplexStream>,
}

impl Passage {
    /// A value of so many bytes, and where they are read.
    pub(crate) fn new(length: u64) -> (Self, DuplexStream) {
        let (reader, writer) = duplex(WINDOW);
        (Self { left: length, reader: Some(writer) }, reader)
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Throws away what is still to come: nobody wants it.
    pub(crate) fn drop_reader(&mut self) {
        self.reader = None;
    }

    /// Hands on what has come, or throws it away. Pending while the reader does not keep up.
    pub(crate) fn poll_pass(&mut self, input: &mut BytesMut, cx: &mut Context<'_>) -> Poll<()> {
        while self.left > 0 && !input.is_empty() {
            let piece = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
            let taken = match &mut self.reader {
                None => piece,
                Some(reader) => match ready!(Pin::new(reader).poll_write(cx, &input[..piece])) {
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
}
