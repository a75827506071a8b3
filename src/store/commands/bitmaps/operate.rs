//! BITOP.

use kvstore_protocol::CommandError;

use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{NewValue, StringRef, StringValue},
};

pub(in super::super) const SPECS: &[Spec] = &[BITOP];

/// `BITOP operation destination key [key …]`: stores the bits of the keys, combined. Answers the length of the result, which is that of the
/// longest one: the others go on with bits that are clear.
const BITOP: Spec = Spec::new("BITOP", bitop);

fn bitop(call: &mut Call<'_>) -> Answer {
    let operation = Operation::parse(call.args().bytes(0))?;
    operation.check(call.keys() - 1)?;
    // They are not read yet: that counts once.
    let found = (1..call.keys()).filter_map(|key| call.find::<StringValue>(key).ok().flatten());
    let work = found.map(|string| string.len()).sum();
    call.afford(work)?;
    let mut result = operation.run(&strings(call)?);
    let length = result.len();
    if length == 0 {
        call.remove(0, Event::DEL);
    } else {
        call.set(0, NewValue::from(&mut result), Event::SET);
    }
    Ok(length.into())
}

/// The bytes of the keys; none for one that is missing.
fn strings<'a>(call: &'a Call<'_>) -> Result<Vec<StringRef<'a>>, CommandError> {
    const NONE: StringRef<'_> = StringRef::Inline(&[]);
    (1..call.keys()).map(|key| Ok(call.get::<StringValue>(key)?.unwrap_or(NONE))).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// The bits of the first that no other has.
    Diff,
    /// The bits of the others that the first does not have.
    Diff1,
    /// The bits of the first that one of the others has.
    AndOr,
    /// The bits that exactly one has.
    One,
}

impl Operation {
    const ALL: [(&str, Self); 8] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("DIFF", Self::Diff),
        ("DIFF1", Self::Diff1),
        ("ANDOR", Self::AndOr),
        ("ONE", Self::One),
    ];

    fn parse(name: &[u8]) -> Result<Self, CommandError> {
        let found = Self::ALL.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        found.map(|(_, operation)| *operation).ok_or(CommandError::SYNTAX)
    }

    /// Whether it can be done with so many keys.
    fn check(self, sources: usize) -> Result<(), CommandError> {
        let name = Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name);
        match self {
            Self::Not if sources != 1 => Err(CommandError::err("BITOP NOT must be called with a single source key.")),
            Self::Diff | Self::Diff1 | Self::AndOr if sources < 2 => {
                Err(CommandError::err(format!("BITOP {name} must be called with at least two source keys.")))
            }
            _ => Ok(()),
        }
    }

    fn run(self, strings: &[StringRef<'_>]) -> Vec<u8> {
        let length = strings.iter().map(|string| string.len()).max().unwrap_or_default();
        let (first, others) = strings.split_first().expect("a key");
        match self {
            Self::And => fold(first, others, length, |bits, other| bits & other),
            Self::Or => fold(first, others, length, |bits, other| bits | other),
            Self::Xor => fold(first, others, length, |bits, other| bits ^ other),
            Self::Not => first.iter().map(|bits| !bits).collect(),
            Self::Diff => with_others(first, others, length, |bits, others| bits & !others),
            Self::Diff1 => with_others(first, others, length, |bits, others| others & !bits),
            Self::AndOr => with_others(first, others, length, |bits, others| bits & others),
            Self::One => one(strings, length),
        }
    }
}

/// The bits of the first, combined with those of each other one.
fn fold(first: &[u8], others: &[StringRef<'_>], length: usize, combine: impl Fn(u8, u8) -> u8 + Copy) -> Vec<u8> {
    let mut result = Vec::with_capacity(length);
    result.extend_from_slice(first);
    result.resize(length, 0);
    others.iter().for_each(|other| add(&mut result, other, combine));
    result
}

/// The bits of the first, combined with those that any of the others has.
fn with_others(
    first: &[u8],
    others: &[StringRef<'_>],
    length: usize,
    combine: impl Fn(u8, u8) -> u8 + Copy,
) -> Vec<u8> {
    let mut result = fold(&[], others, length, |bits, other| bits | other);
    add(&mut result, first, |others, bits| combine(bits, others));
    result
}

/// The bits that exactly one has.
fn one(strings: &[StringRef<'_>], length: usize) -> Vec<u8> {
    let (mut any, mut several) = (vec![0; length], vec![0; length]);
    for string in strings {
        for ((any, several), bits) in any.iter_mut().zip(&mut several).zip(string.iter()) {
            *several |= *any & bits;
            *any |= bits;
        }
    }
    add(&mut any, &several, |any, several| any & !several);
    any
}

/// Combines bits with those of another string, which are clear behind its end.
fn add(bits: &mut [u8], other: &[u8], combine: impl Fn(u8, u8) -> u8) {
    let (both, alone) = bits.split_at_mut(other.len());
    both.iter_mut().zip(other).for_each(|(bits, other)| *bits = combine(*bits, *other));
    alone.iter_mut().for_each(|bits| *bits = combine(*bits, 0));
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::TestStore;

    /// A store with strings of different lengths.
    fn store() -> TestStore {
        let store = TestStore::new();
        for (key, bytes) in [("a", &[0xf0, 0xff, 0x0f][..]), ("b", &[0x3c, 0x0f]), ("c", &[0xff])] {
            store.answer_to(Command::new("SET").arg(key).arg(bytes.to_vec()));
        }
        store
    }

    #[test]
    fn strings_are_combined_as_if_they_had_one_length() {
        let store = store();
        for (operation, expected) in [
            ("AND to a b", r#""0\x0f\x00""#),
            ("AND to a b missing", r#""\x00\x00\x00""#),
            ("OR to a b", r#""\xfc\xff\x0f""#),
            ("XOR to a b c", r#""3\xf0\x0f""#),
            ("NOT to b", r#""\xc3\xf0""#),
            ("DIFF to a b c", r#""\x00\xf0\x0f""#),
            ("DIFF1 to b a c", r#""\xc3\xf0\x0f""#),
            ("ANDOR to a b c", r#""\xf0\x0f\x00""#),
            ("one to a b c", r#""\x03\xf0\x0f""#),
        ] {
            let length = if operation.starts_with("NOT") { ":2" } else { ":3" };
            store.check([(&*format!("BITOP {operation}"), length), ("GET to", expected)]);
        }
        // The destination may be a source.
        store.check([("BITOP NOT b b", ":2"), ("GET b", r#""\xc3\xf0""#)]);
    }

    #[test]
    fn an_empty_result_removes_the_destination() {
        let store = store();
        store.check([
            ("BITOP OR a missing missing", ":0"),
            ("EXISTS a", ":0"),
            ("SET b x EX 10", "+OK"),
            ("BITOP NOT b c", ":1"),
            ("TTL b", ":-1"),
        ]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        store().check([
            ("BITOP NAND to a", "-ERR syntax error"),
            ("BITOP NOT to a b", "-ERR BITOP NOT must be called with a single source key."),
            ("BITOP DIFF to a", "-ERR BITOP DIFF must be called with at least two source keys."),
            ("BITOP DIFF1 to a", "-ERR BITOP DIFF1 must be called with at least two source keys."),
            ("BITOP ANDOR to a", "-ERR BITOP ANDOR must be called with at least two source keys."),
            ("BITOP ONE to c", ":1"),
            ("RPUSH list x", ":1"),
            ("BITOP AND to a list", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("BITOP NOT list a", ":3"),
        ]);
    }
}
