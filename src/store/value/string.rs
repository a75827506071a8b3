//! Strings: how they are read and stored, and the names of their encodings.

use std::ops::{Deref, Range};

use kvstore_protocol::{ByteString, Response};

use super::{ExternalString, NewValue, Value};

/// The longest inline string: one that is stored in the record of its entry. There it takes less memory than an external
/// value, and is accessed without another cache miss.
pub(crate) const MAX_INLINE: usize = 224;

/// The encoding of a string that was modified in place, for OBJECT ENCODING.
pub(crate) const EDITED_ENCODING: &str = "raw";

/// The longest string that Redis allocates together with its header.
const MAX_EMBEDDED: usize = 44;

/// A reference to a stored string: the bytes in the record of its entry, or an external buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StringRef<'a> {
    Inline(&'a [u8]),
    External(&'a ExternalString),
}

impl StringRef<'_> {
    /// A part of the bytes: copied from the record, or shared with the external buffer.
    pub(crate) fn slice(&self, range: Range<usize>) -> ByteString {
        match self {
            Self::Inline(bytes) => ByteString::copy_from(&bytes[range]),
            Self::External(string) => string.slice(range),
        }
    }
}

impl Deref for StringRef<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::External(bytes) => bytes,
        }
    }
}

impl StringRef<'_> {
    /// The response for a string; nil for none.
    #[inline(always)]
    pub(crate) fn answer(string: Option<Self>) -> Response {
        // Each variant constructs its response where it is returned: moved less often than by conversions in a row.
        match string {
            None => Response::Null,
            Some(StringRef::Inline(bytes)) => Response::Bulk(ByteString::copy_from(bytes)),
            Some(StringRef::External(string)) => Response::Bulk(string.to_reply()),
        }
    }
}

impl<'a> From<&'a [u8]> for NewValue<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        if bytes.len() <= MAX_INLINE {
            return Self::Inline(bytes);
        }
        Self::External(Value::String(bytes.into()))
    }
}

/// Takes the buffer of a long string.
impl<'a> From<&'a mut Vec<u8>> for NewValue<'a> {
    fn from(bytes: &'a mut Vec<u8>) -> Self {
        if bytes.len() <= MAX_INLINE {
            return Self::Inline(bytes);
        }
        Self::External(Value::String(std::mem::take(bytes).into()))
    }
}

/// A long string keeps its buffer.
impl<'a> From<&'a ByteString> for NewValue<'a> {
    fn from(string: &'a ByteString) -> Self {
        match string.shared() {
            Some(bytes) if bytes.len() > MAX_INLINE => {
                Self::External(Value::String(ExternalString::adopt(bytes.clone())))
            }
            _ => Self::Inline(string),
        }
    }
}

/// `int` for the decimal form of an integer, `embstr` for other short strings, `raw` for long ones.
pub(crate) fn encoding(bytes: &[u8]) -> &'static str {
    match bytes {
        bytes if is_integer(bytes) => "int",
        bytes if bytes.len() <= MAX_EMBEDDED => "embstr",
        _ => "raw",
    }
}

/// Whether the bytes are the decimal form of an `i64`.
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
    fn a_response_holds_a_string_without_an_allocation_up_to_a_length() {
        assert!(ByteString::copy_from(&[0; 71]).shared().is_none());
        assert!(ByteString::copy_from(&[0; 72]).shared().is_some());
    }
}
