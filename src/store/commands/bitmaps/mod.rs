//! Bitmaps: strings as arrays of bits, of which the first is the most significant one of the first byte.
//!
//! - `bits` commands on one bit, `count` those that count and find bits
//! - `operate` BITOP, `field` BITFIELD: integers of any width

pub(super) mod bits;
pub(super) mod count;
pub(super) mod field;
mod field_type;
pub(super) mod operate;

use kvstore_protocol::{CommandError, parse_integer};

use crate::store::call::Call;

const BAD_OFFSET: CommandError = CommandError::new("ERR", "bit offset is not an integer or out of range");

/// Parses the offset of a bit of a string, or of a field of so many bits that `#` counts.
fn parse_offset(text: &[u8], field: Option<u64>, call: &Call<'_>) -> Result<u64, CommandError> {
    let (unit, digits) = match (field, text) {
        (Some(bits), [b'#', digits @ ..]) => (bits, digits),
        _ => (1, text),
    };
    let number = parse_integer(digits).and_then(|number| u64::try_from(number).ok());
    let offset = number.and_then(|number| number.checked_mul(unit));
    // The byte of the bit is in the string.
    offset.filter(|offset| call.admits_string((offset / 8) as usize + 1)).ok_or(BAD_OFFSET)
}

/// The mask of a bit in its byte.
fn mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn a_key_that_is_read_is_one_hit_or_one_miss() {
        let store = TestStore::new();
        store.answer("SET k foobar");
        for (line, hits, misses) in [
            ("GETBIT k 5", 1, 0),
            ("BITCOUNT k", 1, 0),
            ("BITCOUNT k -1 -5", 1, 0),
            ("BITCOUNT missing", 0, 1),
            ("BITPOS k 1", 1, 0),
            ("BITPOS k 1 100", 1, 0),
            ("BITPOS missing 1", 0, 1),
            ("BITOP OR to k missing k", 2, 1),
            ("BITFIELD_RO k GET u8 0", 1, 0),
            ("BITFIELD_RO missing GET u8 0", 0, 1),
        ] {
            store.answer("CONFIG RESETSTAT");
            store.answer(line);
            let stats = store.answer("INFO stats");
            let stats = String::from_utf8_lossy(stats.as_bytes().expect("a text"));
            let counts = format!("keyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\n");
            assert!(stats.contains(&counts), "{line}: {stats}");
        }
    }
}
