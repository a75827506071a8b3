//! [`RequestDecoder`]: arrays of bulks, and inline commands, to commands.

use bytes::{Buf, BytesMut};

use super::inline;
use crate::{Command, Limits, ProtocolError, RequestBatch, StreamOver, Word, catalog::CommandId};

/// For how many words room is kept from request to request.
const KEPT: usize = 64;

/// The most digits of a length, its sign included.
const DIGITS: usize = 20;

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

    /// Finds the requests that lie whole at the front of `input`, and adds them to `batch`; `take` says after each whether
    /// another one is wanted. Stops at whatever [`decode`](Self::decode) must look at: half a request, a line, a mistake.
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
        if self.words_left > 0 || self.at > 0 {
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

    fn wait_for(&mut self, bytes: usize) -> Option<Command> {
        self.missing = bytes;
        None
    }

    fn decode_count(&self, input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        let number = match number(input, 1) {
            Number::Unfinished => return Ok(None),
            Number::Endless => return Err(ProtocolError::TooBigMultibulkCount),
            Number::Invalid => return Err(ProtocolError::InvalidMultibulkLength),
            Number::BadEnd => return Err(ProtocolError::ExpectedCrlf),
            Number::Found(number, next) => (usize::try_from(number).unwrap_or(0), next),
        };
        match number.0 {
            count if count <= self.limits.args() => Ok(Some(number)),
            _ if !self.limits.is_authenticated() => Err(ProtocolError::UnauthenticatedMultibulkLength),
            _ => Err(ProtocolError::InvalidMultibulkLength),
        }
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
    fn decode_length(&self, input: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
        match input.get(self.at) {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::ExpectedBulk(*other)),
        }
        let (number, start) = match number(input, self.at + 1) {
            Number::Unfinished => return Ok(None),
            Number::Endless => return Err(ProtocolError::TooBigBulkCount),
            Number::Invalid => return Err(ProtocolError::InvalidBulkLength),
            Number::BadEnd => return Err(ProtocolError::ExpectedCrlf),
            Number::Found(number, start) => (number, start),
        };
        match usize::try_from(number) {
            Ok(length) if length <= self.limits.bulk() => Ok(Some((length, start))),
            Ok(_) if !self.limits.is_authenticated() => Err(ProtocolError::UnauthenticatedBulkLength),
            _ => Err(ProtocolError::InvalidBulkLength),
        }
    }

    fn decode_inline(&mut self, input: &mut BytesMut) -> Result<Line, ProtocolError> {
        inline::check_first_byte(input[0])?;
        let Some(length) = memchr::memchr(b'\n', &input[self.at..]).map(|found| self.at + found) else {
            self.at = input.len();
            return if self.at > self.limits.inline() {
                Err(ProtocolError::TooBigInline)
            } else {
                Ok(Line::Unfinished)
            };
        };
        if length > self.limits.inline() {
            return Err(ProtocolError::TooBigInline);
        }
        let Some(line) = input[..length].strip_suffix(b"\r") else { return Err(ProtocolError::ExpectedCrlf) };
        let words = inline::split(line)?;
        self.at = 0;
        let frame = input.split_to(length + 1).freeze();
        Ok(words.into_command(frame, self.limits.args())?.map_or(Line::Empty, Line::Command))
    }
}

enum Line {
    Unfinished,
    Empty,
    Command(Command),
}

/// What stands where a number and its CR LF should.
enum Number {
    /// The number, and where its line ends.
    Found(i64, usize),
    Unfinished,
    Invalid,
    /// More digits than a number has.
    Endless,
    /// CR without LF.
    BadEnd,
}

/// Where the next request ends, if it is whole, within the limits, and no mistake. Its words are in the batch then.
#[inline(always)]
fn find_request(input: &[u8], batch: &mut RequestBatch, limits: &Limits) -> Option<usize> {
    let start = batch.bytes();
    let (count, at) = short_number(b'*', input, start)?;
    if count == 0 || count > limits.args() {
        return None;
    }
    let mut end = at;
    for _ in 0..count {
        end = find_word(input, end, batch, limits)?;
    }
    (end - start <= limits.request()).then_some(end)
}

/// Where the line of the next word ends. The word is in the batch then.
#[inline(always)]
fn find_word(input: &[u8], at: usize, batch: &mut RequestBatch, limits: &Limits) -> Option<usize> {
    let (length, start) = short_number(b'$', input, at)?;
    if length > limits.bulk() {
        return None;
    }
    let behind = input.get(start.checked_add(length)?..)?;
    if behind.first_chunk() != Some(b"\r\n") {
        return None;
    }
    batch.push_word(start..start + length);
    Some(start + length + 2)
}

/// A number behind `kind`, and where its line ends; `None` for anything that [`number`] must look at.
#[inline(always)]
fn short_number(kind: u8, input: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = input.get(at..)?;
    let word = u32::from_le_bytes(*line.first_chunk()?);
    let digit = |byte: u32| usize::from(((word >> (8 * byte)) as u8).wrapping_sub(b'0'));
    // One digit and two are nearly all there are.
    if word & 0xffff_00ff == u32::from_le_bytes([kind, 0, b'\r', b'\n']) && digit(1) < 10 {
        return Some((digit(1), at + 4));
    }
    if word as u8 != kind {
        return None;
    }
    if (word >> 24) as u8 == b'\r' && line.get(4) == Some(&b'\n') && (1..10).contains(&digit(1)) && digit(2) < 10 {
        return Some((digit(1) * 10 + digit(2), at + 5));
    }
    long_number(input, at)
}

#[inline(never)]
fn long_number(input: &[u8], at: usize) -> Option<(usize, usize)> {
    match number(input, at + 1) {
        Number::Found(number, end) => Some((usize::try_from(number).ok()?, end)),
        _ => None,
    }
}

fn number(input: &[u8], start: usize) -> Number {
    let negative = input.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let mut value = 0_i64;
    let mut at = first;
    loop {
        match input.get(at) {
            None => return Number::Unfinished,
            Some(digit @ b'0'..=b'9') if at - start < DIGITS => {
                value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            }
            Some(b'0'..=b'9') => return Number::Endless,
            Some(b'\r') if at > first => break,
            Some(_) => return Number::Invalid,
        }
        at += 1;
    }
    // As Redis reads numbers: in one way only.
    if input[first] == b'0' && (negative || at - first > 1) {
        return Number::Invalid;
    }
    match input.get(at + 1) {
        None => Number::Unfinished,
        Some(b'\n') => Number::Found(if negative { -value } else { value }, at + 2),
        Some(_) => Number::BadEnd,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(bytes: &[u8]) -> Result<Vec<Command>, ProtocolError> {
        let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::from(bytes));
        let mut commands = Vec::new();
        while let Some(command) = decoder.decode(&mut input)? {
            commands.push(command);
        }
        Ok(commands)
    }

    #[test]
    fn a_request_cut_anywhere_is_the_same_request() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\nset k \"a b\"\r\n*0\r\n\r\n*1\r\n$4\r\nPING\r\n";
        let whole = decode_all(bytes).unwrap();
        assert_eq!(whole, [Command::set("k", "a\r\nbc"), Command::new("set").with_args(["k", "a b"]), Command::ping()]);
        let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::new());
        let mut commands = Vec::new();
        for byte in bytes {
            input.extend_from_slice(&[*byte]);
            commands.extend(decoder.decode(&mut input).unwrap());
        }
        assert_eq!(commands, whole);
    }

    #[test]
    fn a_malformed_request_is_told_in_redis_words() {
        for (bytes, error) in [
            (&b"*3000000000\r\n"[..], "Protocol error: invalid multibulk length"),
            (b"*x\r\n", "Protocol error: invalid multibulk length"),
            (b"*\r\n", "Protocol error: invalid multibulk length"),
            (b"*000000000000000000001\r\n", "Protocol error: too big mbulk count string"),
            (b"*1\rX", "Protocol error: expected CRLF"),
            (b"*1\r\nfoo\r\n", "Protocol error: expected '$', got 'f'"),
            (b"*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'"),
            (b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\n$2000000000\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\n$blabla\r\n", "Protocol error: invalid bulk length"),
            (b"*1\r\n$000000000000000000001\r\n", "Protocol error: too big bulk count string"),
            (b"*1\r\n$4\r\nPINGXX", "Protocol error: expected CRLF"),
            (b"PING\n", "Protocol error: expected CRLF"),
            (b"set \"\"\"test\"\"\"\r\n", "Protocol error: unbalanced quotes in request"),
            (b"*1\r\n'4\r\n", "Protocol error: expected '$', got '''"),
            (b"*1\r\n\xff4\r\n", "Protocol error: expected '$', got '\\xff'"),
            (b"*01\r\n", "Protocol error: invalid multibulk length"),
            (b"*-0\r\n", "Protocol error: invalid multibulk length"),
            (b"*1\r\n$04\r\nPING\r\n", "Protocol error: invalid bulk length"),
            (b"GET / HTTP/1.1\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"POST /x HTTP/1.1\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"PROPFIND / HTTP/1.1\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"SET http://host/x HTTP/1.1\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"PRI * HTTP/2.0\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"CONNECT host:1 HTTP/1.1\r\n", "Protocol error: this port speaks RESP, not HTTP"),
            (b"\x16\x03\x01\x02", "Protocol error: this port speaks RESP, not TLS"),
            (b"\x80", "Protocol error: unexpected byte 0x80 at the start of a request"),
        ] {
            assert_eq!(decode_all(bytes).unwrap_err().to_string(), error, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn an_array_of_nothing_is_skipped() {
        assert_eq!(decode_all(b"*0\r\n*-10\r\nPING\r\n"), Ok(vec![Command::ping()]));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut decoder = RequestDecoder::default();
        let mut input = BytesMut::from(&[b'a'; 70_000][..]);
        assert_eq!(decoder.decode(&mut input), Err(ProtocolError::TooBigInline));
    }

    #[test]
    fn before_authentication_little_is_allowed() {
        for (bytes, error) in [
            ("*11\r\n", ProtocolError::UnauthenticatedMultibulkLength),
            ("*1\r\n$16385\r\n", ProtocolError::UnauthenticatedBulkLength),
        ] {
            let mut decoder = RequestDecoder::default();
            decoder.set_limits(Limits::unauthenticated());
            assert_eq!(decoder.decode(&mut BytesMut::from(bytes)), Err(error));
        }
    }

    #[test]
    fn missing_bytes_of_a_long_word_are_known() {
        let mut decoder = RequestDecoder::default();
        assert_eq!(decoder.decode(&mut BytesMut::from("*1\r\n$1000\r\nabc")), Ok(None));
        assert_eq!(decoder.missing(), 999);
    }

    /// Feeds the decoder byte by byte, takes what it lets pass off the input, and returns both.
    fn passed(bytes: &[u8], over: usize) -> Result<(Vec<Command>, Vec<u8>), ProtocolError> {
        let (mut decoder, mut input) = (RequestDecoder::default(), BytesMut::new());
        let (mut commands, mut passed, mut left) = (Vec::new(), Vec::new(), 0);
        for byte in bytes {
            if left > 0 {
                passed.push(*byte);
                left -= 1;
                continue;
            }
            input.extend_from_slice(&[*byte]);
            commands.extend(decoder.decode(&mut input)?);
            if let Some((command, length)) = decoder.decode_head(&mut input, &|name| (name == b"PUT").then_some(over)) {
                assert!(input.is_empty());
                commands.push(command);
                left = length;
            }
        }
        Ok((commands, passed))
    }

    #[test]
    fn a_long_last_word_goes_past_and_what_follows_is_decoded() {
        let bytes =
            b"*1\r\n$3\r\nPUT\r\n*3\r\n$3\r\nPUT\r\n$8\r\nlong key\r\n$5\r\nv\r\n*1\r\n*1\r\n$4\r\nPING\r\nPING\r\n";
        let put = Command::new("PUT").arg("long key");
        let expected = vec![Command::new("PUT"), put, Command::ping(), Command::ping()];
        assert_eq!(passed(bytes, 4), Ok((expected, b"v\r\n*1".to_vec())));
        // Not over: it comes whole. Nor does the name of a command go past its decoder.
        assert_eq!(passed(bytes, 5).unwrap().0[1], Command::new("PUT").with_args(["long key", "v\r\n*1"]));
        assert_eq!(passed(b"*1\r\n$3\r\nPUT\r\n", 0), Ok((vec![Command::new("PUT")], Vec::new())));
    }

    #[test]
    fn a_word_that_went_past_must_end_with_its_line() {
        for end in [&b"X\n"[..], b"*1\r\n$4\r\nPING\r\n", b"\n\n"] {
            let bytes = [&b"*2\r\n$3\r\nPUT\r\n$5\r\nvalue"[..], end].concat();
            assert_eq!(passed(&bytes, 4), Err(ProtocolError::ExpectedCrlf));
        }
    }

    #[test]
    fn a_request_over_the_limit_is_refused_as_soon_as_it_is_announced() {
        let mut decoder = RequestDecoder::default();
        decoder.set_limits(Limits::default().max_request(100));
        let error = decoder.decode(&mut BytesMut::from("*2\r\n$3\r\nGET\r\n$90\r\n"));
        assert_eq!(error, Err(ProtocolError::TooBigRequest));
    }
}
