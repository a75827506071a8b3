//! Strings: how they are changed in place, and what their representation is called.

use bytes::{Bytes, BytesMut};
use kvstore_protocol::ByteString;

/// Up to this length Redis keeps a string in one piece with its header.
const EMBEDDED: usize = 44;

/// Up to this length a changed string is put together on the stack.
const SHORT: usize = 128;

/// Appends `tail`. Takes time for the tail alone, on average over many: the buffer doubles when it is full.
pub(crate) fn append(string: &mut ByteString, tail: &[u8]) {
    let total = string.len() + tail.len();
    if total <= SHORT && string.shared().is_none() {
        let mut joined = [0; SHORT];
        joined[..string.len()].copy_from_slice(string);
        joined[string.len()..total].copy_from_slice(tail);
        *string = ByteString::copy_from(&joined[..total]);
        return;
    }
    edit(string, |bytes| bytes.extend_from_slice(tail));
}

/// Writes `patch` over the bytes from `offset` on. Where the string ends before, zeros fill the gap.
pub(crate) fn overwrite(string: &mut ByteString, offset: usize, patch: &[u8]) {
    edit(string, |bytes| {
        let end = offset + patch.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(patch);
    });
}

/// Changes the bytes of a string: in its own buffer, or in a copy while somebody else reads that.
fn edit(string: &mut ByteString, change: impl FnOnce(&mut BytesMut)) {
    let mut bytes =
        Bytes::from(std::mem::take(string)).try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
    change(&mut bytes);
    *string = bytes.freeze().into();
}

/// `int` for the text of an integer, `embstr` for other short strings, `raw` for long ones.
pub(super) fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        bytes if is_integer(bytes) => "int",
        bytes if bytes.len() <= EMBEDDED => "embstr",
        _ => "raw",
    }
}

/// Whether the bytes are what an `i64` is written as.
fn is_integer(bytes: &[u8]) -> bool {
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
    parsed.is_some_and(|number| itoa::Buffer::new().format(number).as_bytes() == bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_those_of_redis() {
        for (bytes, name) in [("10", "int"), ("-1", "int"), ("010", "embstr"), ("+1", "embstr"), ("", "embstr")] {
            assert_eq!(encoding(bytes.as_bytes()), name, "{bytes}");
        }
        assert_eq!(encoding(&[b'x'; 44]), "embstr");
        assert_eq!(encoding(&[b'x'; 45]), "raw");
        assert_eq!(encoding(b"9223372036854775808"), "embstr");
    }

    #[test]
    fn an_append_copies_the_string_seldom() {
        let mut string = ByteString::default();
        let (mut moves, mut place) = (0, std::ptr::null());
        for step in 0..100_000 {
            append(&mut string, &[step as u8]);
            moves += usize::from(std::mem::replace(&mut place, string.as_ptr()) != string.as_ptr());
        }
        assert!(string.iter().enumerate().all(|(step, byte)| *byte == step as u8));
        assert!(moves < 200, "moved {moves} times");
    }

    #[test]
    fn a_change_leaves_readers_of_the_old_bytes_alone() {
        let mut string = ByteString::from(vec![b'a'; 100]);
        let reader = string.clone();
        append(&mut string, b"b");
        overwrite(&mut string, 0, b"c");
        assert_eq!(&reader[..], [b'a'; 100]);
        assert_eq!((string.len(), string[0], string[100]), (101, b'c', b'b'));
    }

    #[test]
    fn a_gap_is_filled_with_zeros() {
        let mut string = ByteString::from("ab");
        overwrite(&mut string, 4, b"cd");
        assert_eq!(&string[..], b"ab\0\0cd");
        overwrite(&mut string, 1, b"x");
        assert_eq!(&string[..], b"ax\0\0cd");
    }
}
