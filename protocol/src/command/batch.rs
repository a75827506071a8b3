//! [`RequestBatch`]: consecutive requests that become commands together.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};

use super::{
    Command, Word,
    origin::{Extent, Origin},
};
use crate::{Session, catalog::CommandId};

/// The capacity, in words, that an empty batch keeps.
const KEPT: usize = 1024;

/// The positions of whole requests at the front of a buffer: what [`Codec::decode_batch`](crate::Codec::decode_batch) fills.
///
/// The commands of a batch share one frame, so each costs less than a command that is decoded singly.
///
/// ```
/// use bytes::Bytes;
/// use kvstore_protocol::{Command, RequestBatch};
///
/// let mut batch = RequestBatch::default();
/// batch.push_word(0..3);
/// batch.push_word(4..5);
/// batch.end_request(b"GET k PING ", 6);
/// batch.push_word(6..10);
/// batch.end_request(b"GET k PING ", 11);
/// let frame = Bytes::from_static(b"GET k PING ");
/// let commands: Vec<_> = batch.drain(frame, Default::default(), 1).collect();
/// assert_eq!(commands, [Command::new("GET").arg("k"), Command::new("PING")]);
/// ```
#[derive(Debug, Default)]
pub struct RequestBatch {
    words: Vec<Word>,
    requests: Vec<Request>,
    /// The index of the first word of the request that has not ended.
    first: usize,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    /// The index of the word after its last one.
    end: u32,
    id: CommandId,
}

impl RequestBatch {
    /// Adds a word to the current request, as its range in the buffer.
    ///
    /// # Panics
    /// If the range ends after 2 GiB.
    #[inline]
    pub fn push_word(&mut self, range: Range<usize>) {
        self.words.push(Word::within(range));
    }

    /// Ends the current request. The next one starts `bytes` after the front of the buffer. Returns the name of the
    /// command, and its ID in the [catalog](crate::catalog).
    ///
    /// # Panics
    /// If the batch is full, the request has no words, or its name is outside of the buffer.
    #[inline(always)]
    pub fn end_request<'a>(&mut self, buffer: &'a [u8], bytes: usize) -> (&'a [u8], CommandId) {
        assert!(!self.is_full(), "a batch is full");
        let Range { start, end } = self.words[self.first].range();
        let id = CommandId::at(&buffer[start..], end - start);
        self.first = self.words.len();
        self.requests.push(Request { end: self.first as u32, id });
        self.bytes = bytes;
        (&buffer[start..end], id)
    }

    /// Adds a copy of a command. Its words are appended to `buffer`, which later is the frame of [`drain`](Self::drain).
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use kvstore_protocol::{Command, RequestBatch};
    ///
    /// let (mut batch, mut buffer) = (RequestBatch::default(), BytesMut::new());
    /// batch.push_copy(&Command::new("GET").arg("k"), &mut buffer);
    /// batch.push_copy(&Command::new("PING"), &mut buffer);
    /// let commands: Vec<_> = batch.drain(buffer.freeze(), Default::default(), 1).collect();
    /// assert_eq!(commands, [Command::new("GET").arg("k"), Command::new("PING")]);
    /// ```
    ///
    /// # Panics
    /// If the batch is full, or the buffer grows over 2 GiB.
    pub fn push_copy(&mut self, command: &Command, buffer: &mut BytesMut) {
        assert!(!self.is_full(), "a batch is full");
        self.words.truncate(self.first);
        for word in command.words() {
            let start = buffer.len();
            buffer.extend_from_slice(word);
            self.words.push(Word::within(start..buffer.len()));
        }
        self.first = self.words.len();
        self.requests.push(Request { end: self.first as u32, id: command.id() });
        self.bytes = buffer.len();
    }

    /// Returns the size of the requests in the buffer, in bytes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of requests.
    #[inline]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether the batch has no room for another request. The limits are 256 requests and about 262,143 words.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= Extent::COMMANDS || self.first > Extent::WORDS_BEFORE
    }

    /// Whether there are no requests.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Removes all requests, and the words of one that has not ended. Keeps some capacity.
    pub fn clear(&mut self) {
        self.words.clear();
        self.words.shrink_to(KEPT);
        self.requests.clear();
        (self.first, self.bytes) = (0, 0);
    }

    /// Removes the requests and returns them as commands, numbered from `number` on. `frame` is the front of the
    /// buffer, with all requests.
    ///
    /// # Panics
    /// If a word is outside of the frame, or there are over 268,435,455 words.
    pub fn drain(&mut self, frame: Bytes, session: Arc<Session>, number: u64) -> impl Iterator<Item = Command> {
        // The words of a request that has not ended are dropped.
        let words = &self.words[..self.first];
        assert!(words.iter().all(|word| word.range().end <= frame.len()), "words lie in the frame");
        assert!(words.len() < Extent::WORDS, "too many words for one batch");
        let origin = Arc::new(Origin { session: Some(session), number, ..Origin::new(frame, words) });
        self.words.clear();
        (self.first, self.bytes) = (0, 0);
        let mut first = 0;
        self.requests.drain(..).enumerate().map(move |(index, Request { end, id })| {
            let words = first..end as usize;
            first = words.end;
            Command { origin: Arc::clone(&origin), extent: Extent::pack(index, id, words) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"GETaSETb1PING";

    /// `GET a`, `SET b 1`, `PING`.
    fn batch() -> (RequestBatch, Bytes) {
        let mut batch = RequestBatch::default();
        for ends in [&[0, 3, 4][..], &[4, 7, 8, 9], &[9, 13]] {
            ends.windows(2).for_each(|ends| batch.push_word(ends[0]..ends[1]));
            batch.end_request(FRAME, ends[ends.len() - 1]);
        }
        (batch, Bytes::from_static(FRAME))
    }

    #[test]
    fn each_command_has_its_words_and_its_number() {
        let (mut batch, frame) = batch();
        let commands: Vec<_> = batch.drain(frame, Arc::default(), 7).collect();
        assert_eq!(commands, [Command::new("GET").arg("a"), Command::new("SET").arg("b").arg(1), Command::new("PING")]);
        assert_eq!(commands.iter().map(Command::number).collect::<Vec<_>>(), [7, 8, 9]);
        assert!(batch.is_empty() && batch.bytes() == 0);
    }

    #[test]
    fn a_change_of_one_command_leaves_the_others_alone() {
        let (mut batch, frame) = batch();
        let [get, set, ping] = batch.drain(frame, Arc::default(), 7).collect::<Vec<_>>().try_into().unwrap();
        let other = set.clone().with_session(|session| session.set_database(3)).renamed("PUT").arg("EX");
        assert_eq!(other, Command::new("PUT").with_args(["b", "1", "EX"]));
        assert_eq!((other.session().database(), other.number()), (3, 8));
        assert_eq!(set, Command::new("SET").arg("b").arg(1));
        assert!([get, set, ping].iter().all(|command| command.session().database() == 0));
    }

    #[test]
    fn of_a_request_that_has_not_ended_nothing_is_kept() {
        let (mut batch, frame) = batch();
        batch.push_word(9..13);
        assert_eq!(batch.drain(frame.clone(), Arc::default(), 1).count(), 3);
        batch.push_word(0..3);
        batch.end_request(FRAME, 3);
        assert_eq!(batch.drain(frame, Arc::default(), 1).collect::<Vec<_>>(), [Command::new("GET")]);
    }

    #[test]
    #[should_panic(expected = "words lie in the frame")]
    fn a_word_outside_of_the_frame_is_refused() {
        let (mut batch, frame) = batch();
        let _ = batch.drain(frame.slice(..5), Arc::default(), 1);
    }
}
