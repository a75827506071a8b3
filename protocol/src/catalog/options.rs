//! The commands whose options must be parsed to find their keys, or how they are accessed. Redis has a function for each
//! of them too.

use std::ops::Range;

use super::KeyFlags;
use crate::Command;

/// An option with the number of its arguments.
type Options = [(&'static str, usize)];

/// `SORT key … [STORE destination]`
pub(super) fn sort_destination(command: &Command) -> Range<usize> {
    argument_of(command, "STORE", &[("LIMIT", 2), ("GET", 1), ("BY", 1), ("STORE", 1)], 2)
}

/// `GEORADIUS key longitude latitude radius unit … [STORE destination]`
pub(super) fn georadius_destination(command: &Command) -> Range<usize> {
    argument_of(command, "STORE", GEORADIUS, 6)
}

/// `GEORADIUS key longitude latitude radius unit … [STOREDIST destination]`
pub(super) fn georadius_distances(command: &Command) -> Range<usize> {
    argument_of(command, "STOREDIST", GEORADIUS, 6)
}

/// `GEORADIUSBYMEMBER key member radius unit … [STORE destination]`
pub(super) fn georadiusbymember_destination(command: &Command) -> Range<usize> {
    argument_of(command, "STORE", GEORADIUS, 5)
}

/// `GEORADIUSBYMEMBER key member radius unit … [STOREDIST destination]`
pub(super) fn georadiusbymember_distances(command: &Command) -> Range<usize> {
    argument_of(command, "STOREDIST", GEORADIUS, 5)
}

const GEORADIUS: &Options = &[("COUNT", 1), ("STORE", 1), ("STOREDIST", 1)];

/// `MIGRATE host port key …`: the key, unless the option KEYS has others.
pub(super) fn migrate_key(command: &Command) -> Range<usize> {
    if migrate_keyword(command).is_some() { 0..0 } else { 3..4 }
}

/// `MIGRATE host port "" … KEYS key [key …]`
pub(super) fn migrate_keys(command: &Command) -> Range<usize> {
    match migrate_keyword(command) {
        Some(keyword) if command.arg_at(2).is_some_and(<[u8]>::is_empty) => keyword + 1..command.len(),
        _ => 0..0,
    }
}

/// The keys of `MIGRATE`. Unlike the description says, none is missing.
pub(super) fn migrate_flags(_: &Command) -> KeyFlags {
    KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE
}

fn migrate_keyword(command: &Command) -> Option<usize> {
    options(command, &[("AUTH", 1), ("AUTH2", 2)], 6).find(|(_, option)| is(option, "KEYS")).map(|(index, _)| index)
}

/// `SET key value … [GET]`: overwrites, and reads before with GET.
pub(super) fn set_flags(command: &Command) -> KeyFlags {
    let gets = command.words().skip(3).any(|option| is(option, "GET"));
    KeyFlags::UPDATE | if gets { KeyFlags::RW | KeyFlags::ACCESS } else { KeyFlags::OW }
}

/// `BITFIELD key [GET … | OVERFLOW … | SET … | INCRBY …]`: reads, unless there is another operation than GET.
pub(super) fn bitfield_flags(command: &Command) -> KeyFlags {
    const READS: &Options = &[("GET", 2), ("OVERFLOW", 1)];
    let reads = options(command, READS, 2).all(|(index, operation)| {
        READS.iter().any(|(name, arguments)| is(operation, name) && index + arguments < command.len())
    });
    KeyFlags::ACCESS | if reads { KeyFlags::RO } else { KeyFlags::RW | KeyFlags::UPDATE }
}

/// Returns the argument of the last option `name`, the one that counts.
fn argument_of(command: &Command, name: &str, arguments: &Options, from: usize) -> Range<usize> {
    let last = options(command, arguments, from).filter(|(_, option)| is(option, name)).last();
    last.map_or(0..0, |(index, _)| index + 1..index + 2)
}

/// Returns the options from a word on, without their arguments. An option that is not in `arguments` has none.
fn options<'a>(command: &'a Command, arguments: &Options, from: usize) -> impl Iterator<Item = (usize, &'a [u8])> {
    let mut words = command.words().enumerate().skip(from);
    std::iter::from_fn(move || {
        let (index, option) = words.next()?;
        if let Some((_, count)) = arguments.iter().find(|(name, _)| is(option, name)) {
            words.nth(count - 1);
        }
        Some((index, option))
    })
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}
