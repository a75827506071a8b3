//! What a journal says after a start: its records, and where it goes on.
//!
//! No file is changed. What was not synced before may be there and be lost by the next power loss, and what follows the last whole
//! record is not a part of the journal. So the next segment says where this one ends: at the last place that is known to be
//! synced; and it begins with copies of the records after that.

use std::{collections::VecDeque, fmt, io};

use bytes::Bytes;

use super::{
    format::{BadHeader, End, Frame},
    payload,
    segment::{OpenSegmentError, Segment, name_of, number_of},
};
use crate::store::{
    Record,
    disk::{Disk, is_full},
};

/// Why a durable store cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk failed.
    Io {
        /// The path of the file or directory.
        path: String,
        /// What failed.
        error: io::Error,
    },
    /// Another process uses the directory.
    Locked {
        /// The path of the directory.
        path: String,
    },
    /// A file was damaged after it was synced, or is missing.
    Damaged {
        /// The path of the file.
        path: String,
        /// Where the damage begins, in bytes.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file needs what this program does not have.
    Unsupported {
        /// The path of the file.
        path: String,
        /// What it needs.
        reason: &'static str,
    },
    /// A file was written by another version.
    Version {
        /// The path of the file.
        path: String,
        /// The version of its format.
        version: u32,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{path}: {error}{}", advice(error)),
            Self::Locked { path } => write!(f, "{path}: another process uses the directory"),
            Self::Damaged { path, offset, reason } => write!(f, "{path} is damaged at byte {offset}: {reason}"),
            Self::Unsupported { path, reason } => write!(f, "{path}: {reason}"),
            Self::Version { path, version } => {
                write!(f, "{path} has version {version} of its format, which this program does not read")
            }
        }
    }
}

impl OpenError {
    /// The error of a disk that is full, if it is one.
    pub(in super::super) fn full(&self) -> Option<&io::Error> {
        match self {
            Self::Io { error, .. } => Some(error).filter(|error| is_full(error)),
            _ => None,
        }
    }
}

/// What can be done about it.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": let this user write there, or choose another directory"
        }
        _ if is_full(error) => ": make room there, and start again. Nothing is lost",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ": choose another directory",
        _ => "",
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Recovered {
    /// The number of the last segment, 0 if there is none.
    pub(super) number: u64,
    /// Where it ends.
    pub(super) end: End,
    /// The payloads of the records after its end.
    pub(super) unsynced: Vec<Bytes>,
    /// The sequence of the last record.
    pub(super) sequence: u64,
    /// The bytes of an incomplete end that were left out.
    pub(super) cut: u64,
    /// The bytes of all segments.
    pub(super) size: u64,
}

impl Recovered {
    /// Warns of an incomplete end.
    pub(in super::super) fn warn(&self, disk: &dyn Disk) {
        if self.cut > 0 {
            let path = disk.path_of(&name_of(self.number));
            tracing::warn!(path, bytes = self.cut, "the journal has an incomplete end, which is left out");
        }
    }

    /// The bytes of an incomplete end that were left out.
    pub(in super::super) fn cut(&self) -> u64 {
        self.cut
    }

    /// The bytes of all segments.
    pub(in super::super) fn size(&self) -> u64 {
        self.size
    }

    /// The number of the next segment.
    pub(in super::super) fn next_segment(&self) -> u64 {
        self.number + 1
    }
}

/// Reads the journal from a segment on, and applies each record. There may be none.
///
/// # Errors
/// If something is damaged that was synced, or the disk fails.
pub(in super::super) fn recover(
    disk: &dyn Disk,
    first: u64,
    mut apply: impl FnMut(&Record) -> Result<(), &'static str>,
) -> Result<Recovered, OpenError> {
    let mut segments = open_segments(disk, first)?;
    let mut end = segments.front().map_or(End::default(), |segment| segment.header.continues);
    let mut recovered = Recovered { number: first - 1, ..Recovered::default() };
    let mut size = 0;
    while let Some(segment) = segments.pop_front() {
        let mut reading = Reading { disk, segment, apply: &mut apply };
        reading.check_continues(end)?;
        match segments.front() {
            Some(next) => end = reading.read_up_to(next.header.continues)?,
            None => recovered = reading.read_last()?,
        }
        size += reading.segment.offset;
    }
    Ok(Recovered { size, ..recovered })
}

/// Opens all segments from this one on, in their order. None is missing between them.
fn open_segments(disk: &dyn Disk, first: u64) -> Result<VecDeque<Segment>, OpenError> {
    let names = disk.list().map_err(|error| io_error(disk, "", error))?;
    let mut numbers: Vec<_> =
        names.iter().filter_map(|name| number_of(name)).filter(|number| *number >= first).collect();
    numbers.sort_unstable();
    let mut segments = VecDeque::new();
    for (number, expected) in numbers.into_iter().zip(first..) {
        if number != expected {
            return Err(damaged(disk, &name_of(expected), 0, "it is missing, and the journal goes on after it"));
        }
        segments.push_back(open_segment(disk, number)?);
    }
    Ok(segments)
}

fn open_segment(disk: &dyn Disk, number: u64) -> Result<Segment, OpenError> {
    let name = name_of(number);
    match Segment::open(disk, &name) {
        Ok(segment) if segment.header.number == number => Ok(segment),
        Ok(_) => Err(damaged(disk, &name, 0, "it is another segment")),
        // Its header was synced before it got its name.
        Err(OpenSegmentError::Header(BadHeader::Damaged)) => Err(damaged(disk, &name, 0, "the header is wrong")),
        Err(OpenSegmentError::Header(BadHeader::Version(version))) => {
            Err(OpenError::Version { path: disk.path_of(&name), version })
        }
        Err(OpenSegmentError::Io(error)) => Err(io_error(disk, &name, error)),
    }
}

/// A segment that is read.
struct Reading<'a, F> {
    disk: &'a dyn Disk,
    segment: Segment,
    apply: &'a mut F,
}

impl<F: FnMut(&Record) -> Result<(), &'static str>> Reading<'_, F> {
    fn name(&self) -> String {
        name_of(self.segment.header.number)
    }

    fn damaged(&self, offset: u64, reason: &'static str) -> OpenError {
        damaged(self.disk, &self.name(), offset, reason)
    }

    fn check_continues(&self, end: End) -> Result<(), OpenError> {
        let continues = self.segment.header.continues == end;
        if continues { Ok(()) } else { Err(self.damaged(0, "it does not continue the segment before it")) }
    }

    /// Reads up to an end that was synced.
    fn read_up_to(&mut self, end: End) -> Result<End, OpenError> {
        if self.segment.size < end.size {
            return Err(self.damaged(self.segment.size, "the file ends too early"));
        }
        while self.segment.offset < end.size {
            match self.next(end.size)? {
                Some(Found::Record(payload, offset)) => self.apply(&payload, offset)?,
                Some(Found::Group { .. }) => {}
                None => return Err(self.damaged(self.segment.offset, "a record that was synced is wrong")),
            }
        }
        Ok(End { size: self.segment.offset, position: self.segment.position })
    }

    /// Reads the last segment, which may have an incomplete end.
    fn read_last(&mut self) -> Result<Recovered, OpenError> {
        let start = End { size: self.segment.offset, position: self.segment.position };
        let (mut ends, mut unsynced) = (VecDeque::from([start]), VecDeque::new());
        loop {
            let found = self.next(self.segment.size)?;
            ends.push_back(End { size: self.segment.offset, position: self.segment.position });
            match found {
                Some(Found::Record(payload, offset)) => {
                    self.apply(&payload, offset)?;
                    unsynced.push_back((offset, payload));
                }
                Some(Found::Group { synced }) => {
                    // A frame ends where the segment was synced, and perhaps no group begins there: more may have been written before
                    // that was known.
                    while ends.front().is_some_and(|end| end.size < synced) {
                        ends.pop_front();
                    }
                    while unsynced.front().is_some_and(|(offset, _)| *offset < synced) {
                        unsynced.pop_front();
                    }
                }
                None => break,
            }
        }
        self.check_rest()?;
        let end =
            *ends.front().ok_or_else(|| self.damaged(self.segment.offset, "no record ends where it was synced"))?;
        Ok(Recovered {
            number: self.segment.header.number,
            end,
            unsynced: unsynced.into_iter().map(|(_, payload)| payload).collect(),
            sequence: self.segment.position.sequence,
            cut: self.segment.size - self.segment.offset,
            size: 0,
        })
    }

    /// Checks that what follows the last whole frame was never synced.
    fn check_rest(&self) -> Result<(), OpenError> {
        let offset = self.segment.offset;
        let synced = self.segment.most_synced_after().map_err(|error| io_error(self.disk, &self.name(), error))?;
        match synced.is_some_and(|synced| synced > offset) {
            true => Err(self.damaged(offset, "a record that was synced is wrong")),
            false => Ok(()),
        }
    }

    /// Reads the next frame; `None` if it is damaged, or there is none.
    fn next(&mut self, limit: u64) -> Result<Option<Found>, OpenError> {
        let offset = self.segment.offset;
        match self.segment.next(limit) {
            Ok(Some(Frame::Record { time, rest })) => {
                Ok(Some(Found::Record([&time.to_le_bytes()[..], rest].concat().into(), offset)))
            }
            Ok(Some(Frame::Group { synced })) => Ok(Some(Found::Group { synced })),
            Ok(None) => Ok(None),
            Err(error) => Err(io_error(self.disk, &self.name(), error)),
        }
    }

    fn apply(&mut self, payload: &Bytes, offset: u64) -> Result<(), OpenError> {
        let record = payload::decode(payload).ok_or("the record cannot be read");
        record.and_then(|record| (self.apply)(&record)).map_err(|reason| self.damaged(offset, reason))
    }
}

/// A frame that was found, and the offset of a record.
enum Found {
    Record(Bytes, u64),
    Group { synced: u64 },
}

pub(in super::super) fn damaged(disk: &dyn Disk, name: &str, offset: u64, reason: &'static str) -> OpenError {
    OpenError::Damaged { path: disk.path_of(name), offset, reason }
}

/// An error of the disk, with the path of the file.
pub(in super::super) fn io_error(disk: &dyn Disk, name: &str, error: io::Error) -> OpenError {
    OpenError::Io { path: disk.path_of(name), error }
}
