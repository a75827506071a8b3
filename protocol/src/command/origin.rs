//! [`Origin`]: the bytes that commands came in, and where their words lie.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::Session;

/// What commands share that were decoded together: their frames in one buffer, their words in one list, their session. So
/// a command is small to move, and costs one reference count.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) frame: Bytes,
    /// The words of all of these commands, one command behind the other.
    pub(super) words: Box<[Word]>,
    /// Words that are not in the frame: the name a native message implies, unescaped words of an inline command.
    pub(super) outside: Option<Arc<[u8]>>,
    pub(super) session: Option<Arc<Session>>,
}

impl Origin {
    /// Words in a frame, in no session.
    pub(super) fn new(frame: Bytes, words: &[Word]) -> Self {
        Self { frame, words: words.into(), outside: None, session: None }
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
