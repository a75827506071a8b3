//! The bytes of a segment: a [`SegmentHeader`], then frames. All integers are little-endian.
//!
//! ```text
//! segment  magic 8 · version 4 · 0 4 · file id 16 · number 8 · the end before it: size 8, sequence 8, checksum 8 · checksum 8
//! frame    checksum 8 · sequence 8 · length of the payload 7, kind 1 · payload
//! record   the payload is that of a record, the sequence its own
//! group    the payload is a marker 8, the size that was synced before the group was written 8, the checksum before it 8
//! ```
//!
//! The checksum of a record is seeded with that of the frame before it, the first with that of the header. So it covers the file
//! id, and every frame before. That of a group is seeded with the checksum of the header alone: it is valid on its own, also
//! behind frames that are damaged.

use xxhash_rust::xxh3::xxh3_64_with_seed;

const MAGIC: [u8; 8] = *b"kvjournl";

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// The size of a segment header.
pub(super) const HEADER_SIZE: usize = 72;

/// The size of a frame without its payload.
pub(super) const FRAME_SIZE: usize = 24;

const CHECKSUM_SIZE: usize = 8;
const MARKER: [u8; 8] = [0xC7, 0x1F, 0x9A, 0x53, 0xE6, 0x08, 0xB4, 0x2D];
const GROUP_PAYLOAD: usize = 24;
const KIND_SHIFT: u32 = 56;
const RECORD: u64 = 1;
const GROUP: u64 = 2;

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

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    checksum: u64,
    sequence: u64,
    length: u64,
    kind: u64,
}

/// A frame whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Record(&'a [u8]),
    /// The bytes of the segment that were synced before the group was written.
    Group {
        synced: u64,
    },
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

impl FrameHead {
    pub(super) fn decode(bytes: &[u8; FRAME_SIZE]) -> Self {
        let length_and_kind = u64_at(bytes, 16);
        Self {
            checksum: u64_at(bytes, 0),
            sequence: u64_at(bytes, 8),
            length: length_and_kind & ((1 << KIND_SHIFT) - 1),
            kind: length_and_kind >> KIND_SHIFT,
        }
    }

    /// The size of the whole frame.
    pub(super) fn size(&self) -> u64 {
        self.length + FRAME_SIZE as u64
    }
}

/// Checks a whole frame that follows `before`. Returns it with the position after it; `None` if it is damaged, or does not belong
/// here. `file` is the checksum of the segment header.
pub(super) fn check_frame(bytes: &[u8], before: Position, file: u64) -> Option<(Frame<'_>, Position)> {
    let (head, payload) = bytes.split_first_chunk::<FRAME_SIZE>()?;
    let head = FrameHead::decode(head);
    let seed = if head.kind == GROUP { file } else { before.checksum };
    if head.length != payload.len() as u64 || head.checksum != xxh3_64_with_seed(&bytes[CHECKSUM_SIZE..], seed) {
        return None;
    }
    let after = Position { sequence: head.sequence, checksum: head.checksum };
    match head.kind {
        RECORD if head.sequence == before.sequence + 1 => Some((Frame::Record(payload), after)),
        GROUP if head.sequence == before.sequence && payload.len() == GROUP_PAYLOAD => {
            let continues = payload[..8] == MARKER && u64_at(payload, 16) == before.checksum;
            continues.then(|| (Frame::Group { synced: u64_at(payload, 8) }, after))
        }
        _ => None,
    }
}

/// Finds the groups in bytes of which some are damaged. Returns the most bytes of the segment that any of them says were synced.
/// `file` is the checksum of the segment header.
pub(super) fn most_synced(bytes: &[u8], file: u64) -> Option<u64> {
    groups(bytes, file).map(|frame| u64_at(frame, FRAME_SIZE + 8)).max()
}

/// The same for the highest sequence of a record that is before a group.
pub(super) fn highest_sequence(bytes: &[u8], file: u64) -> Option<u64> {
    groups(bytes, file).map(|frame| u64_at(frame, 8)).max()
}

fn groups(bytes: &[u8], file: u64) -> impl Iterator<Item = &[u8]> {
    let starts = (FRAME_SIZE..bytes.len()).filter(|at| bytes[*at..].starts_with(&MARKER)).map(|at| at - FRAME_SIZE);
    let frames = starts.filter_map(|start| bytes.get(start..start + FRAME_SIZE + GROUP_PAYLOAD));
    frames.filter(move |frame| u64_at(frame, 0) == xxh3_64_with_seed(&frame[CHECKSUM_SIZE..], file))
}

/// Appends frames to a buffer.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    pub(super) buffer: &'a mut Vec<u8>,
    /// The position after the last frame.
    pub(super) position: Position,
    /// The checksum of the segment header.
    pub(super) file: u64,
}

impl Encoder<'_> {
    /// Appends a record with the next sequence. `write` appends the payload.
    pub(super) fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.position.sequence += 1;
        self.frame(RECORD, self.position.checksum, write);
    }

    /// Appends the header of a group. So many bytes of the segment are synced.
    pub(super) fn group(&mut self, synced: u64) {
        let before = self.position.checksum;
        self.frame(GROUP, self.file, |payload| {
            payload.extend_from_slice(&MARKER);
            payload.extend_from_slice(&synced.to_le_bytes());
            payload.extend_from_slice(&before.to_le_bytes());
        });
    }

    fn frame(&mut self, kind: u64, seed: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; FRAME_SIZE]);
        write(self.buffer);
        let frame = &mut self.buffer[start..];
        let length = (frame.len() - FRAME_SIZE) as u64;
        frame[8..16].copy_from_slice(&self.position.sequence.to_le_bytes());
        frame[16..24].copy_from_slice(&(length | kind << KIND_SHIFT).to_le_bytes());
        self.position.checksum = xxh3_64_with_seed(&frame[CHECKSUM_SIZE..], seed);
        frame[..8].copy_from_slice(&self.position.checksum.to_le_bytes());
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
        let mut encoder = Encoder { buffer: &mut buffer, position: start, file: start.checksum };
        encoder.group(72);
        let group = encoder.buffer.len();
        encoder.record(|payload| payload.extend_from_slice(b"one"));
        let one = encoder.buffer.len();
        encoder.record(|payload| payload.extend_from_slice(b"another"));
        let end = buffer.len();
        (buffer, [group, one, end], start)
    }

    #[test]
    fn frames_are_checked_in_their_order() {
        let (buffer, [group, one, end], start) = frames();
        let (frame, after) = check_frame(&buffer[..group], start, start.checksum).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Group { synced: 72 }, 7));
        assert_eq!(check_frame(&buffer[one..end], after, start.checksum), None);
        let (frame, after) = check_frame(&buffer[group..one], after, start.checksum).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Record(b"one"), 8));
        let (frame, after) = check_frame(&buffer[one..end], after, start.checksum).unwrap();
        assert_eq!((frame, after.sequence), (Frame::Record(b"another"), 9));
        assert_eq!(check_frame(&buffer[group..one], after, start.checksum), None);
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let (mut buffer, [group, one, _], start) = frames();
        let (_, after) = check_frame(&buffer[..group], start, start.checksum).unwrap();
        for bit in 0..one * 8 {
            buffer[bit / 8] ^= 1 << (bit % 8);
            let (frame, before) =
                if bit < group * 8 { (&buffer[..group], start) } else { (&buffer[group..one], after) };
            assert_eq!(check_frame(frame, before, start.checksum), None, "bit {bit}");
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
        header[8] = 2;
        let checksum = xxh3_64_with_seed(&header[..64], 0);
        header[64..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&header), Err(BadHeader::Version(2)));
    }
}
