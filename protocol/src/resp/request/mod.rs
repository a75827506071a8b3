//! [`RequestDecoder`]: arrays of bulks and inline commands to commands.

mod batch;
mod length;
#[cfg(test)]
mod tests;

use bytes::{Buf, BytesMut};

use super::{foreign, inline};
use crate::{Command, Limits, ProtocolError, RequestBatch, StreamOver, Word, catalog::CommandId};
use batch::find_request;
use length::LineSearch;

/// For how many arguments memory is kept between requests.
const KEPT: usize = 64;

/// From how many arguments on they are moved and not copied.
const MANY: usize = 4096;

/// Decodes the requests of a RESP client, in whatever pieces they arrive.
///
/// The decoder remembers how far it has understood an unfinished request, so each byte is read once or twice however the
/// request is cut. Memory is allocated for bytes that have arrived, never for a length that was only announced.
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Command, resp::RequestDecoder};
///
/// let mut decoder = RequestDecoder::default();
/// let mut input = BytesMut::from("*2\r\n$3\r\nGET\r\n$3\r\nk");
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// input.extend_from_slice(b"ey\r\nPING\r\n");
/// assert_eq!(decoder.decode(&mut input), Ok(Some(Command::new("GET").arg("key"))));
/// assert_eq!(decoder.decode(&mut input), Ok(Some(Command::new("PING"))));
/// ```
#[derive(Debug, Default)]
pub struct RequestDecoder {
    limits: Limits,
    /// What is expected at the front of the input.
    expected: Expected,
    /// The words of the current request that have arrived. Cleared and reused, for its memory.
    words: Vec<Word>,
    /// Where the next word of the current request starts.
    at: usize,
    line: LineSearch,
    missing: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    /// A request.
    #[default]
    Request,
    /// Request -> `Words`: so many words of an array.
    Words(usize),
    /// Words -> `LineEnd`: the CR LF behind a last word whose bytes the caller took itself.
    LineEnd,
}

impl RequestDecoder {
    /// Sets the limits of the requests that follow.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The least number of bytes that must arrive before [`decode`](Self::decode) can return something else.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Takes one whole request off the front of `input`, if there is one.
    ///
    /// # Errors
    /// When the bytes are not a request, or the request is over the limits. The decoder cannot be used after that.
    #[inline]
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Command>, ProtocolError> {
        loop {
            match self.expected {
                Expected::Words(left) => return self.decode_words(left, input),
                Expected::LineEnd => {
                    if !self.decode_line_end(input)? {
                        return Ok(None);
                    }
                }
                Expected::Request => match input.first() {
                    None => return Ok(self.wait_for(1)),
                    Some(b'*') => {
                        if !self.decode_count(input)? {
                            return Ok(self.wait_for(1));
                        }
                    }
                    Some(_) => match self.decode_inline(input)? {
                        Inline::Unfinished => return Ok(self.wait_for(1)),
                        Inline::Empty => {}
                        Inline::Command(command) => return Ok(Some(command)),
                    },
                },
            }
        }
    }

    /// Takes the start of an unfinished request whose last argument is long, without the bytes of that argument. Returns
    /// the command so far, and the length of the argument.
    ///
    /// `over` tells from which length on this is done, by the name of the command. The bytes of the argument that have
    /// arrived are the new front of `input`. The caller takes all of the argument off itself, then calls
    /// [`decode`](Self::decode), which expects the line end behind it.
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
        if self.expected != Expected::Words(1) {
            return None;
        }
        let over = over(&input[self.words.first()?.range()])?;
        // Errors are found again by `decode`, which returns them.
        let (length, start) = self.decode_length(input).ok()??;
        if length <= over {
            return None;
        }
        let command = Command::from_checked(input.split_to(start).freeze(), &self.words[..]);
        self.reset();
        self.expected = Expected::LineEnd;
        Some((command, length as u64))
    }

    /// Finds the whole requests at the front of `input`, and adds them to `batch`. `take` is given the name of each, and tells
    /// whether another one is wanted. Stops at everything else, which is for [`decode`](Self::decode): an unfinished
    /// request, an inline command, an error.
    ///
    /// ```
    /// use kvstore_protocol::{RequestBatch, resp::RequestDecoder};
    ///
    /// let (decoder, mut batch) = (RequestDecoder::default(), RequestBatch::default());
    /// let input = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$3\r\nGE";
    /// decoder.decode_batch(input, &mut batch, |name, _| name == b"PING" || name == b"GET");
    /// assert_eq!((batch.len(), batch.bytes()), (2, 34));
    /// ```
    #[inline]
    pub fn decode_batch(&self, input: &[u8], batch: &mut RequestBatch, mut take: impl FnMut(&[u8], CommandId) -> bool) {
        if self.expected != Expected::Request || !self.line.is_idle() {
            return;
        }
        let limits = self.limits;
        while let Some(end) = find_request(input, batch, &limits) {
            let (name, id) = batch.end_request(input, end);
            if !take(name, id) || batch.is_full() {
                return;
            }
        }
    }

    /// Takes the line `*count`. False when it is unfinished.
    fn decode_count(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        let Some(line) = self.line.find_length(input, 0, ProtocolError::TooBigMultibulkCount)? else {
            return Ok(false);
        };
        match line.count(&self.limits)? {
            // As in Redis, a request without a name is skipped.
            (0, next) => input.advance(next),
            (count, next) => (self.expected, self.at) = (Expected::Words(count), next),
        }
        Ok(true)
    }

    #[inline]
    fn decode_words(&mut self, left: usize, input: &mut BytesMut) -> Result<Option<Command>, ProtocolError> {
        for left in (0..left).rev() {
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
            (self.expected, self.at) = (Expected::Words(left), end + 2);
        }
        let frame = input.split_to(self.at).freeze();
        // Many words are not copied: that would take milliseconds.
        let command = match self.words.len() > MANY {
            true => Command::from_checked(frame, std::mem::take(&mut self.words)),
            false => Command::from_checked(frame, &self.words[..]),
        };
        self.reset();
        Ok(Some(command))
    }

    /// The length on the line that the next word starts with, and where its bytes start.
    #[inline]
    fn decode_length(&mut self, input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        let line = self.line.find_length(input, self.at, ProtocolError::TooBigBulkCount)?;
        line.map(|line| line.bulk(&self.limits)).transpose()
    }

    /// Takes the CR LF behind the bytes of an argument. False when it is unfinished.
    #[cold]
    fn decode_line_end(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        match input.get(..2) {
            Some(b"\r\n") => {
                input.advance(2);
                self.expected = Expected::Request;
                Ok(true)
            }
            Some(_) => Err(ProtocolError::ExpectedCrlf),
            None => {
                self.missing = 2 - input.len();
                Ok(false)
            }
        }
    }

    fn decode_inline(&mut self, input: &mut BytesMut) -> Result<Inline, ProtocolError> {
        if !foreign::check_opening(input)? {
            return Ok(Inline::Unfinished);
        }
        let Some(length) = self.line.find_lf(input, self.limits.inline())? else { return Ok(Inline::Unfinished) };
        let line = input[..length].strip_suffix(b"\r").unwrap_or(&input[..length]);
        foreign::check_line(line)?;
        let words = inline::split(line)?;
        let frame = input.split_to(length + 1).freeze();
        // Redis bounds the words of an inline command by the length of its line alone.
        let most = if self.limits.is_authenticated() { self.limits.args() } else { usize::MAX };
        Ok(words.into_command(frame, most)?.map_or(Inline::Empty, Inline::Command))
    }

    fn wait_for(&mut self, bytes: usize) -> Option<Command> {
        self.missing = bytes;
        None
    }

    /// Forgets the words of the last request.
    #[inline]
    fn reset(&mut self) {
        self.expected = Expected::Request;
        self.words.clear();
        if self.words.capacity() > KEPT {
            self.words.shrink_to(KEPT);
        }
    }
}

/// What the front of the input is, when it is not an array.
enum Inline {
    Unfinished,
    /// A line without words.
    Empty,
    Command(Command),
}
