//! [`RequestDecoder`]: arrays of bulks, and inline commands, to commands.

mod run;
#[cfg(test)]
mod tests;

use bytes::{Buf, BytesMut};

use super::{foreign, inline};
use crate::{Command, Limits, ProtocolError, Run, StreamOver, Word, parse_integer};
use run::find_request;

/// For how many words room is kept from request to request.
const KEPT: usize = 64;

/// How long the line of a length may be, as in Redis. What it says is looked at when its end is there.
const LONGEST_LINE: usize = 64 * 1024;

/// Stands for the words that are left when the rest of a request goes past the decoder: then its CR LF comes.
const PASSED: usize = usize::MAX;

/// Decodes the requests of a RESP client, in whatever pieces they arrive.
///
/// What was understood of an unfinished request is kept, so that every byte is looked at once or twice however the
/// request is cut. Nothing is allocated for a length that was only announced.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Command, resp::RequestDecoder};
///
/// let mut decoder = RequestDecoder::default();
/// let mut input = BytesMut::from("*2\r\n$3\r\nGET\r\n$3\r\nk");
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// input.extend_from_slice(b"ey\r\nPING\r\n");
/// assert_eq!(decoder.decode(&mut input), Ok(Some(Command::get("key"))));
/// assert_eq!(decoder.decode(&mut input), Ok(Some(Command::ping())));
/// ```
#[derive(Debug, Default)]
pub struct RequestDecoder {
    limits: Limits,
    /// How many words of the array are still to come; 0 between requests, [`PASSED`] behind a word that was passed.
    words_left: usize,
    /// The words that have come; kept from request to request for its room.
    words: Vec<Word>,
    /// How far the input was understood.
    at: usize,
    /// How far an unfinished line was searched for its end.
    searched: usize,
    missing: usize,
}

impl RequestDecoder {
    /// The bounds from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How many bytes are missing at least for the next step.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one whole request off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes are no request, or one over the limits. The stream ends there.
    #[inline]
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Command>, ProtocolError> {
        loop {
            if self.words_left == 0 {
                match input.first() {
                    None => return Ok(self.wait_for(1)),
                    Some(b'*') => {}
                    Some(_) => match self.decode_inline(input)? {
                        Line::Unfinished => return Ok(self.wait_for(1)),
                        Line::Empty => continue,
                        Line::Command(command) => return Ok(Some(command)),
                    },
                }
                let Some((count, next)) = self.decode_count(input)? else { return Ok(self.wait_for(1)) };
                // As Redis does: an array of nothing asks for nothing.
                if count == 0 {
                    input.advance(next);
                    continue;
                }
                (self.words_left, self.at) = (count, next);
            }
            if self.words_left == PASSED {
                match self.decode_line_end(input)? {
                    true => continue,
                    false => return Ok(None),
                }
            }
            return self.decode_words(input);
        }
    }

    /// Takes the front of a request whose last word has begun and not ended, without that word, when it is longer than
    /// `over` says for the name of the command; and tells its length. It lies at the front of `input` then, as much of it as
    /// has come: whoever calls this takes all of it off, before the next [`decode`](Self::decode) finds its end.
    ///
    /// ```
    /// use bytes::{Buf, BytesMut};
    /// use kvstore_protocol::{Command, resp::RequestDecoder};
    ///
    /// let mut decoder = RequestDecoder::default();
    /// let mut input = BytesMut::from("*3\r\n$3\r\nPUT\r\n$1\r\nk\r\n$5\r\nval");
    /// assert_eq!(decoder.decode(&mut input), Ok(None));
    /// let head = decoder.decode_head(&mut input, &|name| (name == b"PUT").then_some(4));
    /// assert_eq!(head, Some((Command::new("PUT").arg("k"), 5)));
    /// assert_eq!(input, "val");
    /// input.advance(3);
    /// input.extend_from_slice(b"ue\r\n");
    /// input.advance(2);
    /// assert_eq!(decoder.decode(&mut input), Ok(None));
    /// assert!(input.is_empty());
    /// ```
    #[cold]
    pub fn decode_head(&mut self, input: &mut BytesMut, over: StreamOver<'_>) -> Option<(Command, u64)> {
        if self.words_left != 1 {
            return None;
        }
        let over = over(&input[self.words.first()?.range()])?;
        let (length, start) = self.decode_length(input).ok()??;
        // Within the bounds, or `decode` would have said so.
        if length <= over {
            return None;
        }
        let command = Command::from_checked(input.split_to(start).freeze(), &self.words);
        self.start_anew();
        self.words_left = PASSED;
        Some((command, length as u64))
    }

    /// Takes the line end behind a word that was passed. False when it has not all come.
    #[cold]
    fn decode_line_end(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        match input.get(..2) {
            Some(b"\r\n") => {
                input.advance(2);
                self.words_left = 0;
                Ok(true)
            }
            Some(_) => Err(ProtocolError::ExpectedCrlf),
            None => {
                self.missing = 2 - input.len();
                Ok(false)
            }
        }
    }

    /// Finds the requests that lie whole at the front of `input`, and adds them to `run`; `take` says after each whether
    /// another one is wanted. Stops at whatever [`decode`](Self::decode) must look at: half a request, a line, a mistake.
    ///
    /// ```
    /// use kvstore_protocol::{Run, resp::RequestDecoder};
    ///
    /// let (decoder, mut run) = (RequestDecoder::default(), Run::default());
    /// let input = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGE";
    /// decoder.decode_run(input, &mut run, |name| name == b"PING" || name == b"GET");
    /// assert_eq!((run.len(), run.bytes()), (2, 34));
    /// ```
    #[inline]
    pub fn decode_run(&self, input: &[u8], run: &mut Run, mut take: impl FnMut(&[u8]) -> bool) {
        if self.words_left > 0 || self.searched > 0 {
            return;
        }
        let limits = self.limits;
        while let Some((name, end)) = find_request(input, run, &limits) {
            run.end_request(end);
            if !take(name) || run.is_full() {
                return;
            }
        }
    }

    fn wait_for(&mut self, bytes: usize) -> Option<Command> {
        self.missing = bytes;
        None
    }

    fn decode_count(&mut self, input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        let Some(line) = self.find_line(input, 0, ProtocolError::TooBigMultibulkCount)? else { return Ok(None) };
        let count = parse_integer(line.number).and_then(|count| i32::try_from(count.max(0)).ok());
        let count = count.ok_or(ProtocolError::InvalidMultibulkLength)? as usize;
        if count > self.limits.args() {
            return Err(match self.limits.is_authenticated() {
                true => ProtocolError::InvalidMultibulkLength,
                false => ProtocolError::UnauthenticatedMultibulkLength,
            });
        }
        Ok(Some((count, line.next()?)))
    }

    /// Finds the line of a length, which starts at `start` and ends with the first CR and one more byte.
    ///
    /// # Errors
    /// `too_long` when the line has no end within its limit.
    fn find_line<'a>(
        &mut self,
        input: &'a [u8],
        start: usize,
        too_long: ProtocolError,
    ) -> Result<Option<LengthLine<'a>>, ProtocolError> {
        let from = self.searched.max(start);
        let end =
            memchr::memchr(b'\r', input.get(from..).unwrap_or_default()).map_or(input.len(), |found| from + found);
        if end - start > LONGEST_LINE {
            return Err(too_long);
        }
        self.searched = end;
        let Some(last) = input.get(end + 1) else { return Ok(None) };
        self.searched = 0;
        Ok(Some(LengthLine { number: input.get(start + 1..end).unwrap_or_default(), end, has_lf: *last == b'\n' }))
    }

    #[inline]
    fn decode_words(&mut self, input: &mut BytesMut) -> Result<Option<Command>, ProtocolError> {
        while self.words_left > 0 {
            let Some((length, start)) = self.decode_length(input)? else { return Ok(self.wait_for(1)) };
            let end = start + length;
            if end + 2 > self.limits.request() {
                return Err(ProtocolError::TooBigRequest);
            }
            match input.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(ProtocolError::ExpectedCrlf),
                None => {
                    let missing = end + 2 - input.len();
                    return Ok(self.wait_for(missing));
                }
            }
            self.words.push(Word::within(start..end));
            self.at = end + 2;
            self.words_left -= 1;
        }
        let frame = input.split_to(self.at).freeze();
        let command = Command::from_checked(frame, &self.words);
        self.start_anew();
        Ok(Some(command))
    }

    #[inline]
    fn start_anew(&mut self) {
        self.at = 0;
        self.words.clear();
        if self.words.capacity() > KEPT {
            self.words.shrink_to(KEPT);
        }
    }

    #[inline]
    fn decode_length(&mut self, input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        let Some(line) = self.find_line(input, self.at, ProtocolError::TooBigBulkCount)? else { return Ok(None) };
        match input[self.at] {
            b'$' => {}
            other => return Err(ProtocolError::ExpectedBulk(other)),
        }
        let length = parse_integer(line.number).and_then(|length| usize::try_from(length).ok());
        match length.ok_or(ProtocolError::InvalidBulkLength)? {
            length if length <= self.limits.bulk() => Ok(Some((length, line.next()?))),
            length if !self.limits.is_authenticated() && length <= Limits::default().bulk() => {
                Err(ProtocolError::UnauthenticatedBulkLength)
            }
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    fn decode_inline(&mut self, input: &mut BytesMut) -> Result<Line, ProtocolError> {
        if !foreign::check_opening(input)? {
            return Ok(Line::Unfinished);
        }
        let found = memchr::memchr(b'\n', &input[self.searched..]).map(|found| self.searched + found);
        self.searched = found.unwrap_or(input.len());
        if self.searched > self.limits.inline() {
            return Err(ProtocolError::TooBigInline);
        }
        let Some(length) = found else { return Ok(Line::Unfinished) };
        let line = input[..length].strip_suffix(b"\r").unwrap_or(&input[..length]);
        foreign::check_line(line)?;
        let words = inline::split(line)?;
        self.searched = 0;
        let frame = input.split_to(length + 1).freeze();
        // Redis bounds the words of an inline command by the length of its line alone.
        let most = if self.limits.is_authenticated() { self.limits.args() } else { usize::MAX };
        Ok(words.into_command(frame, most)?.map_or(Line::Empty, Line::Command))
    }
}

enum Line {
    Unfinished,
    Empty,
    Command(Command),
}

/// A line that holds a length.
struct LengthLine<'a> {
    /// What stands between the first byte and the CR.
    number: &'a [u8],
    /// Where the CR is.
    end: usize,
    has_lf: bool,
}

impl LengthLine<'_> {
    /// Where the next line starts.
    fn next(&self) -> Result<usize, ProtocolError> {
        if self.has_lf { Ok(self.end + 2) } else { Err(ProtocolError::ExpectedCrlf) }
    }
}
