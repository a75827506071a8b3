//! [`Segment`]: reads the frames of a segment in order.

use std::io;

use super::format::{
    BadHeader, Frame, HEADER_SIZE, MAX_HEAD, Position, SegmentHeader, check_frame, frame_size, highest_sequence,
    most_synced,
};
use crate::store::disk::{Disk, DiskFile};

/// The bytes that are read at once, at least.
const READ_AHEAD: usize = 256 * 1024;

/// The name of a segment.
pub(in super::super) fn name_of(number: u64) -> String {
    format!("journal-{number:012}")
}

/// The number of the segment with this name.
pub(in super::super) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("journal-")?;
    let number = digits.parse().ok()?;
    (name_of(number) == name).then_some(number)
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    file: Box<dyn DiskFile>,
    pub(super) header: SegmentHeader,
    /// The checksum of the header.
    pub(super) id: u64,
    /// The bytes of the file.
    pub(super) size: u64,
    /// Where the next frame begins.
    pub(super) offset: u64,
    /// The position before the next frame.
    pub(super) position: Position,
    /// The time of the last record of the group.
    time: u64,
    window: Window,
}

/// Bytes that were read ahead, from `offset` on.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    offset: u64,
}

/// Why a segment cannot be opened.
#[derive(Debug)]
pub(super) enum OpenSegmentError {
    Header(BadHeader),
    Io(io::Error),
}

impl From<io::Error> for OpenSegmentError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Segment {
    pub(super) fn open(disk: &dyn Disk, name: &str) -> Result<Self, OpenSegmentError> {
        let file = disk.open(name)?;
        let size = file.size()?;
        if size < HEADER_SIZE as u64 {
            return Err(OpenSegmentError::Header(BadHeader::Damaged));
        }
        let mut bytes = [0; HEADER_SIZE];
        file.read_exact_at(&mut bytes, 0)?;
        let (header, position) = SegmentHeader::decode(&bytes).map_err(OpenSegmentError::Header)?;
        let (id, offset) = (position.checksum, HEADER_SIZE as u64);
        Ok(Self { file, header, id, size, offset, position, time: 0, window: Window::default() })
    }

    /// Reads the next frame, which ends at `limit` at the latest. `None` if there is none, or it is damaged: then the segment stays
    /// where it is.
    ///
    /// # Errors
    /// If the disk fails. That says nothing about the frame.
    pub(super) fn next(&mut self, limit: u64) -> io::Result<Option<Frame<'_>>> {
        let rest = limit - self.offset;
        let head = self.window.read(&*self.file, self.offset, rest.min(MAX_HEAD as u64) as usize, limit)?;
        // A length that is damaged is found before anything is allocated.
        let Some(size) = frame_size(head).filter(|size| *size <= rest) else { return Ok(None) };
        let bytes = self.window.read(&*self.file, self.offset, size as usize, limit)?;
        let Some((frame, after)) = check_frame(bytes, self.position, self.time, self.id) else { return Ok(None) };
        self.offset += size;
        self.position = after;
        self.time = if let Frame::Record { time, .. } = frame { time } else { 0 };
        Ok(Some(frame))
    }

    /// The most bytes that any group from here on says were synced.
    pub(super) fn most_synced_after(&self) -> io::Result<Option<u64>> {
        Ok(most_synced(&self.rest()?, self.id))
    }

    /// The highest sequence of a record that the header and the groups from here on know of.
    pub(super) fn highest_sequence(&self) -> io::Result<u64> {
        let highest = highest_sequence(&self.rest()?, self.id);
        Ok(highest.unwrap_or_default().max(self.header.continues.position.sequence))
    }

    fn rest(&self) -> io::Result<Vec<u8>> {
        let mut rest = vec![0; (self.size - self.offset) as usize];
        self.file.read_exact_at(&mut rest, self.offset)?;
        Ok(rest)
    }
}

/// The sequence before a segment, and the highest that it knows of; `None` if its header is damaged.
///
/// # Errors
/// If the disk fails.
pub(in super::super) fn sequences_of(disk: &dyn Disk, number: u64) -> io::Result<Option<(u64, u64)>> {
    match Segment::open(disk, &name_of(number)) {
        Ok(segment) => Ok(Some((segment.header.continues.position.sequence, segment.highest_sequence()?))),
        Err(OpenSegmentError::Header(_)) => Ok(None),
        Err(OpenSegmentError::Io(error)) => Err(error),
    }
}

impl Window {
    /// Reads `length` bytes from `offset` on, and more up to `limit`.
    fn read(&mut self, file: &dyn DiskFile, offset: u64, length: usize, limit: u64) -> io::Result<&[u8]> {
        let start = offset.checked_sub(self.offset).map_or(usize::MAX, |start| start as usize);
        let is_there = start.checked_add(length).is_some_and(|end| end <= self.bytes.len());
        if !is_there {
            let most = (limit - offset) as usize;
            self.bytes.resize(length.max(READ_AHEAD).min(most), 0);
            self.offset = offset;
            // If it fails, what is there is not taken for the file.
            file.read_exact_at(&mut self.bytes, offset).inspect_err(|_| self.bytes.clear())?;
            return Ok(&self.bytes[..length]);
        }
        Ok(&self.bytes[start..start + length])
    }
}
