//! [`Comparison`]: the options IFEQ, IFNE, IFDEQ and IFDNE.

use kvstore_protocol::{CommandError, Options};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::{call::Call, value::StringValue};

/// The number of hexadecimal digits of a digest.
const DIGEST_LEN: usize = 16;

/// A comparison of the string of a key with a string, or of its digest with a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comparison<'a> {
    test: Test,
    operand: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    NotEqual,
    DigestEqual,
    DigestNotEqual,
}

impl<'a> Comparison<'a> {
    const KEYWORDS: [(&'static str, Test); 4] = [
        ("IFEQ", Test::Equal),
        ("IFNE", Test::NotEqual),
        ("IFDEQ", Test::DigestEqual),
        ("IFDNE", Test::DigestNotEqual),
    ];

    /// Takes `IFEQ`, `IFNE`, `IFDEQ` or `IFDNE` with its operand, if one of them is next.
    pub(super) fn take(options: &mut Options<'a>) -> Result<Option<Self>, CommandError> {
        for (keyword, test) in Self::KEYWORDS {
            if options.keyword(keyword) {
                return Ok(Some(Self { test, operand: options.value()? }));
            }
        }
        Ok(None)
    }

    /// Whether the string of a key is equal to `operand`.
    pub(super) const fn equal_to(operand: &'a [u8]) -> Self {
        Self { test: Test::Equal, operand }
    }

    /// Whether the comparison is met if the key is missing.
    pub(super) fn admits_missing(self) -> bool {
        matches!(self.test, Test::NotEqual | Test::DigestNotEqual)
    }

    /// Compares the string of the first key; `None` if it is missing.
    ///
    /// # Errors
    /// `WRONGTYPE` if it is no string; if a digest has the wrong length.
    pub(super) fn check(self, call: &mut Call<'_>) -> Result<Option<bool>, CommandError> {
        let length = call.find::<StringValue>(0)?.map_or(0, |string| string.len());
        call.afford(length)?;
        call.find::<StringValue>(0)?.map(|string| self.is_met(&string)).transpose()
    }

    fn is_met(self, string: &[u8]) -> Result<bool, CommandError> {
        Ok(match self.test {
            Test::Equal => string == self.operand,
            Test::NotEqual => string != self.operand,
            Test::DigestEqual => self.has_digest_of(string)?,
            Test::DigestNotEqual => !self.has_digest_of(string)?,
        })
    }

    fn has_digest_of(self, string: &[u8]) -> Result<bool, CommandError> {
        if self.operand.len() != DIGEST_LEN {
            return Err(CommandError::new("ERR", "must be exactly 16 hexadecimal characters"));
        }
        Ok(digest(string).as_bytes().eq_ignore_ascii_case(self.operand))
    }
}

/// The digest of a string: XXH3 with 64 bits, in hexadecimal digits.
pub(super) fn digest(string: &[u8]) -> String {
    format!("{:0DIGEST_LEN$x}", xxh3_64(string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_redis() {
        for (string, expected) in [
            ("hello", "9555e8555c62dcfd"),
            ("", "2d06800538d394c2"),
            ("123", "404a763b3f4c8c9a"),
            ("v8", "0cc76dbb41381419"),
        ] {
            assert_eq!(digest(string.as_bytes()), expected, "{string}");
        }
    }
}
