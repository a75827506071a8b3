//! HyperLogLogs: strings that say how many different elements were added, in the format of Redis.
//!
//! An element raises one of 16,384 registers to the number of zeros that its hash has at one end, and 1. A header of 16 bytes is
//! followed by the registers: in `sparse` runs, as long as few of them are set, or `dense`.
//!
//! ```text
//! "HYLL"   encoding: 0 dense, 1 sparse   3 unused   the cached estimate: 8, little-endian; the highest bit says it is not valid
//! ```
//!
//! - `murmur` the hash; `estimate` the number of elements
//! - `self_test` what PFSELFTEST checks

mod dense;
mod estimate;
mod murmur;
mod self_test;
mod sparse;

pub(crate) use self_test::self_test;

use sparse::{Raised, SparseEditor};

/// The number of registers: a hash has 14 bits for the index of one.
pub(crate) const REGISTERS: usize = 1 << INDEX_BITS;

const INDEX_BITS: usize = 14;
const HASH_BITS: usize = 64 - INDEX_BITS;

const MAGIC: &[u8; 4] = b"HYLL";
const HEADER: usize = 16;
const ENCODING: usize = MAGIC.len();
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// Where the cached estimate is.
const CACHED: std::ops::Range<usize> = 8..HEADER;
/// The bit of its last byte that says that it is not valid.
const IS_STALE: u8 = 0x80;

/// The longest runs: each of two bytes has a register at least.
const MAX_SPARSE: usize = HEADER + 2 * REGISTERS;

/// Each register in a byte of its own.
pub(crate) type Registers = [u8; REGISTERS];

/// The runs are not those of all registers, or no elements lead to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupted;

/// A register, and what it is raised to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Register {
    index: usize,
    value: u8,
}

impl Register {
    /// The register of an element.
    pub(crate) fn of(element: &[u8]) -> Self {
        let hash = murmur::hash(element);
        let rest = hash >> INDEX_BITS | 1 << HASH_BITS;
        Self { index: hash as usize % REGISTERS, value: rest.trailing_zeros() as u8 + 1 }
    }
}

/// A HyperLogLog that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HyperLogLog<'a>(&'a [u8]);

impl<'a> HyperLogLog<'a> {
    /// The bytes as a HyperLogLog; `None` if they are none. The runs of a sparse one are not checked.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_one = bytes.len() >= HEADER
            && bytes.starts_with(MAGIC)
            && match bytes[ENCODING] {
                DENSE => bytes.len() == HEADER + dense::LENGTH,
                encoding => encoding == SPARSE,
            };
        is_one.then_some(Self(bytes))
    }

    pub(crate) fn is_dense(self) -> bool {
        self.0[ENCODING] == DENSE
    }

    /// The estimate that is cached, if it is valid.
    pub(crate) fn cached(self) -> Option<u64> {
        let bytes = self.0[CACHED].first_chunk()?;
        Some(u64::from_le_bytes(*bytes)).filter(|_| self.0[HEADER - 1] & IS_STALE == 0)
    }

    /// How many different elements were added, estimated.
    ///
    /// # Errors
    /// If it is corrupted.
    pub(crate) fn estimate(self) -> Result<u64, Corrupted> {
        let counts = if self.is_dense() { dense::count(self.registers()) } else { sparse::count(self.runs()?)? };
        estimate::estimate(&counts)
    }

    /// Raises each of the registers to its value here.
    ///
    /// # Errors
    /// If it is corrupted.
    pub(crate) fn merge_into(self, registers: &mut Registers) -> Result<(), Corrupted> {
        if self.is_dense() {
            dense::merge(self.registers(), registers);
            return Ok(());
        }
        sparse::merge(self.runs()?, registers)
    }

    /// Whether a register is lower.
    ///
    /// # Errors
    /// If it is corrupted, as far as was looked.
    pub(crate) fn is_raised_by(self, register: Register) -> Result<bool, Corrupted> {
        let value = match self.is_dense() {
            true => dense::get(self.registers(), register.index),
            false => sparse::get(self.runs()?, register.index)?,
        };
        Ok(value < register.value)
    }

    /// Calls `visit` with each run of a sparse one: its value, its length, and whether it is zeros in two bytes.
    ///
    /// # Errors
    /// If it is corrupted.
    pub(crate) fn for_each_run(self, mut visit: impl FnMut(u8, usize, bool)) -> Result<(), Corrupted> {
        sparse::runs(self.runs()?).try_for_each(|run| {
            let run = run?;
            visit(run.value, run.length, run.is_long());
            Ok(())
        })
    }

    /// The value of a register of a dense one.
    pub(crate) fn dense_register(self, index: usize) -> u8 {
        dense::get(self.registers(), index)
    }

    fn registers(self) -> &'a [u8] {
        &self.0[HEADER..]
    }

    fn runs(self) -> Result<&'a [u8], Corrupted> {
        if self.0.len() <= MAX_SPARSE { Ok(self.registers()) } else { Err(Corrupted) }
    }
}

/// The estimate for registers.
///
/// # Errors
/// If no elements lead to them.
pub(crate) fn estimate(registers: &Registers) -> Result<u64, Corrupted> {
    estimate::estimate(&dense::count_unpacked(registers))
}

/// A HyperLogLog that is changed: all its bytes.
#[derive(Clone, Debug)]
pub(crate) struct HyperLogLogBuffer(Vec<u8>);

impl HyperLogLogBuffer {
    /// Raises registers. Returns how many were lower. A sparse one that would exceed `limit` bytes becomes dense.
    ///
    /// # Errors
    /// If it is corrupted. Registers may have been raised.
    pub(crate) fn raise(
        &mut self,
        registers: impl Iterator<Item = Register>,
        limit: usize,
    ) -> Result<usize, Corrupted> {
        let mut registers = registers.peekable();
        let mut raised = 0;
        if !self.as_ref().is_dense() {
            self.as_ref().runs()?;
            let mut editor = SparseEditor::new(&mut self.0, HEADER);
            while let Some(register) = registers.peek() {
                match editor.raise(*register, limit)? {
                    Raised::Unchanged => {}
                    Raised::Changed => raised += 1,
                    Raised::Exceeded => break,
                }
                registers.next();
            }
        }
        if registers.peek().is_some() {
            self.make_dense()?;
            raised += raise_dense(&mut self.0, registers);
        } else if raised > 0 {
            self.make_stale();
        }
        Ok(raised)
    }

    /// Raises each register to a value that is not less than its own. A sparse one that would exceed `limit` bytes becomes dense.
    ///
    /// # Errors
    /// If it is corrupted.
    pub(crate) fn raise_all(&mut self, registers: &Registers, limit: usize) -> Result<(), Corrupted> {
        if self.as_ref().is_dense() {
            dense::write(registers, &mut self.0[HEADER..]);
        } else {
            let set = registers.iter().enumerate().filter(|(_, value)| **value > 0);
            self.raise(set.map(|(index, value)| Register { index, value: *value }), limit)?;
        }
        self.make_stale();
        Ok(())
    }

    /// Makes it dense. The cached estimate stays.
    ///
    /// # Errors
    /// If it is corrupted.
    pub(crate) fn make_dense(&mut self) -> Result<(), Corrupted> {
        if self.as_ref().is_dense() {
            return Ok(());
        }
        let mut registers = [0; REGISTERS];
        self.as_ref().merge_into(&mut registers)?;
        self.0.resize(HEADER + dense::LENGTH, 0);
        self.0[ENCODING] = DENSE;
        dense::write(&registers, &mut self.0[HEADER..]);
        Ok(())
    }

    /// Notes that the cached estimate is not valid any more.
    pub(crate) fn make_stale(&mut self) {
        self.0[HEADER - 1] |= IS_STALE;
    }

    pub(crate) fn as_ref(&self) -> HyperLogLog<'_> {
        HyperLogLog(&self.0)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Raises registers of a dense HyperLogLog. Returns how many were lower.
pub(crate) fn raise_dense(bytes: &mut [u8], registers: impl Iterator<Item = Register>) -> usize {
    let raised = registers.filter(|register| dense::raise(&mut bytes[HEADER..], *register)).count();
    if raised > 0 {
        bytes[HEADER - 1] |= IS_STALE;
    }
    raised
}

/// Caches an estimate in the bytes of a HyperLogLog.
pub(crate) fn cache(bytes: &mut [u8], estimate: u64) {
    bytes[CACHED].copy_from_slice(&estimate.to_le_bytes());
}

/// One without elements: it is sparse.
impl Default for HyperLogLogBuffer {
    fn default() -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[ENCODING] = SPARSE;
        bytes.extend_from_slice(&sparse::long_zeros(REGISTERS));
        Self(bytes)
    }
}

/// A copy.
impl From<HyperLogLog<'_>> for HyperLogLogBuffer {
    fn from(hyperloglog: HyperLogLog<'_>) -> Self {
        Self(hyperloglog.0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(range: std::ops::Range<u32>) -> impl Iterator<Item = Register> {
        range.map(|number| Register::of(format!("element:{number}").as_bytes()))
    }

    #[test]
    fn elements_have_the_registers_that_redis_gives_them() {
        for (element, index, value) in
            [("", 5938, 2), ("a", 12711, 2), ("abcdefg", 5634, 2), ("abcdefgh", 1383, 1), ("abcdefghijklmno", 12377, 4)]
        {
            assert_eq!(Register::of(element.as_bytes()), Register { index, value }, "{element}");
        }
    }

    #[test]
    fn the_estimate_is_near_and_the_same_in_both_encodings() {
        for count in [0, 1, 10, 100, 1000, 10_000, 100_000] {
            let (mut sparse, mut dense) = (HyperLogLogBuffer::default(), HyperLogLogBuffer::default());
            dense.make_dense().expect("a valid one");
            sparse.raise(registers(0..count), 100_000).expect("a valid one");
            dense.raise(registers(0..count), 0).expect("a valid one");
            assert!(!sparse.as_ref().is_dense() && dense.as_ref().is_dense());
            let estimate = sparse.as_ref().estimate().expect("a valid one");
            assert_eq!(Ok(estimate), dense.as_ref().estimate());
            // Six times the standard error.
            let error = f64::from(count) * 1.04 / (REGISTERS as f64).sqrt() * 6.0;
            assert!((estimate as f64 - f64::from(count)).abs() <= error.ceil(), "{estimate} for {count}");
            let mut merged = [0; REGISTERS];
            sparse.as_ref().merge_into(&mut merged).expect("a valid one");
            assert_eq!(super::estimate(&merged), Ok(estimate));
        }
    }

    #[test]
    fn it_becomes_dense_where_it_would_exceed_a_limit() {
        let mut limited = HyperLogLogBuffer::default();
        for step in 0..2000 {
            let is_sparse = !limited.as_ref().is_dense();
            limited.raise(registers(step..step + 1), 1000).expect("a valid one");
            assert!(limited.0.len() <= 1000 || limited.as_ref().is_dense());
            assert!(is_sparse || limited.as_ref().is_dense());
        }
        assert!(limited.as_ref().is_dense());
        let mut together = HyperLogLogBuffer::default();
        together.raise(registers(0..2000), 1000).expect("a valid one");
        assert_eq!(limited.0, together.0);
    }

    #[test]
    fn a_merge_has_the_registers_of_both() {
        for limit in [100_000, 1000, 0] {
            let (mut one, mut other, mut both) =
                (HyperLogLogBuffer::default(), HyperLogLogBuffer::default(), HyperLogLogBuffer::default());
            one.raise(registers(0..500), 100_000).expect("a valid one");
            other.raise(registers(300..900), 100_000).expect("a valid one");
            both.raise(registers(0..900), 0).expect("a valid one");
            let mut merged = [0; REGISTERS];
            one.as_ref().merge_into(&mut merged).expect("a valid one");
            other.as_ref().merge_into(&mut merged).expect("a valid one");
            one.raise_all(&merged, limit).expect("a valid one");
            assert_eq!(one.as_ref().is_dense(), limit < 100_000);
            one.make_dense().expect("a valid one");
            assert_eq!(one.0, both.0);
        }
    }

    #[test]
    fn what_is_no_hyperloglog_is_told_by_its_header() {
        let empty = HyperLogLogBuffer::default().into_bytes();
        let mut dense = HyperLogLogBuffer::default();
        dense.make_dense().expect("a valid one");
        let is_one = |bytes: &[u8]| HyperLogLog::new(bytes).is_some();
        assert!(is_one(&empty) && is_one(&dense.0) && is_one(b"HYLL\x01___________"));
        let changed = |at: usize, byte: u8| {
            let mut bytes = empty.clone();
            bytes[at] = byte;
            bytes
        };
        assert!(!is_one(b"") && !is_one(&empty[..15]) && !is_one(&changed(0, b'h')) && !is_one(&changed(4, 2)));
        assert!(!is_one(&changed(4, 0)) && !is_one(&dense.0[1..]));
    }
}
