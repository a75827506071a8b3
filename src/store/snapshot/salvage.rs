//! Reads what is whole in a damaged snapshot.

use super::{
    entry::UnreadableEntry,
    format::{BLOCK_SIZE, BlockHead, Kind, Stream, is_intact},
    reader::{Group, SnapshotReader},
};
use crate::store::journal::OpenError;

/// The bytes in which the next block is looked for at once.
const CHUNK: u64 = 1 << 20;

/// The most blocks that a damaged place is taken for.
const MAX_LOST: u64 = 1000;

/// What is lost of a snapshot.
#[derive(Debug, Default)]
pub(in super::super) struct Lost {
    /// Where damage begins, and how many bytes it takes.
    pub(in super::super) places: Vec<(u64, u64)>,
    /// The entries in whole blocks whose values cannot be read.
    pub(in super::super) entries: Vec<LostEntry>,
    /// The bytes of blocks that are whole, and may go on with entries that are not.
    pub(in super::super) unusable: u64,
    /// How many keys; `None` if that is not known.
    pub(in super::super) keys: Option<u64>,
    /// Whether the next block of each stream may go on with entries that are lost.
    is_broken: [bool; Stream::COUNT],
}

/// An entry whose value cannot be read.
#[derive(Debug)]
pub(in super::super) struct LostEntry {
    pub(in super::super) database: usize,
    pub(in super::super) key: Box<[u8]>,
    /// The bytes of the value.
    bytes: u64,
}

impl Lost {
    pub(in super::super) fn bytes(&self) -> u64 {
        let entries: u64 = self.entries.iter().map(|entry| entry.bytes).sum();
        self.unusable + entries + self.places.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }
}

impl From<UnreadableEntry<'_>> for LostEntry {
    fn from(entry: UnreadableEntry<'_>) -> Self {
        Self { database: entry.database, key: entry.key.into(), bytes: entry.bytes as u64 }
    }
}

impl SnapshotReader<'_> {
    /// Reads the next blocks that hold whole entries; `None` at the end. What is damaged is passed over.
    ///
    /// # Errors
    /// If the disk fails, or the file needs what this program does not have.
    pub(super) fn next_intact(&mut self, lost: &mut Lost) -> Result<Option<Group>, OpenError> {
        while !self.is_at_end() {
            let block = match self.next_block() {
                Ok(block) => block,
                Err(OpenError::Damaged { .. }) => {
                    self.pass_damage(lost)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (stream, kind) = (block.head.stream as usize, block.head.kind);
            if kind == Kind::End {
                break;
            }
            if kind == Kind::Functions {
                self.add_programs(&block)?;
            } else if lost.is_broken[stream] {
                lost.unusable += block.size();
                lost.is_broken[stream] &= kind == Kind::Part;
            } else if let Some(group) = self.add(block) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Goes on with the next block that is whole.
    fn pass_damage(&mut self, lost: &mut Lost) -> Result<(), OpenError> {
        lost.is_broken = [true; Stream::COUNT];
        lost.unusable += self.drop_parts();
        let (from, to) = match self.find_block()? {
            Some((offset, number)) => self.go_to(offset, number),
            None => self.go_to(self.size(), self.totals().blocks),
        };
        lost.places.push((from, to - from));
        Ok(())
    }

    /// Where the next whole block behind this place begins, and its number. It is known by its checksum, in which its number is.
    fn find_block(&self) -> Result<Option<(u64, u64)>, OpenError> {
        let (start, size) = (self.offset() + 1, self.size());
        let mut at = start;
        while at + BLOCK_SIZE as u64 <= size {
            let mut chunk = vec![0; (size - at).min(CHUNK + BLOCK_SIZE as u64 - 1) as usize];
            self.read(&mut chunk, at)?;
            for (head, offset) in chunk.windows(BLOCK_SIZE).zip(at..) {
                let head = head.first_chunk().and_then(BlockHead::read);
                if let Some(number) = head.map_or(Ok(None), |head| self.number_of_block(head, offset))? {
                    return Ok(Some((offset, number)));
                }
            }
            at += CHUNK;
        }
        Ok(None)
    }

    /// The number of the block with this head, if it is whole.
    fn number_of_block(&self, head: BlockHead, offset: u64) -> Result<Option<u64>, OpenError> {
        let mut block = vec![0; BLOCK_SIZE + head.stored];
        if self.size() - offset < block.len() as u64 {
            return Ok(None);
        }
        self.read(&mut block, offset)?;
        let next = self.totals().blocks + 1;
        let last = next + ((offset - self.offset()) / BLOCK_SIZE as u64).min(MAX_LOST);
        Ok((next..=last).find(|number| is_intact(&block, self.id(), *number)))
    }
}
