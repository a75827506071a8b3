//! [`Origin`]: the bytes that commands came in, and where their words lie.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::Session;

/// What commands share that were decoded together: their frames in one buffer, their words in one list, their session. So
/// a command is small to move, and costs one reference count.
pub(super) struct Origin {
    pub(super) frame: Bytes,
    /// The words of all of these commands, one command behind the other.
    pub(super) words: Box<[Word]>,
    /// Words that are not in the frame: the name a native message implies, unescaped words of an inline command.
    pub(super) outside: Option<Arc<[u8]>>,
    pub(super) session: Option<Arc<Session>>,
    /// The number of the first of these commands on its connection.
    pub(super) number: u64,
}

impl Origin {
    /// Words in a frame, in no session.
    pub(super) fn new(frame: Bytes, words: &[Word]) -> Self {
        Self { frame, words: words.into(), outside: None, session: None, number: 0 }
    }

    #[inline]
    pub(super) fn slice(&self, word: Word) -> &[u8] {
        if word.is_outside() {
            return &self.outside()[word.range()];
        }
        &self.frame[word.range()]
    }

    pub(super) fn outside(&self) -> &[u8] {
        self.outside.as_deref().unwrap_or_default()
    }
}

/// Which of the commands of an origin, and which of the words: in one number, so that a command is moved in registers. A
/// move of three words through memory costs more than a reference count.
#[derive(Clone, Copy)]
pub(super) struct Place(u64);

impl Place {
    /// How many commands can share an origin.
    pub(super) const COMMANDS: usize = 256;

    /// How many bits the number of the first word has, and how many words there are.
    const BITS: u32 = 28;

    /// # Panics
    /// When the words are not among the first 268,435,455.
    #[inline]
    pub(super) fn new(index: usize, words: Range<usize>) -> Self {
        assert!(index < Self::COMMANDS && words.end < 1 << Self::BITS, "too many words for one command");
        Self((index as u64) << (2 * Self::BITS) | (words.len() as u64) << Self::BITS | words.start as u64)
    }

    #[inline]
    pub(super) fn index(self) -> u64 {
        self.0 >> (2 * Self::BITS)
    }

    #[inline]
    pub(super) fn words(self) -> Range<usize> {
        let bits = |number: u64| (number & ((1 << Self::BITS) - 1)) as usize;
        let (first, len) = (bits(self.0), bits(self.0 >> Self::BITS));
        first..first + len
    }

    /// Whether there is no other command in its origin.
    pub(super) fn is_whole(self, origin: &Origin) -> bool {
        self.words().len() == origin.words.len()
    }
}

/// Where a word of a command lies: in its frame, or outside of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The highest bit tells a word outside of the frame.
    start: u32,
    len: u32,
}

impl Word {
    const OUTSIDE: u32 = 1 << 31;

    /// A word in the frame.
    ///
    /// # Panics
    /// When the range ends after 2 GiB.
    #[inline]
    pub fn within(range: Range<usize>) -> Self {
        assert!(range.end < Self::OUTSIDE as usize, "a frame is smaller than 2 GiB");
        Self { start: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// A word in the buffer beside the frame.
    ///
    /// # Panics
    /// When the range ends after 2 GiB.
    pub fn outside(range: Range<usize>) -> Self {
        let word = Self::within(range);
        Self { start: word.start | Self::OUTSIDE, ..word }
    }

    #[inline]
    pub(super) fn is_outside(self) -> bool {
        self.start & Self::OUTSIDE != 0
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        let start = (self.start & !Self::OUTSIDE) as usize;
        start..start + self.len as usize
    }
}
