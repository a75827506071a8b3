//! [`Walk`]: finds where something ends whose bytes come in one after another.

use super::{
    super::length::{COMPRESSED, Head, INTEGER_8, INTEGER_16, INTEGER_32},
    layout::Part,
};

/// The lengths in front of a score as a text that stand for numbers without one.
const SCORES_WITHOUT_TEXT: std::ops::RangeInclusive<u8> = 253..=255;

/// The codes of what a module has saved.
const MODULE_END: u64 = 0;
const MODULE_INTEGERS: std::ops::RangeInclusive<u64> = 1..=2;
const MODULE_FLOAT: u64 = 3;
const MODULE_DOUBLE: u64 = 4;
const MODULE_STRING: u64 = 5;

/// Why a walk does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There must be so many bytes at least.
    More(u64),
    /// The bytes are not valid.
    Invalid(&'static str),
}

/// A walk over parts. It goes on where it was when there are more bytes.
#[derive(Debug)]
pub(super) struct Walk {
    frames: Vec<Frame>,
    /// Where the next part begins.
    at: usize,
}

/// Parts that are walked over.
#[derive(Clone, Copy, Debug)]
struct Frame {
    parts: &'static [Part],
    next: usize,
    /// How often they come, with this time.
    times: u64,
}

impl Walk {
    /// A walk over these parts, behind `at` bytes.
    pub(super) fn new(parts: &'static [Part], at: usize) -> Self {
        Self { frames: vec![Frame { parts, next: 0, times: 1 }], at }
    }

    /// The same over these and then those.
    pub(super) fn over([these, those]: [&'static [Part]; 2], at: usize) -> Self {
        Self { frames: [those, these].map(|parts| Frame { parts, next: 0, times: 1 }).to_vec(), at }
    }

    /// Walks to the end of the parts, and returns where that is.
    ///
    /// # Errors
    /// If there are not enough bytes, or they are not valid.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        while let Some(frame) = self.frames.last_mut() {
            match frame.parts.get(frame.next) {
                Some(part) => self.step(*part, bytes)?,
                None if frame.times > 1 => (frame.next, frame.times) = (0, frame.times - 1),
                None => drop(self.frames.pop()),
            }
        }
        Ok(self.at)
    }

    /// Walks over one part. Nothing has changed if it is not whole.
    fn step(&mut self, part: Part, bytes: &[u8]) -> Result<(), Stop> {
        let mut cursor = Cursor { bytes, at: self.at };
        let mut inner = None;
        let mut is_done = true;
        match part {
            Part::String => cursor.skip_string()?,
            Part::Length => _ = cursor.length()?,
            Part::Bytes(len) => cursor.skip(len as u64)?,
            Part::Score => cursor.skip_score()?,
            Part::Each(parts) => inner = Some(Frame { parts, next: 0, times: cursor.length()? }),
            Part::Module => is_done = cursor.skip_of_module()?,
        }
        self.at = cursor.at;
        if let Some(frame) = self.frames.last_mut() {
            frame.next += usize::from(is_done);
        }
        self.frames.extend(inner.filter(|frame| frame.times > 0));
        Ok(())
    }
}

/// A place in bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, len: u64) -> Result<(), Stop> {
        let end = (self.at as u64).checked_add(len).ok_or(Stop::Invalid("a length is too large"))?;
        if end > self.bytes.len() as u64 {
            return Err(Stop::More(end));
        }
        self.at = end as usize;
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        self.skip(1)?;
        Ok(self.bytes[self.at - 1])
    }

    fn head(&mut self) -> Result<Head, Stop> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let (before, first) = (rest.len(), rest.first().copied());
        let head = Head::read(&mut rest).ok_or(match first {
            Some(0x82..=0xBF) => Stop::Invalid("a length is not valid"),
            _ => Stop::More(self.bytes.len() as u64 + 1),
        })?;
        self.at += before - rest.len();
        Ok(head)
    }

    fn length(&mut self) -> Result<u64, Stop> {
        match self.head()? {
            Head::Length(length) => Ok(length),
            Head::Encoded(_) => Err(Stop::Invalid("a string is where a length should be")),
        }
    }

    fn skip_string(&mut self) -> Result<(), Stop> {
        let len = match self.head()? {
            Head::Length(len) => len,
            Head::Encoded(INTEGER_8) => 1,
            Head::Encoded(INTEGER_16) => 2,
            Head::Encoded(INTEGER_32) => 4,
            Head::Encoded(COMPRESSED) => {
                let len = self.length()?;
                self.length()?;
                len
            }
            Head::Encoded(_) => return Err(Stop::Invalid("the encoding of a string is not known")),
        };
        self.skip(len)
    }

    fn skip_score(&mut self) -> Result<(), Stop> {
        let len = self.byte()?;
        self.skip(if SCORES_WITHOUT_TEXT.contains(&len) { 0 } else { len.into() })
    }

    /// Skips a code of a module and what is behind it. Whether that was the last one.
    fn skip_of_module(&mut self) -> Result<bool, Stop> {
        let code = self.length()?;
        match code {
            MODULE_END => {}
            code if MODULE_INTEGERS.contains(&code) => _ = self.length()?,
            MODULE_FLOAT => self.skip(4)?,
            MODULE_DOUBLE => self.skip(8)?,
            MODULE_STRING => self.skip_string()?,
            _ => return Err(Stop::Invalid("the code of a module is not known")),
        }
        Ok(code == MODULE_END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_on_where_it_was() {
        const PARTS: &[Part] = &[Part::String, Part::Each(&[Part::Length, Part::Bytes(2)]), Part::Module];
        let bytes = b"\x01k\x02\x05ab\x40\x50cd\x02\x07\x05\x02xy\0rest";
        let mut walk = Walk::new(PARTS, 0);
        for len in 0..bytes.len() - 4 {
            let stop = walk.find_end(&bytes[..len]);
            assert!(matches!(stop, Err(Stop::More(more)) if more > len as u64), "{len}: {stop:?}");
        }
        assert_eq!(walk.find_end(bytes), Ok(bytes.len() - 4));
    }

    #[test]
    fn a_long_string_says_how_many_bytes_it_needs() {
        let mut walk = Walk::new(&[Part::String], 1);
        assert_eq!(walk.find_end(b"\0\x80\0\x01\0\0"), Err(Stop::More(6 + (1 << 16))));
        assert_eq!(
            Walk::new(&[Part::String], 0).find_end(b"\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
            Err(Stop::Invalid("a length is too large"))
        );
    }
}
