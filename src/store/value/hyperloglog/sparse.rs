//! Runs of registers with the same value: those with 0 in one or two bytes, those with another in one.
//!
//! - `00xxxxxx` up to 64 registers that are 0
//! - `01xxxxxx yyyyyyyy` up to 16,384 of them
//! - `1vvvvvxx` up to 4 registers with a value of up to 32

use super::{Corrupted, REGISTERS, Register, Registers};

/// The greatest value that a run can have.
const MAX_VALUE: u8 = 32;
const MAX_RUN: usize = 4;
const MAX_SHORT_ZEROS: usize = 64;

/// After a change so many runs are looked at, from the one before it on, and joined if they have the same value.
const JOINED: usize = 5;

/// Registers in a row with the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) value: u8,
    pub(super) length: usize,
    /// The number of bytes that it is encoded in.
    pub(super) size: usize,
}

impl Run {
    /// The run that the bytes begin with; `None` if they are none, or end too early.
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        Some(match first >> 6 {
            0 => Self { value: 0, length: usize::from(first & 0x3f) + 1, size: 1 },
            1 => {
                let length = usize::from(first & 0x3f) << 8 | usize::from(*rest.first()?);
                Self { value: 0, length: length + 1, size: 2 }
            }
            _ => Self { value: (first >> 2 & 0x1f) + 1, length: usize::from(first & 3) + 1, size: 1 },
        })
    }

    /// Whether it is zeros in two bytes.
    pub(super) fn is_long(self) -> bool {
        self.size == 2
    }
}

/// Every run of a value.
///
/// # Errors
/// If they are not those of all registers.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Result<Run, Corrupted>> {
    let (mut rest, mut registers) = (bytes, 0);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return (registers != REGISTERS).then(|| {
                registers = REGISTERS;
                Err(Corrupted)
            });
        }
        let run = Run::read(rest).filter(|run| registers + run.length <= REGISTERS);
        registers += run.map_or(0, |run| run.length);
        rest = run.map_or(&[], |run| &rest[run.size..]);
        if run.is_none() {
            registers = REGISTERS;
        }
        Some(run.ok_or(Corrupted))
    })
}

/// The value of the register, if the bytes have it.
///
/// # Errors
/// If they do not.
pub(super) fn get(bytes: &[u8], index: usize) -> Result<u8, Corrupted> {
    let found = Position::START.advance_to(bytes, index).ok_or(Corrupted)?;
    Ok(found.run.value)
}

/// Raises each of the registers to its value here.
///
/// # Errors
/// If the bytes are not all registers.
pub(super) fn merge(bytes: &[u8], registers: &mut Registers) -> Result<(), Corrupted> {
    let mut index = 0;
    for run in runs(bytes) {
        let Run { value, length, .. } = run?;
        if value > 0 {
            registers[index..index + length].iter_mut().for_each(|register| *register = value.max(*register));
        }
        index += length;
    }
    Ok(())
}

/// Counts the registers with each value.
///
/// # Errors
/// If the bytes are not all registers.
pub(super) fn count(bytes: &[u8]) -> Result<[u32; 64], Corrupted> {
    let mut counts = [0; 64];
    for run in runs(bytes) {
        let Run { value, length, .. } = run?;
        counts[usize::from(value)] += length as u32;
    }
    Ok(counts)
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// The index of its first byte.
    at: usize,
    /// The index of its first register.
    register: usize,
}

/// A run that has a register, and where the one before it is.
#[derive(Clone, Copy, Debug)]
struct Found {
    run: Run,
    position: Position,
    before: Option<Position>,
}

impl Position {
    const START: Self = Self { at: 0, register: 0 };

    /// The run with a register, which is not before this position.
    #[inline]
    fn advance_to(self, bytes: &[u8], index: usize) -> Option<Found> {
        let (mut position, mut before) = (self, None);
        loop {
            let run = Run::read(bytes.get(position.at..)?)?;
            if index < position.register + run.length {
                return Some(Found { run, position, before });
            }
            before = Some(position);
            position = Self { at: position.at + run.size, register: position.register + run.length };
        }
    }
}

/// Runs that are changed.
#[derive(Debug)]
pub(super) struct SparseEditor<'a> {
    /// The header, and the runs behind it.
    bytes: &'a mut Vec<u8>,
    header: usize,
    /// The run before the last change: registers are mostly raised in their order.
    resumed: Position,
}

/// What became of a register that was to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It is not lower.
    Unchanged,
    Changed,
    /// It was not raised: the value, or the size, is greater than runs may have.
    Exceeded,
}

impl<'a> SparseEditor<'a> {
    /// The runs behind a header of so many bytes.
    pub(super) fn new(bytes: &'a mut Vec<u8>, header: usize) -> Self {
        Self { bytes, header, resumed: Position::START }
    }

    /// Raises a register. Header and runs are not to grow beyond `limit` bytes.
    ///
    /// # Errors
    /// If there are no such registers.
    pub(super) fn raise(&mut self, register: Register, limit: usize) -> Result<Raised, Corrupted> {
        let Register { index, value } = register;
        if value > MAX_VALUE {
            return Ok(Raised::Exceeded);
        }
        let Found { run, position, before } = self.find(index).ok_or(Corrupted)?;
        if run.value >= value {
            return Ok(Raised::Unchanged);
        }
        let parts = Parts::of(run, index - position.register, value);
        let growth = parts.bytes().len().saturating_sub(run.size);
        if growth > 0 && self.bytes.len() + growth > limit {
            return Ok(Raised::Exceeded);
        }
        let at = self.header + position.at;
        self.bytes.splice(at..at + run.size, parts.bytes().iter().copied());
        self.resumed = before.unwrap_or(Position::START);
        self.join(self.resumed.at);
        Ok(Raised::Changed)
    }

    fn find(&self, index: usize) -> Option<Found> {
        let runs = &self.bytes[self.header..];
        let resumed = Some(self.resumed).filter(|resumed| resumed.register <= index);
        let found = resumed.and_then(|resumed| resumed.advance_to(runs, index));
        // Without the run before it, what is behind that could not be joined with it.
        let known = found.filter(|found| found.before.is_some());
        known.or_else(|| Position::START.advance_to(runs, index))
    }

    /// Joins runs with the same value, from one on.
    fn join(&mut self, from: usize) {
        let mut at = self.header + from;
        for _ in 0..JOINED {
            let Some(run) = Run::read(&self.bytes[at..]) else { return };
            let next = Run::read(&self.bytes[at + run.size..]);
            let joined = next.filter(|next| run.value > 0 && next.value == run.value);
            match joined.map(|next| run.length + next.length).filter(|length| *length <= MAX_RUN) {
                Some(length) => {
                    self.bytes[at] = value_run(run.value, length);
                    self.bytes.remove(at + 1);
                }
                None => at += run.size,
            }
        }
    }
}

/// What a run is split into when one of its registers changes: at most two runs of zeros in two bytes, and a value.
#[derive(Clone, Copy, Debug)]
struct Parts {
    bytes: [u8; 5],
    size: usize,
}

impl Parts {
    /// The register `offset` of the run gets another value.
    fn of(run: Run, offset: usize, value: u8) -> Self {
        let mut parts = Self { bytes: [0; 5], size: 0 };
        parts.push(run.value, offset);
        parts.push(value, 1);
        parts.push(run.value, run.length - offset - 1);
        parts
    }

    fn push(&mut self, value: u8, length: usize) {
        match (value, length) {
            (_, 0) => {}
            (0, 1..=MAX_SHORT_ZEROS) => self.push_bytes(&[(length - 1) as u8]),
            (0, _) => self.push_bytes(&long_zeros(length)),
            _ => self.push_bytes(&[value_run(value, length)]),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes[self.size..][..bytes.len()].copy_from_slice(bytes);
        self.size += bytes.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.size]
    }
}

/// So many registers that are 0, in two bytes.
pub(super) const fn long_zeros(length: usize) -> [u8; 2] {
    let [high, low] = (length as u16 - 1).to_be_bytes();
    [high | 0x40, low]
}

fn value_run(value: u8, length: usize) -> u8 {
    0x80 | (value - 1) << 2 | (length - 1) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(bytes: &[u8]) -> Vec<u8> {
        let mut registers = [0; REGISTERS];
        merge(bytes, &mut registers).expect("all registers");
        registers.to_vec()
    }

    proptest! {
        #[test]
        fn registers_are_raised_as_in_an_array(
            raised in prop::collection::vec((prop_oneof![0..80_usize, 0..REGISTERS, REGISTERS - 70..REGISTERS], 1..6_u8), 0..200),
            in_order in any::<bool>(),
        ) {
            let (mut raised, mut model) = (raised, vec![0; REGISTERS]);
            if in_order {
                raised.sort_unstable();
            }
            let mut bytes = [b"head", &long_zeros(REGISTERS)[..]].concat();
            let (mut one_by_one, mut together) = (bytes.clone(), SparseEditor::new(&mut bytes, 4));
            for (index, value) in raised {
                let register = Register { index, value };
                let is_change = value > model[index];
                model[index] = value.max(model[index]);
                let expected = if is_change { Raised::Changed } else { Raised::Unchanged };
                prop_assert_eq!(together.raise(register, 100_000), Ok(expected));
                prop_assert_eq!(SparseEditor::new(&mut one_by_one, 4).raise(register, 100_000), Ok(expected));
            }
            prop_assert_eq!(&bytes, &one_by_one);
            prop_assert_eq!(values(&bytes[4..]), &model[..]);
            let counts = count(&bytes[4..]).expect("all registers");
            prop_assert_eq!(counts.iter().sum::<u32>() as usize, REGISTERS);
            for (index, value) in model.iter().enumerate().step_by(97) {
                prop_assert_eq!(get(&bytes[4..], index), Ok(*value));
            }
        }

        #[test]
        fn bytes_that_are_not_all_registers_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let lengths = || runs(&bytes).map(|run| run.map(|run| run.length));
            let total = lengths().sum::<Result<usize, Corrupted>>();
            prop_assert!(matches!(total, Ok(REGISTERS) | Err(Corrupted)));
            prop_assert_eq!(total.is_ok(), count(&bytes).is_ok());
            prop_assert_eq!(total.is_ok(), merge(&bytes, &mut [0; REGISTERS]).is_ok());
            let mut bytes = bytes;
            for index in [0, 63, 64, 5000, REGISTERS - 1] {
                let is_there = get(&bytes, index).is_ok();
                let raised = SparseEditor::new(&mut bytes, 0).raise(Register { index, value: 32 }, 1000);
                prop_assert_eq!(raised.is_ok(), is_there);
            }
        }
    }

    #[test]
    fn runs_that_exceed_what_they_can_be_are_not_changed() {
        let mut bytes = long_zeros(REGISTERS).to_vec();
        let mut raise = |index, value, limit| {
            SparseEditor::new(&mut bytes, 0).raise(Register { index, value }, limit).expect("all registers")
        };
        assert_eq!(raise(5, 33, 100), Raised::Exceeded);
        assert_eq!(raise(5, 1, 3), Raised::Exceeded);
        assert_eq!(raise(5, 1, 4), Raised::Changed);
        // It does not grow.
        assert_eq!(raise(5, 2, 0), Raised::Changed);
        assert_eq!(raise(5, 2, 0), Raised::Unchanged);
        assert_eq!(bytes, [4, 0x84, 0x7f, 0xf9]);
    }

    #[test]
    fn adjacent_runs_with_one_value_are_joined() {
        let mut bytes = long_zeros(REGISTERS).to_vec();
        for index in [2, 0, 1, 3, 4] {
            let raised = SparseEditor::new(&mut bytes, 0).raise(Register { index, value: 7 }, 100);
            assert_eq!(raised, Ok(Raised::Changed));
        }
        assert_eq!(bytes, [0x9b, 0x98, 0x7f, 0xfa]);
    }
}
