//! The bytes of a snapshot: a [`Header`], blocks, and at last a block that says how many there are. All integers are little-endian.
//!
//! ```text
//! header   magic 8 · version 4 · 0 4 · file id 16 · number 8 · time of the cut 8 · checksum 8
//! block    checksum 8 · size of the payload 4 · size before compression 4 · kind 1 · compression 1 · stream 1 · 0 1 · entries that end
//!          in it 4 · payload
//! end      its payload: entries 8 · blocks before it 8 · first segment of the journal that goes on 8
//! ```
//!
//! The checksum of a block is seeded with that of the header and the number of the block: it covers the file id, and the place of the
//! block. So blocks can be checked in any order.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::compression::Compression;

const MAGIC: [u8; 8] = *b"kvsnapsh";

/// The version of the format.
pub(super) const VERSION: u32 = 2;

/// The size of a header.
pub(super) const HEADER_SIZE: usize = 56;

/// The size of a block without its payload.
pub(super) const BLOCK_SIZE: usize = 24;

/// The most bytes of a payload before its compression.
pub(super) const MAX_PAYLOAD: usize = 256 * 1024;

/// The most bytes of one after it, which does not always make it shorter.
const MAX_STORED: usize = MAX_PAYLOAD * 2;

const CHECKSUM_SIZE: usize = 8;
const END_PAYLOAD: usize = 24;

/// The head of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// A random number, so that a block of another file is not taken for one of this.
    pub(super) file_id: u128,
    /// The number of the snapshot, from 1.
    pub(super) number: u64,
    /// The time of the cut, since the Unix epoch.
    pub(super) time: Duration,
}

/// Why the bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Version(u32),
    Damaged,
}

/// What the payload of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Entries.
    Entries,
    /// A part of entries that do not fit one block. The next block of the stream goes on.
    Part,
    /// The parts of the stream before are void: the entry has changed, and is saved elsewhere.
    Void,
    /// Scripts and libraries. Those that do not fit one block go on in the next one of this kind.
    Functions,
    /// The end of the snapshot.
    End,
}

/// Which blocks go on with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Entries that are saved as a whole.
    Whole,
    /// A large entry that is saved in parts, between which there are others.
    Large,
}

/// The head of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHead {
    pub(super) kind: Kind,
    /// `None` if it is none that is known here.
    pub(super) compression: Option<Compression>,
    pub(super) stream: Stream,
    /// The bytes of the payload.
    pub(super) stored: usize,
    /// The bytes of the payload before its compression.
    pub(super) size: usize,
    /// The number of entries that end in the block.
    pub(super) entries: u32,
}

/// What a snapshot has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) entries: u64,
    pub(super) blocks: u64,
}

/// What the last block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) totals: Totals,
    /// The number of the first segment of the journal that follows: what the manifest says too, in case that is lost.
    pub(super) first_segment: u64,
}

impl Header {
    /// The bytes, and their checksum, which the blocks are checked with.
    pub(super) fn encode(&self) -> ([u8; HEADER_SIZE], u64) {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.file_id.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&(self.time.as_nanos() as u64).to_le_bytes());
        let checksum = xxh3_64_with_seed(&bytes[..48], 0);
        bytes[48..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, checksum)
    }

    /// # Errors
    /// If the version is unknown, or the bytes are damaged.
    pub(super) fn decode(bytes: &[u8; HEADER_SIZE]) -> Result<(Self, u64), BadHeader> {
        let checksum = u64_at(bytes, 48);
        if bytes[..8] != MAGIC || checksum != xxh3_64_with_seed(&bytes[..48], 0) {
            return Err(BadHeader::Damaged);
        }
        // Asked after the checksum: a damaged version is no unknown one.
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        let file_id = u128::from_le_bytes(bytes[16..32].try_into().expect("sixteen bytes"));
        let time = Duration::from_nanos(u64_at(bytes, 40));
        Ok((Self { file_id, number: u64_at(bytes, 32), time }, checksum))
    }
}

impl Kind {
    const ALL: [(Self, u8); 5] =
        [(Self::Entries, 1), (Self::Part, 2), (Self::Functions, 3), (Self::Void, 4), (Self::End, 255)];

    fn number(self) -> u8 {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == number).map(|(kind, _)| *kind)
    }
}

impl Stream {
    /// The number of streams.
    pub(super) const COUNT: usize = 2;

    fn from_number(number: u8) -> Option<Self> {
        [Self::Whole, Self::Large].into_iter().find(|known| *known as u8 == number)
    }
}

impl BlockHead {
    /// Writes the head in front of the payload of a block, which is there. `file` is the checksum of the header.
    pub(super) fn write(&self, block: &mut [u8], file: u64, number: u64) {
        block[8..12].copy_from_slice(&(self.stored as u32).to_le_bytes());
        block[12..16].copy_from_slice(&(self.size as u32).to_le_bytes());
        let compression = self.compression.map_or(u8::MAX, Compression::number);
        block[16..20].copy_from_slice(&[self.kind.number(), compression, self.stream as u8, 0]);
        block[20..24].copy_from_slice(&self.entries.to_le_bytes());
        let checksum = xxh3_64_with_seed(&block[CHECKSUM_SIZE..], seed(file, number));
        block[..8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Reads a head; `None` if it is damaged. Its sizes are bounded.
    pub(super) fn read(bytes: &[u8; BLOCK_SIZE]) -> Option<Self> {
        let head = Self {
            kind: Kind::from_number(bytes[16])?,
            compression: Compression::from_number(bytes[17]),
            stream: Stream::from_number(bytes[18])?,
            stored: u32_at(bytes, 8) as usize,
            size: u32_at(bytes, 12) as usize,
            entries: u32_at(bytes, 20),
        };
        (head.stored <= MAX_STORED && head.size <= MAX_PAYLOAD).then_some(head)
    }
}

/// Whether the checksum of a whole block is right.
pub(super) fn is_intact(block: &[u8], file: u64, number: u64) -> bool {
    u64_at(block, 0) == xxh3_64_with_seed(&block[CHECKSUM_SIZE..], seed(file, number))
}

impl Ending {
    /// The bytes of it.
    pub(super) const SIZE: usize = END_PAYLOAD;

    pub(super) fn encode(self) -> [u8; END_PAYLOAD] {
        let mut bytes = [0; END_PAYLOAD];
        bytes[..8].copy_from_slice(&self.totals.entries.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.totals.blocks.to_le_bytes());
        bytes[16..].copy_from_slice(&self.first_segment.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; END_PAYLOAD] = bytes.try_into().ok()?;
        let totals = Totals { entries: u64_at(bytes, 0), blocks: u64_at(bytes, 8) };
        Some(Self { totals, first_segment: u64_at(bytes, 16) })
    }
}

fn seed(file: u64, number: u64) -> u64 {
    file.wrapping_add(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
