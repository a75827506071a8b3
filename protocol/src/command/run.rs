//! [`Run`]: requests that lie one behind the other, and become commands together.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    Command, Word,
    origin::{Origin, Place},
};
use crate::Session;

/// For how many words a run keeps room.
const KEPT: usize = 1024;

/// Whole requests at the front of a buffer, found and not taken off yet: what [`Codec::decode_run`](crate::Codec::decode_run)
/// fills.
///
/// The commands of a run share one frame, so that each costs less than a command that is split off by itself.
///
/// ```
/// use bytes::Bytes;
/// use kvstore_protocol::{Command, Run};
///
/// let mut run = Run::default();
/// run.push_word(0..3);
/// run.push_word(4..5);
/// run.end_request(6);
/// run.push_word(6..10);
/// run.end_request(11);
/// let frame = Bytes::from_static(b"GET k PING ");
/// let commands: Vec<_> = run.drain(frame, Default::default(), 1).collect();
/// assert_eq!(commands, [Command::get("k"), Command::ping()]);
/// ```
#[derive(Debug, Default)]
pub struct Run {
    words: Vec<Word>,
    /// Behind which word each request ends.
    ends: Vec<u32>,
    bytes: usize,
}

impl Run {
    /// Adds a word to the request that was begun last: where it lies in the buffer.
    ///
    /// # Panics
    /// When the range ends after 2 GiB.
    #[inline]
    pub fn push_word(&mut self, range: Range<usize>) {
        self.words.push(Word::within(range));
    }

    /// Ends a request, so many bytes from the front of the buffer. The next one begins there.
    ///
    /// # Panics
    /// When the run was full.
    #[inline]
    pub fn end_request(&mut self, bytes: usize) {
        assert!(!self.is_full(), "a run of {} requests is full", Place::COMMANDS);
        self.ends.push(self.words.len() as u32);
        self.bytes = bytes;
    }

    /// How many bytes the requests take.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many requests there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no place for another request: 256 make a run.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= Place::COMMANDS
    }

    /// Whether there are no requests.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets all requests, and the words of one that has not ended. Room for some is kept.
    pub fn clear(&mut self) {
        self.words.clear();
        self.words.shrink_to(KEPT);
        self.ends.clear();
        self.bytes = 0;
    }

    /// Makes commands of the requests, numbered from `number` on. `frame` is the front of the buffer. The run is empty then.
    ///
    /// # Panics
    /// When a word lies outside of the frame, a request has no word, or they have over 268,435,455 words.
    pub fn drain(&mut self, frame: Bytes, session: Arc<Session>, number: u64) -> impl Iterator<Item = Command> {
        // Of a request that has not ended, nothing is kept.
        let words = &self.words[..self.ends.last().map_or(0, |end| *end as usize)];
        assert!(words.iter().all(|word| word.range().end <= frame.len()), "words lie in the frame");
        let origin = Arc::new(Origin { session: Some(session), number, ..Origin::new(frame, words) });
        self.words.clear();
        self.bytes = 0;
        let mut first = 0;
        self.ends.drain(..).enumerate().map(move |(index, end)| {
            let words = first..end as usize;
            assert!(!words.is_empty(), "a command has a name");
            first = words.end;
            Command { origin: Arc::clone(&origin), place: Place::new(index, words) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `GET a`, `SET b 1`, `PING`.
    fn run() -> (Run, Bytes) {
        let mut run = Run::default();
        for ends in [&[0, 3, 4][..], &[4, 7, 8, 9], &[9, 13]] {
            ends.windows(2).for_each(|ends| run.push_word(ends[0]..ends[1]));
            run.end_request(ends[ends.len() - 1]);
        }
        (run, Bytes::from_static(b"GETaSETb1PING"))
    }

    #[test]
    fn each_command_has_its_words_and_its_number() {
        let (mut run, frame) = run();
        let commands: Vec<_> = run.drain(frame, Arc::default(), 7).collect();
        assert_eq!(commands, [Command::get("a"), Command::set("b", 1), Command::ping()]);
        assert_eq!(commands.iter().map(Command::number).collect::<Vec<_>>(), [7, 8, 9]);
        assert!(run.is_empty() && run.bytes() == 0);
    }

    #[test]
    fn a_change_of_one_command_leaves_the_others_alone() {
        let (mut run, frame) = run();
        let [get, set, ping] = run.drain(frame, Arc::default(), 7).collect::<Vec<_>>().try_into().unwrap();
        let other = set.clone().with_session(|session| session.set_database(3)).renamed("PUT").arg("EX");
        assert_eq!(other, Command::new("PUT").with_args(["b", "1", "EX"]));
        assert_eq!((other.session().database(), other.number()), (3, 8));
        assert_eq!(set, Command::set("b", 1));
        assert!([get, set, ping].iter().all(|command| command.session().database() == 0));
    }

    #[test]
    fn of_a_request_that_has_not_ended_nothing_is_kept() {
        let (mut run, frame) = run();
        run.push_word(9..13);
        assert_eq!(run.drain(frame.clone(), Arc::default(), 1).count(), 3);
        run.push_word(0..3);
        run.end_request(3);
        assert_eq!(run.drain(frame, Arc::default(), 1).collect::<Vec<_>>(), [Command::new("GET")]);
    }

    #[test]
    #[should_panic(expected = "words lie in the frame")]
    fn a_word_outside_of_the_frame_is_refused() {
        let (mut run, frame) = run();
        let _ = run.drain(frame.slice(..5), Arc::default(), 1);
    }
}
