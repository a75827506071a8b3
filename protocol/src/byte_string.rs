//! [`ByteString`]: the string of a response, inline when it is short and shared when it is long.

use std::{fmt, ops::Deref};

use bytes::{Buf, Bytes, BytesMut};

/// The most bytes that are stored inline.
const INLINE: usize = 71;

/// An immutable string of bytes. Up to 71 bytes are stored inline, more in a shared buffer.
///
/// A [`Response`](crate::Response) holds its strings as these. A short string costs no allocation and no reference count.
/// Cloning a long one shares its buffer.
///
/// ```
/// use kvstore_protocol::ByteString;
///
/// let short = ByteString::from("PONG");
/// assert_eq!(&short[..], b"PONG");
/// assert!(short.shared().is_none());
/// assert!(ByteString::from(vec![b'x'; 1000]).shared().is_some());
/// ```
#[derive(Clone)]
pub struct ByteString(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Inline),
    Shared(Bytes),
}

/// Up to 71 bytes, and their number in the last byte.
///
/// One aligned array of whole words, so that moving it takes no overlapping stores, for which the processor would wait.
/// That took a tenth of a GET.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Inline([u8; INLINE + 1]);

impl Inline {
    #[inline]
    fn copy_from(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE + 1];
        // The length as a whole word, for the same reason.
        if let Some(last) = inline.last_chunk_mut() {
            *last = (bytes.len() as u64).to_be_bytes();
        }
        inline[..bytes.len()].copy_from_slice(bytes);
        Self(inline)
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        &self.0[..usize::from(self.0[INLINE])]
    }
}

impl ByteString {
    /// Copies `bytes`, inline if they fit.
    #[inline]
    pub fn copy_from(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE {
            return Self(Repr::Shared(Bytes::copy_from_slice(bytes)));
        }
        Self(Repr::Inline(Inline::copy_from(bytes)))
    }

    /// Takes the first `length` bytes off `input`.
    #[inline]
    pub(crate) fn take_from(input: &mut BytesMut, length: usize) -> Self {
        if length > INLINE {
            return Self(Repr::Shared(input.split_to(length).freeze()));
        }
        let short = Self::copy_from(&input[..length]);
        input.advance(length);
        short
    }

    /// The decimal digits of a number.
    pub fn from_integer(number: i64) -> Self {
        Self::copy_from(itoa::Buffer::new().format(number).as_bytes())
    }

    /// The inline array and the number of bytes in it. A copy of the whole array has a fixed size, so it needs no call.
    #[inline]
    pub(crate) fn inline(&self) -> Option<(&[u8; INLINE + 1], usize)> {
        match &self.0 {
            Repr::Inline(Inline(bytes)) => Some((bytes, bytes[INLINE].into())),
            Repr::Shared(_) => None,
        }
    }

    /// The shared buffer, if the bytes are in one.
    #[inline]
    pub fn shared(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Inline(_) => None,
            Repr::Shared(bytes) => Some(bytes),
        }
    }
}

impl Default for ByteString {
    fn default() -> Self {
        Self::copy_from(b"")
    }
}

impl Deref for ByteString {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(inline) => inline.as_bytes(),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for ByteString {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_from(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for ByteString {
    fn from(bytes: &[u8; N]) -> Self {
        Self::copy_from(bytes)
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self::copy_from(text.as_bytes())
    }
}

impl From<String> for ByteString {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<Bytes> for ByteString {
    fn from(bytes: Bytes) -> Self {
        // Copied when short, so that a few bytes do not keep a large buffer alive.
        if bytes.len() > INLINE { Self(Repr::Shared(bytes)) } else { Self::copy_from(&bytes) }
    }
}

impl From<ByteString> for Bytes {
    fn from(string: ByteString) -> Self {
        match string.0 {
            Repr::Shared(bytes) => bytes,
            Repr::Inline(_) => Bytes::copy_from_slice(&string),
        }
    }
}

impl PartialEq for ByteString {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for ByteString {}

impl std::hash::Hash for ByteString {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl PartialEq<[u8]> for ByteString {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for ByteString {
    fn eq(&self, other: &&str) -> bool {
        **self == *other.as_bytes()
    }
}

/// The bytes between quotes, escaped unless printable, and cut after 128.
impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(self, 128))
    }
}

/// `bytes` between quotes for a log line or a debugger: escaped, and cut after `limit` bytes.
pub(crate) fn escaped(bytes: &[u8], limit: usize) -> impl fmt::Display + '_ {
    struct Escaped<'a>(&'a [u8], usize);
    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let shown = &self.0[..self.0.len().min(self.1)];
            write!(f, "\"{}\"", shown.escape_ascii())?;
            match self.0.len() - shown.len() {
                0 => Ok(()),
                more => write!(f, "… +{more} bytes"),
            }
        }
    }
    Escaped(bytes, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_strings_are_inline_and_long_ones_shared() {
        assert!(ByteString::from(vec![0; INLINE]).shared().is_none());
        assert!(ByteString::from(vec![0; INLINE + 1]).shared().is_some());
        assert_eq!(size_of::<ByteString>(), 80);
    }

    #[test]
    fn debug_escapes_and_truncates() {
        assert_eq!(format!("{:?}", ByteString::from("a\r\n\0")), r#""a\r\n\x00""#);
        assert!(format!("{:?}", ByteString::from(vec![b'x'; 500])).ends_with("… +372 bytes"));
    }
}
