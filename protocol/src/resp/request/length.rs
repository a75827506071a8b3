//! The lines that hold a length: `*3` in front of a request, `$5` in front of a bulk.

use crate::{Limits, ProtocolError, parse_integer};

/// How long such a line may be, as in Redis. Its length is parsed when the line has ended.
const LONGEST: usize = 64 * 1024;

/// Where the search for the end of an unfinished line goes on, so that each byte is searched once.
#[derive(Debug, Default)]
pub(super) struct LineSearch {
    searched: usize,
}

impl LineSearch {
    /// Whether no unfinished line was searched.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.searched == 0
    }

    /// Finds the LF of the line at the front of `input`.
    ///
    /// # Errors
    /// [`ProtocolError::TooBigInline`] when there is none within `limit` bytes.
    pub(super) fn find_lf(&mut self, input: &[u8], limit: usize) -> Result<Option<usize>, ProtocolError> {
        let found = memchr::memchr(b'\n', &input[self.searched..]).map(|found| self.searched + found);
        self.searched = found.unwrap_or(input.len());
        if self.searched > limit {
            return Err(ProtocolError::TooBigInline);
        }
        if found.is_some() {
            self.searched = 0;
        }
        Ok(found)
    }

    /// Finds the line of a length that starts at `start`. It ends with the first CR and one more byte.
    ///
    /// # Errors
    /// `too_long` when there is no CR within the limit.
    pub(super) fn find_length<'a>(
        &mut self,
        input: &'a [u8],
        start: usize,
        too_long: ProtocolError,
    ) -> Result<Option<LengthLine<'a>>, ProtocolError> {
        let from = self.searched.max(start);
        let cr = memchr::memchr(b'\r', input.get(from..).unwrap_or_default());
        let cr = cr.map_or(input.len(), |found| from + found);
        if cr - start > LONGEST {
            return Err(too_long);
        }
        self.searched = cr;
        let Some(last) = input.get(cr + 1) else { return Ok(None) };
        self.searched = 0;
        Ok(Some(LengthLine { text: &input[start..cr], next: cr + 2, has_lf: *last == b'\n' }))
    }
}

/// A whole line that holds a length.
pub(super) struct LengthLine<'a> {
    /// What stands in front of the CR.
    text: &'a [u8],
    /// Where the next line starts.
    next: usize,
    has_lf: bool,
}

impl LengthLine<'_> {
    /// The number of arguments of a request, its name included, and where the next line starts. Redis reads a negative
    /// number as 0.
    pub(super) fn count(&self, limits: &Limits) -> Result<(usize, usize), ProtocolError> {
        let count = self.integer().and_then(|count| i32::try_from(count.max(0)).ok());
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)? as usize;
        match count <= limits.args() {
            true => Ok((count, self.next()?)),
            false if limits.is_authenticated() => Err(ProtocolError::InvalidMultibulkLength),
            false => Err(ProtocolError::UnauthenticatedMultibulkLength),
        }
    }

    /// The length of a bulk, and where its bytes start.
    #[inline]
    pub(super) fn bulk(&self, limits: &Limits) -> Result<(usize, usize), ProtocolError> {
        match self.text.first() {
            Some(b'$') => {}
            // The CR itself, in Redis too.
            other => return Err(ProtocolError::ExpectedBulk(*other.unwrap_or(&b'\r'))),
        }
        let length = self.integer().and_then(|length| usize::try_from(length).ok());
        match length.ok_or(ProtocolError::InvalidBulkLength)? {
            length if length <= limits.bulk() => Ok((length, self.next()?)),
            length if !limits.is_authenticated() && length <= Limits::default().bulk() => {
                Err(ProtocolError::UnauthenticatedBulkLength)
            }
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    fn integer(&self) -> Option<i64> {
        parse_integer(self.text.get(1..)?)
    }

    fn next(&self) -> Result<usize, ProtocolError> {
        if self.has_lf { Ok(self.next) } else { Err(ProtocolError::ExpectedCrlf) }
    }
}
