//! [`Compressor`].

use super::{LONG, MAX_DISTANCE, MAX_LENGTH, MAX_LITERALS};

/// The number of hashes of three bytes.
const SLOTS: usize = 1 << 16;

/// How many bytes have to be saved.
const LEAST_SAVED: usize = 4;

/// Compresses strings one by one.
#[derive(Clone, Debug)]
pub(in super::super) struct Compressor {
    /// Where three bytes with a hash were last seen, counted from `base`. Less than that is from a string before.
    seen: Box<[u32]>,
    /// The positions of the string and of its end.
    base: u32,
    end: u32,
}

impl Compressor {
    /// The compressed string; `None` if less than four bytes would be saved.
    pub(in super::super) fn compress(&mut self, input: &[u8]) -> Option<Vec<u8>> {
        let mut output = Output::new(input.len().checked_sub(LEAST_SAVED)?);
        self.begin(input.len())?;
        let (mut at, end) = (0, input.len() - 2);
        while at < end {
            let Some(before) = self.find_before(input, at) else {
                output.push_literal(input[at])?;
                at += 1;
                continue;
            };
            let length = match_length(input, before, at);
            output.push_match(at - before, length)?;
            at += length;
            if at >= end {
                break;
            }
            // Of the bytes within a match only the last two can be found again.
            self.remember(input, at - 2);
            self.remember(input, at - 1);
        }
        output.finish(&input[at..])
    }

    /// Forgets the string before, for one with a length. `None` if that is too long.
    fn begin(&mut self, len: usize) -> Option<()> {
        let len = u32::try_from(len).ok()?;
        if self.end.checked_add(len).is_none() {
            *self = Self::default();
        }
        (self.base, self.end) = (self.end, self.end.checked_add(len)?);
        Some(())
    }

    /// Where the three bytes at a position were seen before, near enough. They are found here from now on.
    fn find_before(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let before = self.remember(input, at).checked_sub(self.base)? as usize;
        // Redis does not find what is at the start.
        let is_near = before > 0 && at - before <= MAX_DISTANCE;
        (is_near && input[before..before + 3] == input[at..at + 3]).then_some(before)
    }

    /// Lets the three bytes at a position be found. Returns what was found before.
    fn remember(&mut self, input: &[u8], at: usize) -> u32 {
        let [first, second, third] = [0, 1, 2].map(|offset| u16::from(input[at + offset]));
        let hash = (first << 8 | second).wrapping_sub((second << 8 | third).wrapping_mul(5));
        std::mem::replace(&mut self.seen[usize::from(hash)], self.base + at as u32)
    }
}

impl Default for Compressor {
    fn default() -> Self {
        // What was never seen is in front of the base.
        Self { seen: vec![0; SLOTS].into_boxed_slice(), base: 1, end: 1 }
    }
}

/// The number of equal bytes at two positions, of which three are known to be equal.
fn match_length(input: &[u8], before: usize, at: usize) -> usize {
    // The last two bytes are left, unless Redis looks at sixteen at once.
    let most = match (input.len() - at - 2).min(MAX_LENGTH) {
        17 | 18 => 19,
        most => most.max(3),
    };
    let equal = input[at..at + most].iter().zip(&input[before..]).take_while(|(byte, other)| byte == other);
    equal.count()
}

/// A compressed string of a limited length.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
    /// The number of bytes at the end that are stored as they are. The byte in front of them will be their number.
    literals: usize,
}

impl Output {
    fn new(limit: usize) -> Self {
        let mut bytes = Vec::with_capacity(limit + LEAST_SAVED);
        bytes.push(0);
        Self { bytes, limit, literals: 0 }
    }

    fn push_literal(&mut self, byte: u8) -> Option<()> {
        if self.bytes.len() >= self.limit {
            return None;
        }
        self.append(byte);
        Some(())
    }

    fn push_match(&mut self, distance: usize, length: usize) -> Option<()> {
        self.end_run();
        if self.bytes.len() + 4 >= self.limit {
            return None;
        }
        let [high, low] = ((distance - 1) as u16).to_be_bytes();
        if length < LONG {
            self.bytes.push(((length - 2) << 5) as u8 | high);
        } else {
            self.bytes.extend_from_slice(&[7 << 5 | high, (length - LONG) as u8]);
        }
        self.bytes.extend_from_slice(&[low, 0]);
        Some(())
    }

    fn finish(mut self, rest: &[u8]) -> Option<Vec<u8>> {
        if self.bytes.len() + 3 > self.limit {
            return None;
        }
        rest.iter().for_each(|byte| self.append(*byte));
        self.end_run();
        Some(self.bytes)
    }

    fn append(&mut self, byte: u8) {
        self.bytes.push(byte);
        self.literals += 1;
        if self.literals == MAX_LITERALS {
            self.end_run();
            self.bytes.push(0);
        }
    }

    /// Writes the number of literals in front of them, or takes its byte back if there are none.
    fn end_run(&mut self) {
        match std::mem::take(&mut self.literals) {
            0 => _ = self.bytes.pop(),
            literals => {
                let at = self.bytes.len() - literals - 1;
                self.bytes[at] = (literals - 1) as u8;
            }
        }
    }
}
