//! [`Reference`]: a pattern of BY or GET.

use kvstore_protocol::{ByteString, CommandError};

use crate::store::{call::Call, value::Hash};

/// A string that belongs to an element: a pattern in which the element replaces a star.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// `#`: the element itself.
    Element,
    /// A pattern without a star: there is no such string.
    Nothing,
    /// `prefix*suffix` or `prefix*suffix->field`: the string of a key, or of a field of a hash.
    Key { prefix: &'a [u8], suffix: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Reference<'a> {
    pub(super) fn parse(pattern: &'a [u8]) -> Self {
        if pattern == b"#" {
            return Self::Element;
        }
        let Some(star) = pattern.iter().position(|byte| *byte == b'*') else { return Self::Nothing };
        let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
        match rest.windows(2).position(|pair| pair == b"->") {
            Some(arrow) if arrow + 2 < rest.len() => {
                Self::Key { prefix, suffix: &rest[..arrow], field: Some(&rest[arrow + 2..]) }
            }
            _ => Self::Key { prefix, suffix: rest, field: None },
        }
    }

    /// Whether it is read from a key.
    pub(super) fn is_of_key(self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// The string for an element; `None` if there is none.
    ///
    /// # Errors
    /// `MISCONF` if the shard of the key is sealed.
    pub(super) fn read(self, call: &Call<'_>, element: &[u8]) -> Result<Option<ByteString>, CommandError> {
        match self {
            Self::Element => Ok(Some(ByteString::copy_from(element))),
            Self::Nothing => Ok(None),
            Self::Key { prefix, suffix, field } => {
                let Some(entry) = call.peek_any(&[prefix, element, suffix].concat())? else { return Ok(None) };
                Ok(match field {
                    None => entry.string().ok().map(|string| string.slice(0..string.len())),
                    Some(field) => {
                        call.shown::<Hash>(entry).ok().and_then(|hash| hash.get(field, ByteString::copy_from))
                    }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_star_and_the_first_arrow_behind_it_count() {
        let key = |prefix: &'static str, suffix: &'static str, field: Option<&'static str>| Reference::Key {
            prefix: prefix.as_bytes(),
            suffix: suffix.as_bytes(),
            field: field.map(str::as_bytes),
        };
        for (pattern, expected) in [
            ("#", Reference::Element),
            ("##", Reference::Nothing),
            ("nosort", Reference::Nothing),
            ("", Reference::Nothing),
            ("w->*", key("w->", "", None)),
            ("w*", key("w", "", None)),
            ("*", key("", "", None)),
            ("w*x*y", key("w", "x*y", None)),
            ("w*->f", key("w", "", Some("f"))),
            ("w*x->f->g", key("w", "x", Some("f->g"))),
            ("w*->", key("w", "->", None)),
        ] {
            assert_eq!(Reference::parse(pattern.as_bytes()), expected, "{pattern}");
        }
    }
}
