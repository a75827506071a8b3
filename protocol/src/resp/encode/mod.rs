//! Responses and commands to bytes.

mod command;
mod packed;
mod response;

pub use command::{encode_command, encode_command_head};
pub(crate) use response::encode_item;
pub use response::encode_response;

use bytes::{BufMut, BytesMut};

use crate::{ByteString, Output, output::SHARED};

/// The most bytes that the line in front of a bulk and the line end behind it take.
const LINES: usize = 32;

/// Appends the line in front of a bulk of `length` bytes. The caller appends the bytes, then calls [`encode_bulk_end`].
///
/// Returns false, and appends nothing, when the length is over 2^63 - 1.
///
/// ```
/// use kvstore_protocol::{Output, resp};
///
/// let mut output = Output::default();
/// assert!(resp::encode_bulk_head(5, &mut output));
/// output.bytes().extend_from_slice(b"value");
/// resp::encode_bulk_end(&mut output);
/// assert_eq!(&output.bytes()[..], b"$5\r\nvalue\r\n");
/// ```
#[must_use]
pub fn encode_bulk_head(length: u64, output: &mut Output) -> bool {
    let Ok(length) = i64::try_from(length) else { return false };
    number(b'$', length, output.bytes());
    true
}

/// Appends the line end behind the bytes of a bulk.
pub fn encode_bulk_end(output: &mut Output) {
    output.bytes().put_slice(b"\r\n");
}

#[inline]
pub(crate) fn bulk(bytes: &ByteString, output: &mut Output) {
    let Some((padded, length)) = bytes.inline() else { return shared_bulk(bytes, output) };
    let output = output.bytes();
    // Room for all of it at once.
    output.reserve(padded.len() + LINES);
    number(b'$', length as i64, output);
    let end = output.len() + length;
    output.extend_from_slice(padded);
    output.truncate(end);
    output.extend_from_slice(b"\r\n");
}

/// A bulk of bytes that are not shared. A long one gets a part of its own, so that the buffer does not double for it.
#[inline]
pub(crate) fn bulk_bytes(bytes: &[u8], output: &mut Output) {
    if bytes.len() >= SHARED {
        return shared_bulk(&ByteString::from(bytes), output);
    }
    let output = output.bytes();
    output.reserve(bytes.len() + LINES);
    number(b'$', bytes.len() as i64, output);
    output.extend_from_slice(bytes);
    output.extend_from_slice(b"\r\n");
}

/// A bulk whose bytes are in a shared buffer. A long one is appended by reference.
fn shared_bulk(bytes: &ByteString, output: &mut Output) {
    if bytes.len() < SHARED {
        output.bytes().reserve(bytes.len() + LINES);
    }
    number(b'$', bytes.len() as i64, output.bytes());
    output.append(bytes);
    output.bytes().put_slice(b"\r\n");
}

/// `:42` and its line end, appended at once.
#[inline]
pub(crate) fn number(kind: u8, number: i64, output: &mut BytesMut) {
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => output.extend_from_slice(&[kind, b'0' + digit, b'\r', b'\n']),
        Ok(small @ 10..=99) => {
            output.extend_from_slice(&[kind, b'0' + small / 10, b'0' + small % 10, b'\r', b'\n']);
        }
        _ => long_number(kind, number, output),
    }
}

fn long_number(kind: u8, number: i64, output: &mut BytesMut) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number).as_bytes();
    let mut line = [0; 24];
    line[0] = kind;
    line[1..=digits.len()].copy_from_slice(digits);
    line[digits.len() + 1..digits.len() + 3].copy_from_slice(b"\r\n");
    output.put_slice(&line[..digits.len() + 3]);
}
