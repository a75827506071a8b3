//! Looks up the number of a command by its name, for every decoded command.
//!
//! A hash table with open addressing that is built at compile time, so a lookup touches two cache lines and follows no
//! pointer.

use super::table::COMMANDS;
use crate::folded_name::{CASE, Edges, FoldedName, letters};

/// The number of slots, a power of two. Most are empty, so that the lookup of an unknown name usually ends at once.
const SLOTS: usize = 4096;

/// The numbers of commands, each at the slot of its name or after it; 0 for an empty slot.
static NUMBERS: [u16; SLOTS] = numbers();

static NAMES: [FoldedName; COMMANDS.len()] = names();

/// Names of up to eight bytes, which are most names in practice, each at its slot or after it.
static SHORT: [ShortName; SHORT_SLOTS] = short_names();

const SHORT_SLOTS: usize = 1024;

/// A name of up to eight bytes in lower case, and which of its bytes are letters.
#[derive(Clone, Copy)]
struct ShortName {
    word: u64,
    cases: u64,
    len: u32,
    number: u16,
}

/// Returns the number of the command whose name is the first `len` bytes of `input`, counted from 1; 0 if it is
/// unknown.
#[inline]
pub(super) fn number_at(input: &[u8], len: usize) -> u16 {
    match input.first_chunk() {
        Some(word) if (1..=8).contains(&len) => number_of_short(u64::from_le_bytes(*word) << (64 - 8 * len), len),
        _ => number_of(&input[..len]),
    }
}

/// Returns the number of a name in the upper bytes of a word.
#[inline]
fn number_of_short(word: u64, len: usize) -> u16 {
    let mut slot = short_slot(word);
    loop {
        let known = &SHORT[slot];
        if word | known.cases == known.word && len as u32 == known.len {
            return known.number;
        }
        if known.len == 0 {
            return 0;
        }
        slot = (slot + 1) % SHORT_SLOTS;
    }
}

/// Returns the slot of a short name, regardless of its case.
#[inline]
const fn short_slot(word: u64) -> usize {
    let folded = word | u64::from_ne_bytes([CASE; 8]);
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % SHORT_SLOTS
}

/// Returns the number of the command called `name`, counted from 1; 0 if it is unknown.
pub(super) fn number_of(name: &[u8]) -> u16 {
    let edges = Edges::of(name);
    let mut slot = edges.slot(SLOTS);
    loop {
        let number = NUMBERS[slot];
        if number == 0 {
            return 0;
        }
        let known = &NAMES[number as usize - 1];
        if known.may_be(name, edges) && (name.len() <= Edges::ALL || is(number, name)) {
            return number;
        }
        slot = (slot + 1) % SLOTS;
    }
}

#[cold]
fn is(number: u16, name: &[u8]) -> bool {
    COMMANDS[number as usize - 1].name().as_bytes().eq_ignore_ascii_case(name)
}

const fn numbers() -> [u16; SLOTS] {
    let (mut numbers, mut index) = ([0; SLOTS], 0);
    while index < COMMANDS.len() {
        let mut slot = Edges::of(COMMANDS[index].name().as_bytes()).slot(SLOTS);
        while numbers[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        index += 1;
        numbers[slot] = index as u16;
    }
    numbers
}

const fn names() -> [FoldedName; COMMANDS.len()] {
    let (mut names, mut index) = ([FoldedName::EMPTY; COMMANDS.len()], 0);
    while index < names.len() {
        names[index] = FoldedName::new(COMMANDS[index].name().as_bytes());
        index += 1;
    }
    names
}

const fn short_names() -> [ShortName; SHORT_SLOTS] {
    let (mut names, mut index) = ([ShortName { word: 0, cases: 0, len: 0, number: 0 }; SHORT_SLOTS], 0);
    while index < COMMANDS.len() {
        let name = COMMANDS[index].name().as_bytes();
        index += 1;
        if name.len() <= 8 {
            let word = word_of(name);
            let mut slot = short_slot(word);
            while names[slot].len != 0 {
                slot = (slot + 1) % SHORT_SLOTS;
            }
            let cases = letters(word);
            names[slot] = ShortName { word: word | cases, cases, len: name.len() as u32, number: index as u16 };
        }
    }
    names
}

/// Returns a name of up to eight bytes as the upper bytes of a word.
const fn word_of(name: &[u8]) -> u64 {
    let (mut bytes, mut index) = ([0; 8], 0);
    while index < name.len() {
        bytes[8 - name.len() + index] = name[index];
        index += 1;
    }
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_in_any_case_and_no_other() {
        for (command, number) in COMMANDS.iter().zip(1..) {
            let name = command.name().as_bytes();
            assert_eq!(number_of(name), number);
            assert_eq!(number_of(&name.to_ascii_lowercase()), number);
            assert_eq!(number_at(&[name, b"\r\n"].concat(), name.len()), number);
            assert_eq!(number_at(&[&*name.to_ascii_lowercase(), &[b'x'; 8]].concat(), name.len()), number);
            for (index, bit) in (0..name.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
                let mut other = name.to_vec();
                other[index] ^= 1 << bit;
                let found =
                    COMMANDS.iter().zip(1..).find(|(known, _)| known.name().as_bytes().eq_ignore_ascii_case(&other));
                let number = found.map_or(0, |(_, number)| number);
                assert_eq!(number_of(&other), number, "{}", other.escape_ascii());
                other.extend([b'x'; 8]);
                assert_eq!(number_at(&other, name.len()), number, "{}", other.escape_ascii());
            }
        }
        assert_eq!((number_of(b""), number_of(b"NOSUCHCOMMAND")), (0, 0));
        // The zeros of an empty slot are no name.
        assert_eq!((number_at(&[0; 8], 0), number_at(&[0; 8], 3), number_at(b"GET\0....", 4)), (0, 0, 0));
    }
}
