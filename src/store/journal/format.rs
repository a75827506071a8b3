//! The bytes of a segment: a [`SegmentHeader`], then frames. All integers are little-endian.
//!
//! ```text
//! segment  magic 8 · version 4 · 0 4 · file id 16 · number 8 · the end before it: size 8, sequence 8, checksum 8 · checksum 8
//! frame    checksum 8 · twice the length of the payload, and 1 more for a group · payload
//! record   the payload is the time since that of the record before it in its group, or else the Unix epoch, and that of a record
//! group    the payload is a marker 8, the sequence of the record before it 8, the size that was synced before the group was written 8,
//!          the checksum before it 8
//! ```
//!
//! A length and a time are [numbers](super::number) of variable length; a time has a sign, and is in nanoseconds. The sequence of a record is
//! one more than that before it.
//!
//! The checksum of a record is seeded with that of the frame before it, the first with that of the header. So it covers the file
//! id, and every frame before. That of a group is seeded with the checksum of the header alone: it is valid on its own, also
//! behind frames that are damaged.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::number;

const MAGIC: [u8; 8] = *b"kvjournl";

/// The version of the format.
const VERSION: u32 = 2;

/// The size of a segment header.
pub(super) const HEADER_SIZE: usize = 72;

/// The most bytes of a frame before its payload.
pub(super) const MAX_HEAD: usize = CHECKSUM_SIZE + number::MAX;

const CHECKSUM_SIZE: usize = 8;
const TIME_SIZE: usize = 8;
const MARKER: [u8; 8] = [0xC7, 0x1F, 0x9A, 0x53, 0xE6, 0x08, 0xB4, 0x2D];

/// The bytes of a group before its payload, in which the length takes one, and of its payload.
const GROUP_HEAD: usize = CHECKSUM_SIZE + 1;
const GROUP_PAYLOAD: usize = 32;

/// A place in the journal: the sequence of the last record before it, and the checksum of the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) sequence: u64,
    pub(super) checksum: u64,
}

/// The end of a segment: what lies behind it is not a part of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    pub(super) size: u64,
    pub(super) position: Position,
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// A random number, so that a block of another file is not taken for one of this.
    pub(super) file_id: u128,
    /// The number of the segment, from 1.
    pub(super) number: u64,
    /// Where the segment before it ends.
    pub(super) continues: End,
}

/// Why the bytes are no segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Version(u32),
    Damaged,
}

/// A frame whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Record {
        /// The time in nanoseconds since the Unix epoch.
        time: u64,
        /// What follows it in the payload of the record.
        rest: &'a [u8],
    },
    /// The bytes of the segment that were synced before the group was written.
    Group { synced: u64 },
}

impl SegmentHeader {
    /// The bytes, and the position after them.
    pub(super) fn encode(&self) -> ([u8; HEADER_SIZE], Position) {
        let mut bytes = [0; HEADER_SIZE];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.file_id.to_le_bytes());
        let End { size, position } = self.continues;
        let fields = [self.number, size, position.sequence, position.checksum];
        for (field, place) in fields.iter().zip(bytes[32..64].chunks_exact_mut(8)) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        let checksum = xxh3_64_with_seed(&bytes[..64], 0);
        bytes[64..].copy_from_slice(&checksum.to_le_bytes());
        (bytes, Position { sequence: position.sequence, checksum })
    }

    /// # Errors
    /// If the version is unknown, or the bytes are damaged.
    pub(super) fn decode(bytes: &[u8; HEADER_SIZE]) -> Result<(Self, Position), BadHeader> {
        let version = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
        if bytes[..8] != MAGIC {
            return Err(BadHeader::Damaged);
        }
        if u64_at(bytes, 64) != xxh3_64_with_seed(&bytes[..64], 0) {
            return Err(BadHeader::Damaged);
        }
        // Asked after the checksum: a damaged version is no unknown one.
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        let position = Position { sequence: u64_at(bytes, 48), checksum: u64_at(bytes, 56) };
        let continues = End { size: u64_at(bytes, 40), position };
        let file_id = u128::from_le_bytes(bytes[16..32].try_into().expect("sixteen bytes"));
        let header = Self { file_id, number: u64_at(bytes, 32), continues };
        Ok((header, Position { sequence: position.sequence, checksum: u64_at(bytes, 64) }))
    }
}

/// The size of the whole frame that begins with these bytes. `None` if they are none, or too few.
pub(super) fn frame_size(bytes: &[u8]) -> Option<u64> {
    let (length, size) = number::read(bytes.get(CHECKSUM_SIZE..)?)?;
    (length >> 1).checked_add((CHECKSUM_SIZE + size) as u64)
}

/// Checks a whole frame that follows `before`, and a record of this `time`. Returns it with the position after it; `None` if it is damaged, or
/// does not belong here. `file` is the checksum of the segment header.
pub(super) fn check_frame(bytes: &[u8], before: Position, time: u64, file: u64) -> Option<(Frame<'_>, Position)> {
    let (checksum, rest) = bytes.split_at_checked(CHECKSUM_SIZE)?;
    let (length, size) = number::read(rest)?;
    let (payload, is_group) = (&rest[size..], length & 1 == 1);
    let seed = if is_group { file } else { before.checksum };
    let checksum = u64_at(checksum, 0);
    if length >> 1 != payload.len() as u64 || checksum != xxh3_64_with_seed(rest, seed) {
        return None;
    }
    if !is_group {
        let (since, size) = number::read(payload)?;
        let time = time.wrapping_add_signed(number::to_signed(since));
        let after = Position { sequence: before.sequence + 1, checksum };
        return Some((Frame::Record { time, rest: &payload[size..] }, after));
    }
    let continues = payload.len() == GROUP_PAYLOAD
        && payload[..8] == MARKER
        && u64_at(payload, 8) == before.sequence
        && u64_at(payload, 24) == before.checksum;
    continues.then(|| (Frame::Group { synced: u64_at(payload, 16) }, Position { checksum, ..before }))
}

/// Finds the groups in bytes of which some are damaged. Returns the most bytes of the segment that any of them says were synced.
/// `file` is the checksum of the segment header.
pub(super) fn most_synced(bytes: &[u8], file: u64) -> Option<u64> {
    groups(bytes, file).map(|payload| u64_at(payload, 16)).max()
}

/// The same for the highest sequence of a record that is before a group.
pub(super) fn highest_sequence(bytes: &[u8], file: u64) -> Option<u64> {
    groups(bytes, file).map(|payload| u64_at(payload, 8)).max()
}

/// The payloads of groups.
fn groups(bytes: &[u8], file: u64) -> impl Iterator<Item = &[u8]> {
    let starts = (GROUP_HEAD..bytes.len()).filter(|at| bytes[*at..].starts_with(&MARKER)).map(|at| at - GROUP_HEAD);
    let frames = starts.filter_map(|start| bytes.get(start..start + GROUP_HEAD + GROUP_PAYLOAD));
    let intact = frames.filter(move |frame| u64_at(frame, 0) == xxh3_64_with_seed(&frame[CHECKSUM_SIZE..], file));
    intact.map(|frame| &frame[GROUP_HEAD..])
}

/// Appends frames to a buffer.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    pub(super) buffer: &'a mut Vec<u8>,
    /// The position after the last frame.
    pub(super) position: Position,
    /// The checksum of the segment header.
    file: u64,
    /// The time of the last record of the group.
    pub(super) time: u64,
}

impl<'a> Encoder<'a> {
    /// Appends behind this position, and a record of this `time`. `file` is the checksum of the segment header.
    pub(super) fn new(buffer: &'a mut Vec<u8>, position: Position, time: u64, file: u64) -> Self {
        Self { buffer, position, file, time }
    }

    /// Appends a record. `write` appends its payload, which begins with the time.
    pub(super) fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        write(self.buffer);
        let (time, end) = (u64_at(&self.buffer[start..], 0), self.buffer.len());
        let since = number::from_signed(time.wrapping_sub(self.time) as i64);
        let length = number::length(since) + end - start - TIME_SIZE;
        // The checksum is in the place of the time, and the numbers are in front of the rest.
        let numbers = [(length as u64) << 1, since];
        let rest = start + CHECKSUM_SIZE + numbers.into_iter().map(number::length).sum::<usize>();
        self.buffer.resize(rest + end - start - TIME_SIZE, 0);
        self.buffer.copy_within(start + TIME_SIZE..end, rest);
        let room = &mut self.buffer[start + CHECKSUM_SIZE..];
        let size = number::write(numbers[0], room);
        number::write(numbers[1], &mut room[size..]);
        self.time = time;
        self.position.sequence += 1;
        self.seal(start, self.position.checksum);
    }

    /// Appends the header of a group. So many bytes of the segment are synced.
    pub(super) fn group(&mut self, synced: u64) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; CHECKSUM_SIZE]);
        number::push(self.buffer, (GROUP_PAYLOAD as u64) << 1 | 1);
        self.buffer.extend_from_slice(&MARKER);
        for field in [self.position.sequence, synced, self.position.checksum] {
            self.buffer.extend_from_slice(&field.to_le_bytes());
        }
        self.time = 0;
        self.seal(start, self.file);
    }

    /// Writes the checksum of the last frame.
    fn seal(&mut self, start: usize, seed: u64) {
        let frame = &mut self.buffer[start..];
        self.position.checksum = xxh3_64_with_seed(&frame[CHECKSUM_SIZE..], seed);
        frame[..CHECKSUM_SIZE].copy_from_slice(&self.position.checksum.to_le_bytes());
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTINUES: End = End { size: 4096, position: Position { sequence: 7, checksum: 99 } };
    const HEADER: SegmentHeader = SegmentHeader { file_id: 5, number: 2, continues: CONTINUES };

    /// A group of two records after the header, the ends of the frames, and the position before them.
    fn frames() -> (Vec<u8>, [usize; 3], Position) {
        let (_, start) = HEADER.encode();
        let mut buffer = Vec::new();
        let mut encoder = Encoder::new(&mut buffer, start, 0, start.checksum);
        encoder.group(72);
        let group = encoder.buffer.len();
        encoder.record(|payload| payload.extend_from_slice(&payload_of(1000, b"one")));
        let one = encoder.buffer.len();
        encoder.record(|payload| payload.extend_from_slice(&payload_of(990, b"another")));
        let end = buffer.len();
        (buffer, [group, one, end], start)
    }

    fn payload_of(time: u64, rest: &[u8]) -> Vec<u8> {
        [&time.to_le_bytes()[..], rest].concat()
    }

    #[test]
    fn frames_are_checked_in_their_order() {
        let (buffer, [group, one, end], start) = frames();
        let file = start.checksum;
        let (frame, after) = check_frame(&buffer[..group], start, 0, file).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Group { synced: 72 }, 7));
        assert_eq!(check_frame(&buffer[one..end], after, 0, file), None);
        let (frame, after) = check_frame(&buffer[group..one], after, 0, file).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Record { time: 1000, rest: b"one" }, 8));
        let (frame, after) = check_frame(&buffer[one..end], after, 1000, file).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Record { time: 990, rest: b"another" }, 9));
        assert_eq!(check_frame(&buffer[group..one], after, 0, file), None);
        for (start, size) in [(0, group), (group, one - group), (one, end - one)] {
            assert_eq!(frame_size(&buffer[start..]), Some(size as u64));
        }
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let (mut buffer, [group, one, _], start) = frames();
        let (_, after) = check_frame(&buffer[..group], start, 0, start.checksum).unwrap();
        for bit in 0..one * 8 {
            buffer[bit / 8] ^= 1 << (bit % 8);
            let (frame, before) =
                if bit < group * 8 { (&buffer[..group], start) } else { (&buffer[group..one], after) };
            assert_eq!(check_frame(frame, before, 0, start.checksum), None, "bit {bit}");
            buffer[bit / 8] ^= 1 << (bit % 8);
        }
        let (mut header, position) = HEADER.encode();
        assert_eq!(SegmentHeader::decode(&header), Ok((HEADER, position)));
        for bit in 0..HEADER_SIZE * 8 {
            header[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&header), Err(BadHeader::Damaged), "bit {bit}");
            header[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_group_behind_damage_says_what_was_synced() {
        let (buffer, [group, ..], start) = frames();
        assert_eq!(most_synced(&buffer, start.checksum), Some(72));
        assert_eq!(most_synced(&[&[0; 1000], &buffer[..]].concat(), start.checksum), Some(72));
        assert_eq!(most_synced(&buffer[1..], start.checksum), None);
        assert_eq!(most_synced(&buffer[..group - 1], start.checksum), None);
        // One of another file is none.
        assert_eq!(most_synced(&buffer, start.checksum + 1), None);
    }

    #[test]
    fn another_version_is_refused() {
        let (mut header, _) = HEADER.encode();
        header[8] = 1;
        let checksum = xxh3_64_with_seed(&header[..64], 0);
        header[64..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&header), Err(BadHeader::Version(1)));
    }
}
