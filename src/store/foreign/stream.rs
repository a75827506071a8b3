//! [`CommandStream`]: the commands that a server writes to its replicas and its append-only file.

use bytes::{Buf, BytesMut};
use kvstore_protocol::{Command, Limits, parse_integer, resp::RequestDecoder};

use crate::store::rdb::FileError;

/// The longest annotation in an append-only file.
const MAX_ANNOTATION: usize = 1024;

/// Finds commands in a stream, with their databases, and the transactions that they are in.
#[derive(Debug)]
pub(in crate::store) struct CommandStream {
    decoder: RequestDecoder,
    /// The number of bytes that were taken.
    offset: u64,
    database: usize,
    /// The commands of the transaction that is open.
    transaction: Option<Vec<(usize, Command)>>,
    /// Up to where the stream is whole commands and transactions, and the database that is selected there.
    whole: (u64, usize),
}

/// The next thing of a stream.
#[derive(Debug, PartialEq)]
pub(in crate::store) enum Streamed {
    /// A command, or those of a transaction.
    Commands(Vec<(usize, Command)>),
    /// A command of the replication itself: PING or REPLCONF.
    Control(Command),
}

impl CommandStream {
    /// A stream that goes on at an offset, where a database is selected.
    pub(in crate::store) fn starting_at(offset: u64, database: usize) -> Self {
        let limits = Limits::default().max_bulk(usize::MAX).max_args(usize::MAX).max_request(usize::MAX);
        let mut decoder = RequestDecoder::default();
        decoder.set_limits(limits);
        Self { decoder, offset, database, transaction: None, whole: (offset, database) }
    }

    /// The number of bytes that were taken off the buffer, and those before.
    pub(in crate::store) fn offset(&self) -> u64 {
        self.offset
    }

    /// Up to where the stream was whole commands and transactions, and the database that is selected there.
    pub(in crate::store) fn whole(&self) -> (u64, usize) {
        self.whole
    }

    /// Takes the next thing off the buffer. `None` if there is none as a whole.
    ///
    /// # Errors
    /// If the bytes are no commands.
    pub(in crate::store) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Streamed>, FileError> {
        loop {
            match buffer.first() {
                None => return Ok(None),
                Some(b'#') => {
                    if !self.skip_annotation(buffer)? {
                        return Ok(None);
                    }
                    continue;
                }
                // What a server sends while it has nothing to say.
                Some(b'\n') => {
                    buffer.advance(1);
                    self.offset += 1;
                    continue;
                }
                Some(_) => {}
            }
            let before = buffer.len();
            let decoded = self.decoder.decode(buffer).map_err(|error| FileError::new(error.to_string()))?;
            self.offset += (before - buffer.len()) as u64;
            let Some(command) = decoded else { return Ok(None) };
            let streamed = self.sort(command)?;
            if self.transaction.is_none() {
                self.whole = (self.offset, self.database);
            }
            if streamed.is_some() {
                return Ok(streamed);
            }
        }
    }

    /// Skips an annotation such as `#TS:1700000000`. Whether it was whole.
    fn skip_annotation(&mut self, buffer: &mut BytesMut) -> Result<bool, FileError> {
        match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                buffer.advance(end + 1);
                self.offset += end as u64 + 1;
                if self.transaction.is_none() {
                    self.whole = (self.offset, self.database);
                }
                Ok(true)
            }
            None if buffer.len() > MAX_ANNOTATION => Err("an annotation is too long".into()),
            None => Ok(false),
        }
    }

    fn sort(&mut self, command: Command) -> Result<Option<Streamed>, FileError> {
        if command.is("SELECT") {
            let database = command.arg_at(0).and_then(parse_integer).and_then(|index| usize::try_from(index).ok());
            self.database = database.ok_or("SELECT has no database")?;
        } else if command.is("MULTI") {
            self.transaction = Some(Vec::new());
        } else if command.is("EXEC") {
            let commands = self.transaction.take().ok_or("EXEC without MULTI")?;
            return Ok(Some(Streamed::Commands(commands)));
        } else if command.is("PING") || command.is("REPLCONF") {
            return Ok(Some(Streamed::Control(command)));
        } else if let Some(commands) = &mut self.transaction {
            commands.push((self.database, command));
        } else {
            return Ok(Some(Streamed::Commands(vec![(self.database, command)])));
        }
        Ok(None)
    }
}
