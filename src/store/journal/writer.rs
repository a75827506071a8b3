//! [`Writer`]: appends records to the last segment, and syncs it.

use std::{io, mem, sync::Arc};

use super::{
    format::{Encoder, End, HEADER_SIZE, Position, SegmentHeader},
    payload,
    recovery::Recovered,
    segment::name_of,
};
use crate::store::{
    Record,
    disk::{Disk, DiskFile, is_full},
};

/// A segment that is not complete yet. A file with this name is not a part of the journal.
const NEW: &str = "journal-new";

/// The bytes from which on a write takes no more records.
const WRITE: usize = 1 << 20;

/// The bytes from which on a group is followed by the next one, so that it is known about how much is lost behind damage.
const GROUP: u64 = 64 << 10;

/// The buffer that is kept between writes.
const KEPT_BUFFER: usize = 4 << 20;

/// A record on its way to the disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload<'a> {
    /// It is encoded.
    Encoded(&'a [u8]),
    Record(&'a Record),
}

impl Payload<'_> {
    pub(super) fn encode(&self, buffer: &mut Vec<u8>) {
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
        if is_full(&error) { Self::Full(error) } else { Self::Failed(error) }
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
    file: Arc<dyn DiskFile>,
    number: u64,
    /// The checksum of the header.
    id: u64,
    end: End,
    /// The bytes that are known to be synced.
    synced: u64,
    /// Where the last group begins, and the bytes that were synced then.
    group: Option<(u64, u64)>,
    /// The time of its last record.
    time: u64,
}

/// What was encoded behind the end: so many records, and what is known of the last one.
struct Encoded {
    count: usize,
    position: Position,
    time: u64,
}

impl Writer {
    /// Starts a segment after what was recovered. All that was recovered is durable then.
    pub(super) fn start(disk: Arc<dyn Disk>, recovered: Recovered, max_segment: u64) -> Result<Self, WriteError> {
        let Recovered { number, end, unsynced, size, .. } = recovered;
        // The name of the last segment may not be durable. That of the next one must not be before it.
        disk.sync_directory().map_err(WriteError::Failed)?;
        let payloads: Vec<_> = unsynced.iter().map(|bytes| Payload::Encoded(bytes)).collect();
        let segment = OpenSegment::create(&*disk, number + 1, end, &payloads)?;
        Ok(Self { disk, segment, max_segment, buffer: Vec::new(), before: size })
    }

    /// Writes the first of these records, and returns how many.
    pub(super) fn write<'a>(&mut self, payloads: impl Iterator<Item = Payload<'a>>) -> Result<usize, WriteError> {
        let mut buffer = mem::take(&mut self.buffer);
        buffer.clear();
        let written = self.segment.write(payloads, &mut buffer);
        buffer.shrink_to(KEPT_BUFFER);
        self.buffer = buffer;
        written
    }

    /// Makes durable all that was written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let Some(sync) = self.begin_sync() {
            sync.run()?;
            self.end_sync(sync);
        }
        Ok(())
    }

    /// What is to be synced, if there is anything. More may be written meanwhile.
    pub(super) fn begin_sync(&self) -> Option<Sync> {
        let (file, size) = (Arc::clone(&self.segment.file), self.segment.end.size);
        (!self.is_synced()).then(|| Sync { file, size, sequence: self.sequence() })
    }

    /// Notes that something was synced, before the next segment begins.
    pub(super) fn end_sync(&mut self, sync: Sync) {
        self.segment.synced = sync.size;
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
    pub(super) fn close(&mut self) -> Result<(), WriteError> {
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

    /// Whether the segment is so large that the next one is to begin.
    pub(super) fn is_segment_full(&self) -> bool {
        self.segment.end.size >= self.max_segment
    }

    /// Begins the next segment. All before is durable then.
    pub(super) fn rotate(&mut self) -> Result<(), WriteError> {
        // The next segment says that this one is complete.
        self.sync().map_err(WriteError::Failed)?;
        let next = OpenSegment::create(&*self.disk, self.segment.number + 1, self.segment.end, &[])?;
        self.before += mem::replace(&mut self.segment, next).end.size;
        Ok(())
    }
}

/// What is to be synced of a segment.
#[derive(Debug)]
pub(super) struct Sync {
    file: Arc<dyn DiskFile>,
    size: u64,
    /// The sequence of its last record.
    pub(super) sequence: u64,
}

impl Sync {
    /// Blocks until it is on disk.
    pub(super) fn run(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl OpenSegment {
    /// Creates a segment that begins with these records. It gets its name when it is synced.
    fn create(disk: &dyn Disk, number: u64, continues: End, payloads: &[Payload<'_>]) -> Result<Self, WriteError> {
        let header = SegmentHeader { file_id: fastrand::u128(..), number, continues };
        let created = Self::write_new(disk, &header, payloads).map_err(WriteError::of);
        if matches!(created, Err(WriteError::Full(_))) {
            // It takes room, and is of no use. Its name stays: a crash that lost the removal and the next creation, and kept the
            // renaming after that, would make a segment of it.
            let _ = disk.create(NEW);
        }
        let segment = created?;
        disk.rename(NEW, &name_of(number)).and_then(|()| disk.sync_directory()).map_err(WriteError::Failed)?;
        Ok(segment)
    }

    fn write_new(disk: &dyn Disk, header: &SegmentHeader, payloads: &[Payload<'_>]) -> io::Result<Self> {
        let file: Arc<dyn DiskFile> = disk.create(NEW)?.into();
        let (bytes, position) = header.encode();
        file.write_all_at(&bytes, 0)?;
        let size = HEADER_SIZE as u64;
        let (id, end) = (position.checksum, End { size, position });
        let mut segment = Self { file, number: header.number, id, end, synced: size, group: None, time: 0 };
        let (mut rest, mut buffer) = (payloads, Vec::new());
        while !rest.is_empty() {
            let encoded = segment.encode(rest.iter().copied(), &mut buffer);
            segment.append(&buffer, &encoded)?;
            rest = &rest[encoded.count..];
            buffer.clear();
        }
        segment.file.sync_data()?;
        segment.synced = segment.end.size;
        Ok(segment)
    }

    fn write<'a>(
        &mut self,
        payloads: impl Iterator<Item = Payload<'a>>,
        buffer: &mut Vec<u8>,
    ) -> Result<usize, WriteError> {
        let encoded = self.encode(payloads, buffer);
        match self.append(buffer, &encoded).map_err(WriteError::of) {
            Ok(()) => Ok(encoded.count),
            Err(WriteError::Full(error)) => {
                // Back to the end of the last record: what was written in part gives its room back.
                self.file.truncate(self.end.size).map_err(WriteError::Failed)?;
                Err(WriteError::Full(error))
            }
            Err(failed) => Err(failed),
        }
    }

    /// Encodes the first of these records, which may begin a group.
    fn encode<'a>(&self, payloads: impl Iterator<Item = Payload<'a>>, buffer: &mut Vec<u8>) -> Encoded {
        let mut encoder = Encoder::new(buffer, self.end.position, self.time, self.id);
        if self.begins_group() {
            encoder.group(self.synced);
        }
        let mut count = 0;
        for payload in payloads {
            encoder.record(|buffer| payload.encode(buffer));
            count += 1;
            if encoder.buffer.len() >= WRITE {
                break;
            }
        }
        Encoded { count, position: encoder.position, time: encoder.time }
    }

    /// Whether a group begins at the end: more is synced than the last one says, or it is large.
    fn begins_group(&self) -> bool {
        self.group.is_none_or(|(start, synced)| synced != self.synced || self.end.size - start >= GROUP)
    }

    fn append(&mut self, bytes: &[u8], encoded: &Encoded) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end.size)?;
        if self.begins_group() {
            self.group = Some((self.end.size, self.synced));
        }
        self.end = End { size: self.end.size + bytes.len() as u64, position: encoded.position };
        self.time = encoded.time;
        Ok(())
    }
}
