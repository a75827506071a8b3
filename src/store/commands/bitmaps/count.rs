//! BITCOUNT and BITPOS.

use std::ops::RangeInclusive;

use kvstore_protocol::{CommandError, Response};

use super::mask;
use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, Spec},
    value::StringValue,
};

pub(in super::super) const SPECS: &[Spec] = &[BITCOUNT, BITPOS];

/// How many bytes are looked at in the time in which one is copied.
const BYTES_PER_WORK: usize = 4;

/// `BITCOUNT key [start end [BYTE | BIT]]`: the number of bits that are set.
const BITCOUNT: Spec = Spec::new("BITCOUNT", bitcount);

fn bitcount(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let limits = match args.len() {
        1 => Limits::ALL,
        2 => return Err(CommandError::SYNTAX),
        _ => Limits::parse(&args, 1)?,
    };
    let bits = range_of(call, &limits)?;
    // Clamped to the first bit, they would mean that one.
    let is_backwards = limits.start < 0 && limits.end.is_some_and(|end| end < limits.start);
    match (call.get::<StringValue>(0)?, bits) {
        (Some(string), Some(bits)) if !is_backwards => Ok((count(&string, bits) as i64).into()),
        _ => Ok(0.into()),
    }
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`: the offset of the first bit that is so, -1 if there is none. Behind the string all bits
/// are clear, if no end is given.
const BITPOS: Spec = Spec::new("BITPOS", bitpos);

fn bitpos(call: &mut Call<'_>) -> Answer {
    const NO_BIT: CommandError = CommandError::new("ERR", "The bit argument must be 1 or 0.");
    let args = call.args();
    let wanted = match args.integer(1)? {
        0 => false,
        1 => true,
        _ => return Err(NO_BIT),
    };
    let limits = match args.len() {
        2 => Limits::ALL,
        5 => {
            // The first mistake is told, and the unit is looked at before the end.
            args.integer(2)?;
            is_in_bits(&args, 4)?;
            Limits::parse(&args, 2)?
        }
        _ => Limits::parse(&args, 2)?,
    };
    let bits = range_of(call, &limits)?;
    let Some(string) = call.get::<StringValue>(0)? else {
        return Ok(if wanted { NOWHERE } else { 0.into() });
    };
    let Some(bits) = bits else { return Ok(NOWHERE) };
    Ok(match find(&string, bits, wanted) {
        Some(found) => (found as i64).into(),
        None if !wanted && limits.end.is_none() => (string.len() as i64 * 8).into(),
        None => NOWHERE,
    })
}

const NOWHERE: Response = Response::Integer(-1);

/// A part of a string, as a command names it.
struct Limits {
    start: i64,
    /// `None` for the end of the string.
    end: Option<i64>,
    is_of_bits: bool,
}

impl Limits {
    const ALL: Self = Self { start: 0, end: None, is_of_bits: false };

    /// Parses `start [end [BYTE | BIT]]`.
    fn parse(args: &Args<'_>, at: usize) -> Result<Self, CommandError> {
        if args.len() > at + 3 {
            return Err(CommandError::SYNTAX);
        }
        let start = args.integer(at)?;
        let end = (args.len() > at + 1).then(|| args.integer(at + 1)).transpose()?;
        let is_of_bits = args.len() > at + 2 && is_in_bits(args, at + 2)?;
        Ok(Self { start, end, is_of_bits })
    }

    /// The bits of a string with so many bytes; `None` if there are none. Negative indices count from the end.
    fn bits(&self, bytes: usize) -> Option<RangeInclusive<u64>> {
        let unit = if self.is_of_bits { 1 } else { 8 };
        let total = bytes as i64 * 8 / unit;
        let (start, end) = (self.start, self.end.unwrap_or(-1));
        let index = |at: i64| if at < 0 { at.saturating_add(total).max(0) } else { at };
        let (start, end) = (index(start), index(end).min(total - 1));
        (start <= end).then(|| (start * unit) as u64..=(end * unit + unit - 1) as u64)
    }
}

/// Parses `BYTE | BIT`.
fn is_in_bits(args: &Args<'_>, at: usize) -> Result<bool, CommandError> {
    if args.is(at, "BIT") || args.is(at, "BYTE") { Ok(args.is(at, "BIT")) } else { Err(CommandError::SYNTAX) }
}

/// The bits that are to be looked at. If these are many, it is done where nobody waits for it. The string is not read yet: that
/// counts once.
fn range_of(call: &mut Call<'_>, limits: &Limits) -> Result<Option<RangeInclusive<u64>>, CommandError> {
    let length = call.find::<StringValue>(0).ok().flatten().map_or(0, |string| string.len());
    let bits = limits.bits(length);
    if let Some(bits) = &bits {
        call.afford((bits.end() - bits.start()) as usize / 8 / BYTES_PER_WORK)?;
    }
    Ok(bits)
}

/// The number of bits that are set among these.
fn count(bytes: &[u8], bits: RangeInclusive<u64>) -> u64 {
    let (first, last) = edges(&bits);
    let bytes = &bytes[(bits.start() / 8) as usize..=(bits.end() / 8) as usize];
    let outside = |byte: Option<&u8>, mask: u8| u64::from(byte.map_or(0, |byte| (byte & !mask).count_ones()));
    count_all(bytes) - outside(bytes.first(), first) - outside(bytes.last(), last)
}

/// The number of bits that are set.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512vl+avx512vpopcntdq",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt"
))]
fn count_all(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    in_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The first of these bits that is as wanted.
fn find(bytes: &[u8], bits: RangeInclusive<u64>, wanted: bool) -> Option<u64> {
    let (first, last) = edges(&bits);
    let start = (bits.start() / 8) as usize;
    let bytes = &bytes[start..=(bits.end() / 8) as usize];
    // A byte without a bit that is wanted.
    let flipped = if wanted { 0 } else { u8::MAX };
    let candidates = |at: usize| {
        let within = if at == 0 { first } else { u8::MAX } & if at + 1 == bytes.len() { last } else { u8::MAX };
        (bytes[at] ^ flipped) & within
    };
    let place = |at: usize| Some(((start + at) * 8) as u64 + u64::from(candidates(at).leading_zeros()));
    if candidates(0) != 0 {
        return place(0);
    }
    let (words, _) = bytes[1..].as_chunks::<8>();
    let without = u64::from_ne_bytes([flipped; 8]);
    let skipped = words.iter().take_while(|word| u64::from_ne_bytes(**word) == without).count();
    (1 + skipped * 8..bytes.len()).find(|at| candidates(*at) != 0).and_then(place)
}

/// The bits of the first and of the last byte that are among these.
fn edges(bits: &RangeInclusive<u64>) -> (u8, u8) {
    let first = mask(*bits.start()) | (mask(*bits.start()) - 1);
    (first, !(mask(*bits.end()) - 1))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;
    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::TestStore;

    proptest! {
        #[test]
        fn bits_are_counted_and_found_as_one_by_one(
            bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 1..70),
            one in any::<u16>(), other in any::<u16>(), wanted in any::<bool>(),
        ) {
            let total = bytes.len() as u64 * 8;
            let (one, other) = (u64::from(one) % total, u64::from(other) % total);
            let bits = one.min(other)..=one.max(other);
            let is_set = |at: &u64| bytes[(*at / 8) as usize] & mask(*at) != 0;
            prop_assert_eq!(count(&bytes, bits.clone()), bits.clone().filter(is_set).count() as u64);
            prop_assert_eq!(find(&bytes, bits.clone(), wanted), bits.clone().find(|at| is_set(at) == wanted));
        }
    }

    #[test]
    fn bitcount_counts_in_bytes_and_in_bits() {
        let store = TestStore::new();
        store.check([("SET k foobar", "+OK")]);
        for (range, expected) in [
            ("", ":26"),
            (" 0 0", ":4"),
            (" 1 1", ":6"),
            (" -2 -1", ":7"),
            (" 1 1 BYTE", ":6"),
            (" 5 30 BIT", ":17"),
            (" 0 -1 bit", ":26"),
            (" -2 -5", ":0"),
            (" 3 2", ":0"),
            (" 100 200", ":0"),
            (" -100 -1", ":26"),
        ] {
            store.check([(&*format!("BITCOUNT k{range}"), expected)]);
        }
        store.check([
            ("BITCOUNT missing", ":0"),
            ("BITCOUNT missing 0 0", ":0"),
            ("BITCOUNT missing x 0", "-ERR value is not an integer or out of range"),
            ("BITCOUNT k 0", "-ERR syntax error"),
            ("BITCOUNT k 0 1 BITS", "-ERR syntax error"),
            ("BITCOUNT k x 1 BIT x", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn bitpos_finds_the_first_bit() {
        let store = TestStore::new();
        let strings = [("k", &[0xff, 0xf0, 0][..]), ("ones", &[0xff; 3]), ("zeros", &[0; 2]), ("empty", &[])];
        for (key, bytes) in strings {
            store.answer_to(Command::new("SET").arg(key).arg(bytes.to_vec()));
        }
        for (line, expected) in [
            ("k 0", 12),
            ("k 1 2", -1),
            ("k 0 2", 16),
            ("k 1 -1", -1),
            ("k 1 1 1", 8),
            ("k 1 7 15 BIT", 7),
            ("k 0 7 11 BIT", -1),
            ("ones 0", 24),
            ("ones 0 1", 24),
            ("ones 0 0 -1", -1),
            ("ones 0 5", -1),
            ("zeros 1", -1),
            ("zeros 0", 0),
            ("empty 0", -1),
            ("missing 0", 0),
            ("missing 1", -1),
            ("missing 0 5 -1", 0),
            ("k 1 -20 -30", 0),
        ] {
            store.check([(&*format!("BITPOS {line}"), &*format!(":{expected}"))]);
        }
        store.check([
            ("BITPOS k 2", "-ERR The bit argument must be 1 or 0."),
            ("BITPOS k x", "-ERR value is not an integer or out of range"),
            ("BITPOS missing 1 x", "-ERR value is not an integer or out of range"),
            ("BITPOS k 0 1 2 BITS", "-ERR syntax error"),
            ("BITPOS k 0 1 x BITS", "-ERR syntax error"),
        ]);
    }

    #[test]
    fn long_strings_are_counted_where_nobody_waits() {
        let store = TestStore::new();
        store.check([("SETBIT k 100000000 1", ":0")]);
        let postpones = |line: &str| store.postpones(&crate::store::testing::command(line));
        assert!(postpones("BITCOUNT k") && postpones("BITPOS k 1") && !postpones("BITCOUNT k 0 1000"));
        store.check([("BITCOUNT k", ":1"), ("BITPOS k 1", ":100000000")]);
    }
}
