//! [`Sha`]: the SHA-1 of a script, which names it.

use std::fmt;

use sha1::{Digest, Sha1};

/// The SHA-1 of a script.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store) struct Sha([u8; 20]);

impl Sha {
    pub(in crate::store) fn of(bytes: &[u8]) -> Self {
        Self(Sha1::digest(bytes).into())
    }

    /// Parses 40 hexadecimal digits of either case.
    pub(in crate::store) fn parse(text: &[u8]) -> Option<Self> {
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != 20 || !rest.is_empty() {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// The digits, in lower case.
    pub(in crate::store) fn hex(&self) -> [u8; 40] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 40];
        for (digits, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        text
    }
}

fn digit(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_forty_digits_of_either_case() {
        let sha = Sha::of(b"return 1");
        assert_eq!(sha.to_string(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(&sha.hex(), sha.to_string().as_bytes());
        assert_eq!(Sha::parse(sha.to_string().to_uppercase().as_bytes()), Some(sha));
        for wrong in ["", "e0", &sha.to_string()[1..], &format!("{sha}0"), &format!("g{}", &sha.to_string()[1..])] {
            assert_eq!(Sha::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
