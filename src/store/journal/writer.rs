//! [`Writer`]: appends records to the last segment, and syncs it.

use std::{
    io::{self, ErrorKind},
    mem,
    sync::Arc,
};

use bytes::Bytes;

use super::{
    format::{Encoder, End, HEADER_SIZE, Position, SegmentHeader},
    payload,
    recovery::Recovered,
    segment::name_of,
};
use crate::store::{
    Record,
    disk::{Disk, DiskFile},
};

/// A segment that is not complete yet. A file with this name is not a part of the journal.
const NEW: &str = "journal-new";

/// The bytes from which on a write takes no more records.
const WRITE: usize = 1 << 20;

/// The buffer that is kept between writes.
const KEPT_BUFFER: usize = 4 << 20;

/// A record on its way to the disk.
#[derive(Debug)]
pub(super) enum Payload {
    /// It is encoded.
    Encoded(Bytes),
    Record(Record),
}

impl Payload {
    fn encode(&self, buffer: &mut Vec<u8>) {
        match self {
            Self::Encoded(bytes) => buffer.extend_from_slice(bytes),
            Self::Record(record) => payload::encode(record, buffer),
        }
    }
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The disk is full. Nothing was written, and it may be tried again.
    Full(io::Error),
    /// Nobody knows what is on disk, and nothing may be written any more.
    Failed(io::Error),
}

impl WriteError {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(error),
            _ => Self::Failed(error),
        }
    }
}

/// The end of the journal.
///
/// After [`WriteError::Failed`] it is of no use any more.
#[derive(Debug)]
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    segment: OpenSegment,
    /// The size from which on a segment is followed by the next one.
    max_segment: u64,
    buffer: Vec<u8>,
    /// The bytes of the segments before this one, since the last cut.
    before: u64,
}

/// The segment that is written.
#[derive(Debug)]
struct OpenSegment {
    file: Box<dyn DiskFile>,
    number: u64,
    /// The checksum of the header.
    id: u64,
    end: End,
    /// The bytes that are known to be synced.
    synced: u64,
}

impl Writer {
    /// Starts a segment after what was recovered. All that was recovered is durable then.
    pub(super) fn start(disk: Arc<dyn Disk>, recovered: Recovered, max_segment: u64) -> Result<Self, WriteError> {
        let Recovered { number, end, unsynced, size, .. } = recovered;
        let payloads: Vec<_> = unsynced.into_iter().map(Payload::Encoded).collect();
        let segment = OpenSegment::create(&*disk, number + 1, end, &payloads)?;
        Ok(Self { disk, segment, max_segment, buffer: Vec::new(), before: size })
    }

    /// Writes the first of these records, and returns how many.
    pub(super) fn write<'a>(&mut self, payloads: impl Iterator<Item = &'a Payload>) -> Result<usize, WriteError> {
        if self.segment.end.size >= self.max_segment {
            self.rotate()?;
        }
        let mut buffer = mem::take(&mut self.buffer);
        buffer.clear();
        let written = self.segment.write(payloads, &mut buffer);
        buffer.shrink_to(KEPT_BUFFER);
        self.buffer = buffer;
        written
    }

    /// Makes durable all that was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.is_synced() {
            return Ok(());
        }
        self.segment.file.sync_data()?;
        self.segment.synced = self.segment.end.size;
        Ok(())
    }

    /// The path of the directory.
    pub(super) fn directory(&self) -> String {
        super::directory(&*self.disk)
    }

    pub(super) fn is_synced(&self) -> bool {
        self.segment.synced == self.segment.end.size
    }

    /// The sequence of the last record that was written.
    pub(super) fn sequence(&self) -> u64 {
        self.segment.end.position.sequence
    }

    /// Makes everything durable, and notes that it is: damage is then known as such everywhere.
    pub(super) fn close(mut self) -> Result<(), WriteError> {
        self.sync().map_err(WriteError::Failed)?;
        self.segment.write(std::iter::empty(), &mut Vec::new())?;
        self.sync().map_err(WriteError::Failed)
    }

    /// Begins a new segment, and returns its number. All before is durable then.
    pub(super) fn cut(&mut self) -> Result<u64, WriteError> {
        self.rotate()?;
        self.before = 0;
        Ok(self.segment.number)
    }

    /// The bytes of all segments since the last cut.
    pub(super) fn size(&self) -> u64 {
        self.before + self.segment.end.size
    }

    fn rotate(&mut self) -> Result<(), WriteError> {
        // The next segment says that this one is complete.
        self.sync().map_err(WriteError::Failed)?;
        let next = OpenSegment::create(&*self.disk, self.segment.number + 1, self.segment.end, &[])?;
        self.before += mem::replace(&mut self.segment, next).end.size;
        Ok(())
    }
}

impl OpenSegment {
    /// Creates a segment that begins with these records. It gets its name when it is synced.
    fn create(disk: &dyn Disk, number: u64, continues: End, payloads: &[Payload]) -> Result<Self, WriteError> {
        let header = SegmentHeader { file_id: fastrand::u128(..), number, continues };
        let created = Self::write_new(disk, &header, payloads).map_err(WriteError::of);
        if matches!(created, Err(WriteError::Full(_))) {
            // It takes room, and is of no use.
            let _ = disk.remove(NEW);
        }
        let segment = created?;
        disk.rename(NEW, &name_of(number)).and_then(|()| disk.sync_directory()).map_err(WriteError::Failed)?;
        Ok(segment)
    }

    fn write_new(disk: &dyn Disk, header: &SegmentHeader, payloads: &[Payload]) -> io::Result<Self> {
        let file = disk.create(NEW)?;
        let (bytes, position) = header.encode();
        file.write_all_at(&bytes, 0)?;
        let size = HEADER_SIZE as u64;
        let (id, end) = (position.checksum, End { size, position });
        let mut segment = Self { file, number: header.number, id, end, synced: size };
        let (mut rest, mut buffer) = (payloads, Vec::new());
        while !rest.is_empty() {
            let (written, position) = segment.encode(rest.iter(), &mut buffer);
            segment.append(&buffer, position)?;
            rest = &rest[written..];
            buffer.clear();
        }
        segment.file.sync_data()?;
        segment.synced = segment.end.size;
        Ok(segment)
    }

    fn write<'a>(
        &mut self,
        payloads: impl Iterator<Item = &'a Payload>,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, WriteError> {
        let (written, position) = self.encode(payloads, buffer);
        match self.append(buffer, position).map_err(WriteError::of) {
            Ok(()) => Ok(written),
            Err(WriteError::Full(error)) => {
                // Back to the end of the last record: what was written in part gives its room back.
                self.file.truncate(self.end.size).map_err(WriteError::Failed)?;
                Err(WriteError::Full(error))
            }
            Err(failed) => Err(failed),
        }
    }

    /// Encodes a group of the first of these records. Returns how many, and the position after them.
    fn encode<'a>(&self, payloads: impl Iterator<Item = &'a Payload>, buffer: &mut Vec<u8>) -> (usize, Position) {
        let mut encoder = Encoder::new(buffer, self.end.position, self.id);
        encoder.group(self.synced);
        let mut count = 0;
        for payload in payloads {
            encoder.record(|buffer| payload.encode(buffer));
            count += 1;
            if encoder.buffer.len() >= WRITE {
                break;
            }
        }
        (count, encoder.position)
    }

    fn append(&mut self, bytes: &[u8], position: Position) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end.size)?;
        self.end = End { size: self.end.size + bytes.len() as u64, position };
        Ok(())
    }
}
