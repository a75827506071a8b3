//! [`Input`]: what is in a file, one thing after the other.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use bytes::BytesMut;

use super::{CommandStream, Streamed};
use crate::store::rdb::{Decoded, FileDecoder, FileError};

/// How much is read at a time, in bytes.
const CHUNK: usize = 256 * 1024;

/// A file that is read.
pub(super) struct Input {
    file: File,
    len: u64,
    read: u64,
    buffer: BytesMut,
    format: Format,
}

enum Format {
    Rdb(Box<FileDecoder>),
    Commands(CommandStream),
}

/// What a file has next.
pub(super) enum Found {
    Rdb(Decoded),
    Commands(Streamed),
    /// The end, and the number of bytes in front of it that are incomplete.
    End(u64),
}

/// Why a file is not read any further.
pub(super) enum InputError {
    Io(io::Error),
    Invalid(FileError),
}

impl Input {
    /// Opens a file, whose first bytes say what it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let format = Format::Commands(CommandStream::starting_at(0, 0));
        let mut input = Self { file, len, read: 0, buffer: BytesMut::new(), format };
        input.fill()?;
        if FileDecoder::is_file(&input.buffer) {
            input.format = Format::Rdb(Box::new(FileDecoder::new()));
        } else if !matches!(input.buffer.first(), None | Some(b'*' | b'#')) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is neither an RDB file nor an append-only file",
            ));
        }
        Ok(input)
    }

    /// How many bytes were taken so far.
    pub(super) fn offset(&self) -> u64 {
        match &self.format {
            Format::Rdb(decoder) => decoder.offset(),
            Format::Commands(stream) => stream.offset(),
        }
    }

    /// The next thing.
    ///
    /// # Errors
    /// If the file cannot be read, or is not valid at the offset.
    pub(super) fn next(&mut self) -> Result<Found, InputError> {
        loop {
            match &mut self.format {
                Format::Rdb(decoder) => {
                    if let Some(decoded) = decoder.decode(&mut self.buffer)? {
                        // Behind it, an append-only file has its commands.
                        if decoded == Decoded::End {
                            self.format = Format::Commands(CommandStream::starting_at(decoder.offset(), 0));
                        }
                        return Ok(Found::Rdb(decoded));
                    }
                    if decoder.needed() - self.buffer.len() as u64 > self.len.saturating_sub(self.read) {
                        return Err(FileError::from("the file ends too early").into());
                    }
                }
                Format::Commands(stream) => {
                    if let Some(streamed) = stream.decode(&mut self.buffer)? {
                        return Ok(Found::Commands(streamed));
                    }
                    if self.read == self.len {
                        return Ok(Found::End(self.len - stream.whole().0));
                    }
                }
            }
            if self.fill()? == 0 {
                return Err(FileError::from("the file has become shorter").into());
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let before = self.buffer.len();
        let wanted = CHUNK.min((self.len - self.read) as usize);
        self.buffer.resize(before + wanted, 0);
        let mut filled = before;
        while filled < self.buffer.len() {
            match self.file.read(&mut self.buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        self.buffer.truncate(filled);
        self.read += (filled - before) as u64;
        Ok(filled - before)
    }
}

impl From<io::Error> for InputError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<FileError> for InputError {
    fn from(error: FileError) -> Self {
        Self::Invalid(error)
    }
}
