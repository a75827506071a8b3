//! [`Element`]: one element of a collection, as it is stored.

use std::ops::Deref;

use kvstore_protocol::parse_integer;

/// The length of the longest text of an integer.
const MAX_DIGITS: usize = 20;

/// An element of a collection: an integer if its text is one, else a string.
///
/// `Bytes` never holds the text of an integer, so elements are equal exactly if their texts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Element<'a> {
    /// A string.
    Bytes(&'a [u8]),
    /// A string that is the text of this integer.
    Integer(i64),
}

impl<'a> Element<'a> {
    /// The element with this text.
    #[inline]
    pub(crate) fn new(text: &'a [u8]) -> Self {
        parse_integer(text).map_or(Self::Bytes(text), Self::Integer)
    }

    /// The length of the text.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Integer(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
                digits as usize + usize::from(value < 0)
            }
        }
    }

    /// The value of an integer.
    pub(crate) fn as_integer(self) -> Option<i64> {
        match self {
            Self::Bytes(_) => None,
            Self::Integer(value) => Some(value),
        }
    }

    /// The text, which is borrowed for a string.
    #[inline]
    pub(crate) fn text(self) -> Text<'a> {
        match self {
            Self::Bytes(bytes) => Text(Repr::Borrowed(bytes)),
            Self::Integer(value) => Text(Repr::digits(value)),
        }
    }
}

/// Whether the text is equal. For many comparisons with the same text, make an `Element` of it once.
impl PartialEq<[u8]> for Element<'_> {
    fn eq(&self, text: &[u8]) -> bool {
        match self {
            Self::Bytes(bytes) => *bytes == text,
            Self::Integer(value) => parse_integer(text) == Some(*value),
        }
    }
}

/// The text of an [`Element`].
#[derive(Clone, Debug)]
pub(crate) struct Text<'a>(Repr<'a>);

#[derive(Clone, Debug)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Digits { buffer: [u8; MAX_DIGITS], len: u8 },
}

impl Repr<'_> {
    fn digits(value: i64) -> Self {
        let mut formatter = itoa::Buffer::new();
        let text = formatter.format(value).as_bytes();
        let mut buffer = [0; MAX_DIGITS];
        buffer[..text.len()].copy_from_slice(text);
        Self::Digits { buffer, len: text.len() as u8 }
    }
}

impl Deref for Text<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Digits { buffer, len } => &buffer[..usize::from(*len)],
        }
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_text_of_an_integer_is_one() {
        for value in [0, 1, -1, 10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1] {
            assert_eq!(Element::new(value.to_string().as_bytes()), Element::Integer(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "-01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "a1",
            "1.0",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "18446744073709551616",
            "-99999999999999999999",
        ] {
            assert_eq!(Element::new(text.as_bytes()), Element::Bytes(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_text_of_an_element_is_what_it_was_made_of() {
        for text in ["0", "9", "10", "-1", "-10", "99", "100", "9223372036854775807", "-9223372036854775808", "", "a"] {
            let element = Element::new(text.as_bytes());
            assert_eq!(&*element.text(), text.as_bytes());
            assert_eq!(element.len(), text.len(), "{text}");
            assert!(element == *text.as_bytes());
            assert!(element != b"x"[..]);
        }
        assert!(Element::Integer(1) != b"01"[..]);
    }
}
