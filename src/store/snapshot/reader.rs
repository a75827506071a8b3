//! [`SnapshotReader`]: reads a snapshot block by block, and checks it. [`Group`]: blocks whose entries are whole.

use std::{io, mem};

use super::{
    entry::{self, SavedEntry, UnreadableEntry},
    format::{BLOCK_SIZE, BadHeader, BlockHead, Ending, HEADER_SIZE, Header, Kind, Stream, Totals, is_intact},
    manifest::{SnapshotName, name_of},
};
use crate::store::{
    disk::{Disk, DiskFile},
    journal::{OpenError, damaged, io_error},
    scripts::Programs,
    value::Thresholds,
};

/// A snapshot that is read.
#[derive(Debug)]
pub(in super::super) struct SnapshotReader<'a> {
    disk: &'a dyn Disk,
    name: String,
    file: Box<dyn DiskFile>,
    pub(super) header: Header,
    id: u64,
    size: u64,
    offset: u64,
    totals: Totals,
    /// The parts of each stream whose entries are not whole yet.
    parts: [Vec<Block>; Stream::COUNT],
    /// The scripts and libraries so far, as they are encoded.
    programs: Vec<u8>,
}

/// Some blocks that hold whole entries. Their checksums are right.
#[derive(Debug)]
pub(super) struct Group {
    blocks: Vec<Block>,
    /// The time of the cut, in seconds since the Unix epoch.
    accessed: u32,
}

#[derive(Debug)]
pub(super) struct Block {
    pub(super) head: BlockHead,
    /// Where it begins.
    offset: u64,
    bytes: Vec<u8>,
}

const ENDS_EARLY: &str = "the file ends too early";
const WRONG_BLOCK: &str = "the checksum of a block is wrong";
const COMPRESSION: &str = "it is compressed in a way that this program does not know: use the one that wrote it, or one with the feature zstd";
const NOT_THE_ONE: &str = "it is another snapshot than the manifest names";

impl<'a> SnapshotReader<'a> {
    /// Opens the snapshot that the manifest names.
    ///
    /// # Errors
    /// If it is missing, damaged, or another one.
    pub(super) fn open(disk: &'a dyn Disk, name: SnapshotName) -> Result<Self, OpenError> {
        let reader = Self::open_number(disk, name.number)?;
        let is_the_one = (reader.header.number, reader.header.file_id) == (name.number, name.file_id);
        if is_the_one { Ok(reader) } else { Err(damaged(disk, &reader.name, 0, NOT_THE_ONE)) }
    }

    /// Opens the snapshot with this number.
    ///
    /// # Errors
    /// If it is missing, or its header is damaged.
    pub(super) fn open_number(disk: &'a dyn Disk, number: u64) -> Result<Self, OpenError> {
        let text = name_of(number);
        let file = disk.open(&text).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => damaged(disk, &text, 0, MISSING),
            _ => io_error(disk, &text, error),
        })?;
        let size = file.size().map_err(|error| io_error(disk, &text, error))?;
        let mut bytes = [0; HEADER_SIZE];
        if size < HEADER_SIZE as u64 {
            return Err(damaged(disk, &text, size, ENDS_EARLY));
        }
        file.read_exact_at(&mut bytes, 0).map_err(|error| io_error(disk, &text, error))?;
        let (header, id) = Header::decode(&bytes).map_err(|error| match error {
            BadHeader::Damaged => damaged(disk, &text, 0, "the header is wrong"),
            BadHeader::Version(version) => OpenError::Version { path: disk.path_of(&text), version },
        })?;
        let (offset, totals) = (HEADER_SIZE as u64, Totals::default());
        Ok(Self {
            disk,
            name: text,
            file,
            header,
            id,
            size,
            offset,
            totals,
            parts: Default::default(),
            programs: Vec::new(),
        })
    }

    /// Reads the next blocks that hold whole entries; `None` at the end.
    ///
    /// # Errors
    /// If they are damaged, or the disk fails.
    pub(super) fn next(&mut self) -> Result<Option<Group>, OpenError> {
        loop {
            let block = self.next_block()?;
            match block.head.kind {
                Kind::Part | Kind::Void | Kind::Entries => {
                    if let Some(group) = self.add(block) {
                        return Ok(Some(group));
                    }
                }
                Kind::End if self.parts.iter().all(Vec::is_empty) => return self.check_end(&block).map(|()| None),
                Kind::Functions => self.add_programs(&block)?,
                Kind::End => return Err(self.damaged("there is a block that does not belong here")),
            }
        }
    }

    /// Adds a block of scripts and libraries.
    pub(super) fn add_programs(&mut self, block: &Block) -> Result<(), OpenError> {
        let start = self.programs.len();
        self.programs.resize(start + block.head.size, 0);
        block.decompress(&mut self.programs[start..]).ok_or_else(|| self.damaged("a block cannot be decompressed"))
    }

    /// Takes the scripts and libraries that were read.
    pub(super) fn take_programs(&mut self) -> Programs {
        Programs::from_bytes(mem::take(&mut self.programs))
    }

    /// Adds a block to its stream. Returns the group that it completes.
    pub(super) fn add(&mut self, block: Block) -> Option<Group> {
        let (parts, kind) = (&mut self.parts[block.head.stream as usize], block.head.kind);
        if kind == Kind::Void {
            parts.clear();
            return None;
        }
        parts.push(block);
        let accessed = self.header.time.as_secs() as u32;
        (kind == Kind::Entries).then(|| Group { blocks: mem::take(parts), accessed })
    }

    /// Drops the parts of entries that are not whole. Returns their bytes.
    pub(super) fn drop_parts(&mut self) -> u64 {
        mem::take(&mut self.parts).iter().flatten().map(Block::size).sum()
    }

    /// Goes on with the block that has this number. Returns where it was, and where it is.
    pub(super) fn go_to(&mut self, offset: u64, number: u64) -> (u64, u64) {
        self.totals.blocks = number;
        (mem::replace(&mut self.offset, offset), offset)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.offset == self.size
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The checksum of the header, with which its blocks are checked.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Its name in a manifest.
    pub(super) fn manifest_name(&self) -> SnapshotName {
        let Header { number, file_id, .. } = self.header;
        SnapshotName { number, file_id, size: self.size }
    }

    /// What its last block says; `None` if that is damaged. It is found by its size, without the blocks before it.
    pub(super) fn ending(&self) -> Option<Ending> {
        let mut bytes = vec![0; BLOCK_SIZE + Ending::SIZE];
        let offset = self.size.checked_sub(bytes.len() as u64)?;
        self.read(&mut bytes, offset).ok()?;
        let head = BlockHead::read(bytes.first_chunk()?).filter(|head| head.kind == Kind::End)?;
        let ending = Ending::decode(bytes.get(BLOCK_SIZE..BLOCK_SIZE + head.stored)?)?;
        is_intact(&bytes, self.id, ending.totals.blocks).then_some(ending)
    }

    /// What was read.
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// The error of a group whose entries are not valid.
    pub(super) fn damaged_group(&self, offset: u64, reason: &'static str) -> OpenError {
        damaged(self.disk, &self.name, offset, reason)
    }

    fn damaged(&self, reason: &'static str) -> OpenError {
        self.damaged_group(self.offset, reason)
    }

    pub(super) fn next_block(&mut self) -> Result<Block, OpenError> {
        let mut bytes = vec![0; BLOCK_SIZE];
        self.read(&mut bytes, self.offset)?;
        let head = BlockHead::read(bytes.first_chunk().expect("a head")).ok_or_else(|| self.damaged(WRONG_BLOCK))?;
        bytes.resize(BLOCK_SIZE + head.stored, 0);
        self.read(&mut bytes[BLOCK_SIZE..], self.offset + BLOCK_SIZE as u64)?;
        if !is_intact(&bytes, self.id, self.totals.blocks) {
            return Err(self.damaged(WRONG_BLOCK));
        }
        if head.compression.is_none() {
            return Err(OpenError::Unsupported { path: self.disk.path_of(&self.name), reason: COMPRESSION });
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        if head.kind != Kind::End {
            self.totals.blocks += 1;
            self.totals.entries += u64::from(head.entries);
        }
        Ok(Block { head, offset, bytes })
    }

    pub(super) fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), OpenError> {
        if self.size.saturating_sub(offset) < bytes.len() as u64 {
            return Err(self.damaged(ENDS_EARLY));
        }
        self.file.read_exact_at(bytes, offset).map_err(|error| io_error(self.disk, &self.name, error))
    }

    fn check_end(&self, end: &Block) -> Result<(), OpenError> {
        if Ending::decode(end.payload()).map(|ending| ending.totals) != Some(self.totals) {
            return Err(self.damaged("there are not as many entries as it says"));
        }
        if self.offset != self.size { Err(self.damaged("the file goes on behind its end")) } else { Ok(()) }
    }
}

impl Group {
    /// Where the first block begins.
    pub(super) fn offset(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.offset)
    }

    /// The bytes that the blocks take.
    pub(super) fn size(&self) -> u64 {
        self.blocks.iter().map(Block::size).sum()
    }

    /// Reads the entries.
    ///
    /// # Errors
    /// If it is not known where one ends, or that of `visit`.
    pub(super) fn read(
        &self,
        thresholds: &Thresholds,
        mut visit: impl FnMut(Result<SavedEntry<'_>, UnreadableEntry<'_>>) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let mut bytes = vec![0; self.blocks.iter().map(|block| block.head.size).sum()];
        let mut room = &mut bytes[..];
        for block in &self.blocks {
            let (part, rest) = room.split_at_mut(block.head.size);
            block.decompress(part).ok_or("a block cannot be decompressed")?;
            room = rest;
        }
        let (mut rest, mut count) = (&bytes[..], 0);
        while !rest.is_empty() {
            visit(entry::read(&mut rest, self.accessed, thresholds).ok_or(UNREADABLE)?)?;
            count += 1;
        }
        let said: u64 = self.blocks.iter().map(|block| u64::from(block.head.entries)).sum();
        if said == count { Ok(()) } else { Err("a block has not as many entries as it says") }
    }
}

impl Block {
    /// The bytes that it takes.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn payload(&self) -> &[u8] {
        &self.bytes[BLOCK_SIZE..]
    }

    fn decompress(&self, room: &mut [u8]) -> Option<()> {
        self.head.compression?.decompress(self.payload(), room)
    }
}

/// What is said of an entry that is not valid.
pub(super) const UNREADABLE: &str = "an entry cannot be read";

const MISSING: &str = "it is missing, and the manifest names it: bring it back from a backup of the directory";
