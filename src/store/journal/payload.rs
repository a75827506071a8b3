//! A [`Record`] as bytes: the payload of a frame.
//!
//! ```text
//! payload  time in nanoseconds since the Unix epoch 8 · number of commands · commands
//! command  database · number of words · the length of each word · the words
//! ```
//!
//! All [numbers](super::number) but the time are of variable length. In a frame the time is another one.

use std::time::Duration;

use bytes::Bytes;
use kvstore_protocol::{Command, Word};

use super::number;
use crate::store::Record;

/// About the bytes of a frame without the payload, and with the time.
const FRAME: usize = 13;

/// The most bytes of a payload, without its words.
const OVERHEAD: usize = 64;

/// About the memory that a record takes, in bytes.
pub(super) fn size_of(record: &Record) -> usize {
    OVERHEAD + record.commands().iter().map(|(_, command)| size_of_command(command)).sum::<usize>()
}

/// The same for a record of one command.
pub(super) fn size_alone(command: &Command) -> usize {
    OVERHEAD + size_of_command(command)
}

fn size_of_command(command: &Command) -> usize {
    OVERHEAD + command.size() + command.len()
}

/// About the bytes that a record takes in the journal.
pub(in super::super) fn size_in_journal(record: &Record) -> u64 {
    let words =
        |command: &Command| command.words().map(|word| length_of_number(word.len()) + word.len()).sum::<usize>();
    let size = |(database, command): &(usize, Command)| {
        length_of_number(*database) + length_of_number(command.len()) + words(command)
    };
    let commands = record.commands();
    (FRAME + length_of_number(commands.len()) + commands.iter().map(size).sum::<usize>()) as u64
}

fn length_of_number(number: usize) -> usize {
    number::length(number as u64)
}

/// Appends a record.
pub(super) fn encode(record: &Record, buffer: &mut Vec<u8>) {
    push_head(buffer, record.time(), record.commands().len());
    record.commands().iter().for_each(|(database, command)| push_command(buffer, *database, command));
}

/// Appends a record of one command.
pub(super) fn encode_alone(time: Duration, database: usize, command: &Command, buffer: &mut Vec<u8>) {
    push_head(buffer, time, 1);
    push_command(buffer, database, command);
}

fn push_head(buffer: &mut Vec<u8>, time: Duration, commands: usize) {
    let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    buffer.extend_from_slice(&time.to_le_bytes());
    push_number(buffer, commands);
}

fn push_command(buffer: &mut Vec<u8>, database: usize, command: &Command) {
    push_number(buffer, database);
    push_number(buffer, command.len());
    command.words().for_each(|word| push_number(buffer, word.len()));
    command.words().for_each(|word| buffer.extend_from_slice(word));
}

/// Reads a record. `None` if the bytes are none. The commands share their memory.
pub(super) fn decode(payload: &Bytes) -> Option<Record> {
    let mut reader = Reader { payload, at: 0 };
    let time = Duration::from_nanos(u64::from_le_bytes(reader.take(8)?.try_into().ok()?));
    let count = reader.number()?;
    let commands = (0..count).map(|_| reader.command()).collect::<Option<Vec<_>>>()?;
    (reader.at == payload.len()).then(|| Record::new(time, commands))
}

fn push_number(buffer: &mut Vec<u8>, number: usize) {
    number::push(buffer, number as u64);
}

struct Reader<'a> {
    payload: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.payload.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn number(&mut self) -> Option<usize> {
        let (number, size) = number::read(&self.payload[self.at..])?;
        self.at += size;
        usize::try_from(number).ok()
    }

    fn command(&mut self) -> Option<(usize, Command)> {
        let (database, count) = (self.number()?, self.number()?);
        // Each word has a length of a byte at least: nothing is allocated for more words than there are bytes.
        let count = (1..=self.payload.len() - self.at).contains(&count).then_some(count)?;
        let mut words = Vec::with_capacity(count);
        let mut size = 0_usize;
        for _ in 0..count {
            let end = size.checked_add(self.number()?)?;
            words.push(size..end);
            size = end;
        }
        let start = self.at;
        self.take(size)?;
        let frame = self.payload.slice(start..self.at);
        let words: Vec<_> = words.into_iter().map(Word::within).collect();
        Some((database, Command::from_frame(frame, &words)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let set = Command::new("SET").with_args(["key", "", "value"]);
        let long = Command::new("RPUSH").arg("list").with_args((0..300).map(|number| "x".repeat(number)));
        Record::new(Duration::new(1_700_000_000, 123_456_789), vec![(0, set), (300, long)])
    }

    fn encoded() -> Vec<u8> {
        let mut buffer = Vec::new();
        encode(&record(), &mut buffer);
        buffer
    }

    #[test]
    fn a_record_is_encoded_and_decoded() {
        let bytes = encoded();
        assert_eq!(decode(&bytes.clone().into()), Some(record()));
        assert!(bytes.len() <= size_of(&record()) + 300);
        assert_eq!(size_in_journal(&record()), (bytes.len() - 8 + FRAME) as u64);
    }

    #[test]
    fn bytes_that_are_no_record_are_refused() {
        let bytes = encoded();
        for length in 0..bytes.len() {
            assert_eq!(decode(&Bytes::copy_from_slice(&bytes[..length])), None, "{length}");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat().into()), None);
        // The numbers before the first word.
        for at in 8..15 {
            let mut damaged = bytes.clone();
            damaged[at..at + 9].fill(0xFF);
            assert_eq!(decode(&damaged.into()), None, "{at}");
        }
    }
}
