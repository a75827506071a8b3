//! [`Origin`]: the buffer that commands were decoded from, and the positions of their words.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{Session, catalog::CommandId};

/// The data that commands share which were decoded together: one buffer with their frames, one list of words, one
/// session. So a command is cheap to move and to clone: it costs one reference count.
pub(super) struct Origin {
    pub(super) frame: Bytes,
    /// The words of all these commands, in order.
    pub(super) words: Box<[Word]>,
    /// The bytes of words that are not in the frame: the implied name of a native message, unescaped words of an inline
    /// command.
    pub(super) external: Option<Arc<[u8]>>,
    pub(super) session: Option<Arc<Session>>,
    /// The number of the first of these commands on the connection.
    pub(super) number: u64,
}

impl Origin {
    /// Creates an origin of words in a frame, without a session.
    pub(super) fn new(frame: Bytes, words: impl Into<Box<[Word]>>) -> Self {
        Self { frame, words: words.into(), external: None, session: None, number: 0 }
    }

    #[inline]
    pub(super) fn slice(&self, word: Word) -> &[u8] {
        if word.is_external() {
            return &self.external()[word.range()];
        }
        &self.frame[word.range()]
    }

    pub(super) fn external(&self) -> &[u8] {
        self.external.as_deref().unwrap_or_default()
    }
}

/// The part of an origin that belongs to one command: its index in the origin, its ID in the catalog, and the range of
/// its words. Packed into one integer, so that a command is moved in registers: moving three words through memory costs
/// more than a reference count.
#[derive(Clone, Copy)]
pub(super) struct Extent(u64);

impl Extent {
    /// The maximum number of commands in an origin.
    pub(super) const COMMANDS: usize = 256;

    /// The maximum number of words before a command in its origin.
    pub(super) const WORDS_BEFORE: usize = (1 << Self::START_BITS) - 1;

    /// One more than the maximum number of words of a command.
    pub(super) const WORDS: usize = 1 << Self::LEN_BITS;

    /// The numbers of bits for the index of the first word, the number of words, and the ID.
    const START_BITS: u32 = 18;
    const LEN_BITS: u32 = 28;
    const ID_BITS: u32 = CommandId::BITS;

    /// # Panics
    /// If there are over 268,435,455 words, or over 262,143 before them.
    #[inline]
    pub(super) fn new(index: usize, id: CommandId, words: Range<usize>) -> Self {
        let fits = words.start <= Self::WORDS_BEFORE && words.len() < Self::WORDS;
        assert!(index < Self::COMMANDS && fits, "too many words for one command");
        Self::pack(index, id, words)
    }

    /// Like [`new`](Self::new), for numbers that are known to fit.
    #[inline]
    pub(super) fn pack(index: usize, id: CommandId, words: Range<usize>) -> Self {
        let high = (index as u64) << Self::ID_BITS | id.index() as u64;
        Self((high << Self::LEN_BITS | words.len() as u64) << Self::START_BITS | words.start as u64)
    }

    #[inline]
    pub(super) fn index(self) -> u64 {
        self.0 >> (Self::START_BITS + Self::LEN_BITS + Self::ID_BITS)
    }

    #[inline]
    pub(super) fn id(self) -> CommandId {
        let id = self.0 >> (Self::START_BITS + Self::LEN_BITS);
        CommandId::from_index((id & ((1 << Self::ID_BITS) - 1)) as usize)
    }

    #[inline]
    pub(super) fn words(self) -> Range<usize> {
        let start = (self.0 & ((1 << Self::START_BITS) - 1)) as usize;
        let len = (self.0 >> Self::START_BITS & ((1 << Self::LEN_BITS) - 1)) as usize;
        start..start + len
    }

    /// Whether it is the only command in its origin.
    pub(super) fn is_whole(self, origin: &Origin) -> bool {
        self.words().len() == origin.words.len()
    }
}

/// The position of a word of a command: in the frame, or in the external buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The highest bit is set for a word in the external buffer.
    start: u32,
    len: u32,
}

impl Word {
    const EXTERNAL: u32 = 1 << 31;

    /// The greatest place where a word may end, in bytes: a frame is smaller than 2 GiB.
    pub const MAX_END: usize = Self::EXTERNAL as usize - 1;

    /// Creates a word in the frame.
    ///
    /// # Panics
    /// If the range ends after 2 GiB.
    #[inline]
    pub fn within(range: Range<usize>) -> Self {
        assert!(range.end < Self::EXTERNAL as usize, "a frame is smaller than 2 GiB");
        Self { start: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// Creates a word in the external buffer, for words that are not in the frame as they are.
    ///
    /// # Panics
    /// If the range ends after 2 GiB.
    pub fn external(range: Range<usize>) -> Self {
        let word = Self::within(range);
        Self { start: word.start | Self::EXTERNAL, ..word }
    }

    #[inline]
    pub(super) fn is_external(self) -> bool {
        self.start & Self::EXTERNAL != 0
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        let start = (self.start & !Self::EXTERNAL) as usize;
        start..start + self.len as usize
    }
}
