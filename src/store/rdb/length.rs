//! The encoding of lengths.
//!
//! ```text
//! 00llllll               a length of 6 bits
//! 01llllll l             a length of 14 bits, the most significant first
//! 80 llll, 81 llllllll   a length of 32 or 64 bits, the most significant byte first
//! 11xxxxxx               no length: a string with the encoding x follows
//! ```

const BITS_14: u8 = 0x40;
const BITS_32: u8 = 0x80;
const BITS_64: u8 = 0x81;
const ENCODED: u8 = 0xC0;

/// The encodings of strings: integers of 8, 16 and 32 bits, and a compressed string.
pub(super) const INTEGER_8: u8 = 0;
pub(super) const INTEGER_16: u8 = 1;
pub(super) const INTEGER_32: u8 = 2;
pub(super) const COMPRESSED: u8 = 3;

/// What a string begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    Length(u64),
    /// The encoding of the string.
    Encoded(u8),
}

impl Head {
    /// Reads a head off the front of bytes.
    pub(crate) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(match *first {
            encoded @ ENCODED.. => Self::Encoded(encoded - ENCODED),
            BITS_32 => Self::Length(u32::from_be_bytes(take(bytes)?).into()),
            BITS_64 => Self::Length(u64::from_be_bytes(take(bytes)?)),
            high @ BITS_14..BITS_32 => {
                let [low] = take(bytes)?;
                Self::Length(u16::from_be_bytes([high - BITS_14, low]).into())
            }
            length @ 0..BITS_14 => Self::Length(length.into()),
            _ => return None,
        })
    }

    /// Appends the head to a buffer.
    pub(crate) fn write(self, buffer: &mut Vec<u8>) {
        match self {
            Self::Encoded(encoding) => buffer.push(ENCODED | encoding),
            Self::Length(length @ 0..0x40) => buffer.push(length as u8),
            Self::Length(length @ 0x40..0x4000) => {
                buffer.extend_from_slice(&[BITS_14 | (length >> 8) as u8, length as u8]);
            }
            Self::Length(length) => match u32::try_from(length) {
                Ok(length) => {
                    buffer.push(BITS_32);
                    buffer.extend_from_slice(&length.to_be_bytes());
                }
                Err(_) => {
                    buffer.push(BITS_64);
                    buffer.extend_from_slice(&length.to_be_bytes());
                }
            },
        }
    }
}

/// Takes so many bytes off the front.
pub(crate) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_takes_as_few_bytes_as_it_can() {
        for (length, expected) in [
            (0, &b"\x00"[..]),
            (63, b"\x3F"),
            (64, b"\x40\x40"),
            (16_383, b"\x7F\xFF"),
            (16_384, b"\x80\x00\x00\x40\x00"),
            (u32::MAX.into(), b"\x80\xFF\xFF\xFF\xFF"),
            (1 << 32, b"\x81\x00\x00\x00\x01\x00\x00\x00\x00"),
            (u64::MAX, b"\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
        ] {
            let mut written = Vec::new();
            Head::Length(length).write(&mut written);
            assert_eq!(written, expected);
            assert_eq!(Head::read(&mut &written[..]), Some(Head::Length(length)));
            assert!((0..written.len()).all(|len| Head::read(&mut &written[..len]).is_none()));
        }
    }

    #[test]
    fn what_is_no_length_is_an_encoding_or_refused() {
        assert_eq!(Head::read(&mut &b"\xC3"[..]), Some(Head::Encoded(COMPRESSED)));
        assert_eq!(Head::read(&mut &b"\xFF"[..]), Some(Head::Encoded(63)));
        assert_eq!(Head::read(&mut &b"\x82\0\0\0\0\0\0\0\0"[..]), None);
        assert_eq!(Head::read(&mut &b"\xBF\0\0\0\0\0\0\0\0"[..]), None);
    }
}
