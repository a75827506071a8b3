//! Where the keys of the best-known commands are.

use super::rules::Visible;

const ONE_KEY: [&str; 32] = [
    "APPEND",
    "BITCOUNT",
    "BITFIELD",
    "BITPOS",
    "DECR",
    "DECRBY",
    "EXPIRE",
    "EXPIREAT",
    "EXPIRETIME",
    "GET",
    "GETBIT",
    "GETDEL",
    "GETEX",
    "GETRANGE",
    "GETSET",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PSETEX",
    "PTTL",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "STRLEN",
    "SUBSTR",
    "TTL",
    "TYPE",
];

const KEYS_ALONE: [&str; 7] = ["DEL", "EXISTS", "MGET", "RENAME", "RENAMENX", "TOUCH", "UNLINK"];

const PAIRS: [&str; 2] = ["MSET", "MSETNX"];

/// What is taken for keys where it is not known.
pub(super) const KEYS_OF_OTHERS: Visible = Visible::First(1);

pub(super) fn all() -> impl Iterator<Item = (&'static str, Visible)> {
    let one_key = ONE_KEY.into_iter().map(|name| (name, Visible::First(1)));
    let keys_alone = KEYS_ALONE.into_iter().map(|name| (name, Visible::First(usize::MAX)));
    one_key.chain(keys_alone).chain(PAIRS.into_iter().map(|name| (name, Visible::EveryOther)))
}

pub(super) fn well_known(name: &[u8]) -> Option<Visible> {
    all().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, visible)| visible)
}
