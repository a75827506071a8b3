//! [`Reader`]: strings and numbers.

use std::borrow::Cow;

use crate::store::{
    rdb::{
        length::{COMPRESSED, Head, INTEGER_8, INTEGER_16, INTEGER_32, take},
        lzf::decompress,
    },
    value::parse_double,
};

/// The lengths in front of a score as a text that stand for numbers without one.
const NOT_A_NUMBER: u8 = 253;
const INFINITE: u8 = 254;
const NEGATIVE_INFINITE: u8 = 255;

/// Reads bytes from the front to the end. `None` is returned for what is not there, or not valid.
#[derive(Clone, Debug)]
pub(in crate::store::rdb) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(in crate::store::rdb) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The number of bytes that are left.
    pub(in crate::store::rdb) fn len(&self) -> usize {
        self.rest.len()
    }

    /// The bytes that are left.
    pub(in crate::store::rdb) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(in crate::store::rdb) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(in crate::store::rdb) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        take(&mut self.rest)
    }

    pub(in crate::store::rdb) fn bytes(&mut self, len: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// A length, or the number of elements of a collection.
    pub(in crate::store::rdb) fn length(&mut self) -> Option<u64> {
        match Head::read(&mut self.rest)? {
            Head::Length(length) => Some(length),
            Head::Encoded(_) => None,
        }
    }

    /// A string in any of its encodings.
    pub(in crate::store::rdb) fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        let integer = match Head::read(&mut self.rest)? {
            Head::Length(len) => return self.bytes(len).map(Cow::Borrowed),
            Head::Encoded(COMPRESSED) => return self.compressed().map(Cow::Owned),
            Head::Encoded(INTEGER_8) => i8::from_le_bytes(self.array()?).into(),
            Head::Encoded(INTEGER_16) => i16::from_le_bytes(self.array()?).into(),
            Head::Encoded(INTEGER_32) => i32::from_le_bytes(self.array()?),
            Head::Encoded(_) => return None,
        };
        Some(Cow::Owned(itoa::Buffer::new().format(integer).as_bytes().to_vec()))
    }

    /// A score.
    pub(in crate::store::rdb) fn double(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes).filter(|score| !score.is_nan())
    }

    /// A score as a text.
    pub(in crate::store::rdb) fn double_text(&mut self) -> Option<f64> {
        match self.byte()? {
            NOT_A_NUMBER => None,
            INFINITE => Some(f64::INFINITY),
            NEGATIVE_INFINITE => Some(f64::NEG_INFINITY),
            len => parse_double(self.bytes(len.into())?),
        }
    }

    fn compressed(&mut self) -> Option<Vec<u8>> {
        let (shorter, len) = (self.length()?, self.length()?);
        decompress(self.bytes(shorter)?, usize::try_from(len).ok()?)
    }
}
