//! [`Link`]: the connection to the master.

use std::{future::Future, io};

use bytes::{Buf, Bytes, BytesMut};
use kvstore_protocol::{Command, Output, resp::encode_command};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use super::{LinkError, MAX_SILENCE};

/// The least room for input, in bytes.
const ROOM: usize = 64 * 1024;

/// The longest line that the master sends.
const MAX_LINE: usize = 64 * 1024;

/// A byte stream to the master.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<Io: AsyncRead + AsyncWrite + Send + Unpin> Stream for Io {}

/// The connection, and what has come in.
#[derive(Debug)]
pub(super) struct Link<S> {
    stream: S,
    pub(super) input: BytesMut,
    /// When the master has sent something.
    heard: Instant,
}

/// Waits as long as the master may be silent.
pub(super) async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> Result<T, LinkError> {
    Ok(timeout(MAX_SILENCE, work).await.map_err(|_| LinkError::Silent)??)
}

impl<S: Stream> Link<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), heard: Instant::now() }
    }

    /// Reads what comes in next.
    ///
    /// # Errors
    /// If the connection is closed or silent.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn read(&mut self) -> Result<(), LinkError> {
        self.input.reserve(ROOM);
        // Not from now on: this may be called, and dropped, each second.
        let read = timeout_at(self.heard + MAX_SILENCE, self.stream.read_buf(&mut self.input));
        if read.await.map_err(|_| LinkError::Silent)?? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.heard = Instant::now();
        Ok(())
    }

    /// The master may be silent from now on again: the replica did not listen.
    pub(super) fn note_heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Sends a command.
    ///
    /// # Errors
    /// If the connection fails.
    pub(super) async fn send(&mut self, command: &Command) -> Result<(), LinkError> {
        let mut output = Output::default();
        encode_command(command, &mut output);
        in_time(self.stream.write_all_buf(&mut output)).await
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        in_time(self.stream.write_all(bytes)).await
    }

    /// Sends a command, and reads the line that answers it.
    ///
    /// # Errors
    /// If the connection fails.
    pub(super) async fn ask(&mut self, command: &Command) -> Result<String, LinkError> {
        self.send(command).await?;
        self.line().await
    }

    /// Reads a line. Empty ones are skipped: a master sends them while it has nothing to say.
    ///
    /// # Errors
    /// If the connection fails.
    pub(super) async fn line(&mut self) -> Result<String, LinkError> {
        loop {
            while let Some(end) = self.input.iter().position(|byte| *byte == b'\n') {
                let line = self.input.split_to(end + 1);
                let line = line[..end].trim_ascii_end();
                if !line.is_empty() {
                    return Ok(String::from_utf8_lossy(line).into_owned());
                }
            }
            if self.input.len() > MAX_LINE {
                return Err(LinkError::Refused("a line without an end".to_owned()));
            }
            self.read().await?;
        }
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    /// If the connection fails.
    pub(super) async fn take(&mut self, len: usize) -> Result<Bytes, LinkError> {
        while self.input.len() < len {
            self.read().await?;
        }
        Ok(self.input.copy_to_bytes(len))
    }
}
