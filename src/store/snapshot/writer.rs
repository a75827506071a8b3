//! [`SnapshotWriter`]: writes a snapshot to a file, block by block.

use std::{io, mem, sync::Arc, time::Duration};

use super::{
    compression::Compression,
    format::{BLOCK_SIZE, BlockHead, Ending, Header, Kind, MAX_PAYLOAD, Stream, Totals},
    manifest::SnapshotName,
};
use crate::store::{
    disk::{Disk, DiskFile},
    scripts::Programs,
};

/// A snapshot that is not complete. A file with this name is not a part of the store.
const NEW: &str = "snapshot-new";

/// The bytes from which on entries are written.
const BLOCK: usize = 128 * 1024;

/// The bytes after which the file is synced, so that the system has never much to write at once.
const SYNC: u64 = 32 << 20;

/// A snapshot that is being written. Entries are appended to its buffer.
#[derive(Debug)]
pub(super) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    file: Box<dyn DiskFile>,
    header: Header,
    /// The checksum of the header.
    id: u64,
    compression: Compression,
    /// The bytes that are written, and of these the bytes that are synced.
    size: u64,
    synced: u64,
    totals: Totals,
    /// Whole entries that are not written.
    pub(super) buffer: Vec<u8>,
    /// The number of entries in the buffer.
    pub(super) buffered: u64,
    /// A large entry, as far as it is encoded and not written.
    pub(super) large: Vec<u8>,
    /// Whether parts of it are written.
    has_parts: bool,
    block: Vec<u8>,
}

impl SnapshotWriter {
    /// Creates the file, in the place of an incomplete one. `time` is that of the cut.
    pub(super) fn create(
        disk: Arc<dyn Disk>,
        number: u64,
        time: Duration,
        compression: Compression,
    ) -> io::Result<Self> {
        let file = disk.create(NEW)?;
        let header = Header { file_id: fastrand::u128(..), number, time };
        let (bytes, id) = header.encode();
        file.write_all_at(&bytes, 0)?;
        Ok(Self {
            disk,
            file,
            header,
            id,
            compression,
            size: bytes.len() as u64,
            synced: 0,
            totals: Totals::default(),
            buffer: Vec::new(),
            buffered: 0,
            large: Vec::new(),
            has_parts: false,
            block: Vec::new(),
        })
    }

    /// Writes scripts and libraries.
    pub(super) fn write_programs(&mut self, programs: &Programs) -> io::Result<()> {
        let mut parts = programs.bytes().chunks(MAX_PAYLOAD);
        parts.try_for_each(|part| self.write_block(Kind::Functions, Stream::Whole, part, 0))
    }

    /// Writes the buffer if it fills a block.
    pub(super) fn write_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BLOCK { self.write() } else { Ok(()) }
    }

    /// Writes entries that are encoded already.
    pub(super) fn append(&mut self, bytes: &[u8], entries: u64) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.buffered += entries;
        self.write_full()
    }

    /// Writes the parts of the large entry that fill a block.
    pub(super) fn write_large(&mut self) -> io::Result<()> {
        if self.large.len() < MAX_PAYLOAD {
            return Ok(());
        }
        let large = mem::take(&mut self.large);
        let (parts, rest) = large.as_chunks::<MAX_PAYLOAD>();
        for part in parts {
            self.has_parts = true;
            self.write_block(Kind::Part, Stream::Large, part, 0)?;
        }
        self.large = rest.to_vec();
        self.sync_much()
    }

    /// Writes the rest of the large entry.
    pub(super) fn finish_large(&mut self) -> io::Result<()> {
        self.write_large()?;
        let rest = mem::take(&mut self.large);
        self.has_parts = false;
        self.write_block(Kind::Entries, Stream::Large, &rest, 1)
    }

    /// Makes void what was written of the large entry.
    pub(super) fn abandon_large(&mut self) -> io::Result<()> {
        self.large = Vec::new();
        if mem::take(&mut self.has_parts) { self.write_block(Kind::Void, Stream::Large, &[], 0) } else { Ok(()) }
    }

    /// Writes the end, and makes all durable. The file gets its name then. The journal goes on in this segment.
    pub(super) fn finish(&mut self, first_segment: u64) -> io::Result<SnapshotName> {
        self.write()?;
        let payload = Ending { totals: self.totals, first_segment }.encode();
        self.write_block(Kind::End, Stream::Whole, &payload, 0)?;
        self.file.sync_data()?;
        let name = SnapshotName { number: self.header.number, file_id: self.header.file_id, size: self.size };
        self.disk.rename(NEW, &name.to_string())?;
        self.disk.sync_directory()?;
        Ok(name)
    }

    /// Gives back the room of what was written.
    pub(super) fn discard(self) {
        // The name stays: a crash that lost the removal and the next creation, and kept the renaming after that, would make a
        // snapshot of it.
        let _ = self.file.truncate(0);
    }

    fn write(&mut self) -> io::Result<()> {
        let buffer = mem::take(&mut self.buffer);
        let mut parts = buffer.chunks(MAX_PAYLOAD).peekable();
        while let Some(part) = parts.next() {
            match parts.peek() {
                Some(_) => self.write_block(Kind::Part, Stream::Whole, part, 0)?,
                None => {
                    let entries = mem::take(&mut self.buffered);
                    self.write_block(Kind::Entries, Stream::Whole, part, entries)?;
                }
            }
        }
        self.buffer = buffer;
        self.buffer.clear();
        self.buffer.shrink_to(2 * BLOCK);
        self.sync_much()
    }

    fn sync_much(&mut self) -> io::Result<()> {
        if self.size - self.synced >= SYNC {
            self.file.sync_data()?;
            self.synced = self.size;
        }
        Ok(())
    }

    fn write_block(&mut self, kind: Kind, stream: Stream, payload: &[u8], entries: u64) -> io::Result<()> {
        let compression = if kind == Kind::End { Compression::None } else { self.compression };
        let stored = self.fill_block(compression, payload);
        let (size, entries) = (payload.len(), entries as u32);
        let head = BlockHead { kind, compression: Some(compression), stream, stored, size, entries };
        head.write(&mut self.block[..BLOCK_SIZE + stored], self.id, self.totals.blocks);
        self.file.write_all_at(&self.block[..BLOCK_SIZE + stored], self.size)?;
        self.size += (BLOCK_SIZE + stored) as u64;
        self.totals.blocks += 1;
        self.totals.entries += u64::from(entries);
        Ok(())
    }

    /// Puts a payload into the block, and returns its size there.
    fn fill_block(&mut self, compression: Compression, payload: &[u8]) -> usize {
        let most = compression.most(payload.len());
        if self.block.len() < BLOCK_SIZE + most {
            self.block.resize(BLOCK_SIZE + most, 0);
        }
        compression.compress(payload, &mut self.block[BLOCK_SIZE..])
    }
}
