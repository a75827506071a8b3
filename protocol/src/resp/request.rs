//! [`RequestDecoder`]: arrays of bulks, and inline commands, to commands.

use bytes::{Buf, BytesMut};

use super::{foreign, inline};
use crate::{Command, Limits, ProtocolError, Run, StreamOver, Word, parse_integer};

/// For how many words room is kept from request to request.
const KEPT: usize = 64;

/// How long the line of a length may be, as in Redis. What it says is looked at when its end is there.
const LONGEST_LINE: usize = 64 * 1024;

/// How many digits of a length are read without another look.
const SHORT: usize = 9;

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

/// The name of the next request and where it ends, if it is whole, within the limits, and no mistake. Its words are in the
/// run then.
#[inline(always)]
fn find_request<'a>(input: &'a [u8], run: &mut Run, limits: &Limits) -> Option<(&'a [u8], usize)> {
    let start = run.bytes();
    let (count, at) = short_number(b'*', input, start)?;
    if count == 0 || count > limits.args() {
        return None;
    }
    let (name, mut at) = find_word(input, at, run, limits)?;
    for _ in 1..count {
        (_, at) = find_word(input, at, run, limits)?;
    }
    (at - start <= limits.request()).then_some((name, at))
}

/// The next word, which is in the run then, and where its line ends.
#[inline(always)]
fn find_word<'a>(input: &'a [u8], at: usize, run: &mut Run, limits: &Limits) -> Option<(&'a [u8], usize)> {
    let (length, start) = short_number(b'$', input, at)?;
    if length > limits.bulk() {
        return None;
    }
    let (word, behind) = input.get(start..)?.split_at_checked(length)?;
    if behind.first_chunk() != Some(b"\r\n") {
        return None;
    }
    run.push_word(start..start + length);
    Some((word, start + length + 2))
}

/// A length behind `kind`, and where its line ends; `None` for anything that takes another look.
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
    let line = &input[at + 1..];
    let (mut number, mut digits) = (0, 0);
    while let Some(digit @ b'0'..=b'9') = line.get(digits) {
        if digits == SHORT {
            return None;
        }
        number = number * 10 + usize::from(digit - b'0');
        digits += 1;
    }
    let is_length = line.first() != Some(&b'0') && digits > 0 && line[digits..].starts_with(b"\r\n");
    is_length.then_some((number, at + digits + 3))
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
            (&b"*1\r\nfoo\r\n"[..], "Protocol error: expected '$', got 'f'"),
            (b"*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'"),
            (b"*1\r\n'4\r\n", "Protocol error: expected '$', got '''"),
            (b"*1\r\n\xff4\r\n", "Protocol error: expected '$', got '\\xff'"),
            (b"*1\r\n\r\n", "Protocol error: expected '$', got ' '"),
            (b"set \"\"\"test\"\"\"\r\n", "Protocol error: unbalanced quotes in request"),
            // Redis reads on where these should have ended.
            (b"*1\rX", "Protocol error: expected CRLF"),
            (b"*1\r\n$4\rX", "Protocol error: expected CRLF"),
            (b"*1\r\n$4\r\nPINGXX", "Protocol error: expected CRLF"),
            // Redis waits.
            (b"\0\0", "Protocol error: unexpected byte 0x00 at the start of a request"),
        ] {
            assert_eq!(decode_all(bytes).unwrap_err().to_string(), error, "{}", bytes.escape_ascii());
        }
    }

    /// What is no length for Redis, whichever number it looks like.
    const NOT_LENGTHS: &[&str] = &[
        "",
        "-",
        "+1",
        "-0",
        "00",
        "01",
        "-01",
        " 1",
        "1 ",
        "1 2",
        "x",
        "1x",
        "?",
        "0x1",
        "1.0",
        "\0",
        "1\0",
        "1\n",
        "2147483648",
        "4294967297",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551617",
        "-18446744073709551615",
        "99999999999999999999999999",
        "-99999999999999999999999999",
        "000000000000000000001",
    ];

    #[test]
    fn a_length_that_is_none_is_refused_when_its_line_has_ended() {
        for length in NOT_LENGTHS {
            assert_eq!(decode_all(format!("*{length}").as_bytes()), Ok(vec![]), "{length:?}");
            let error = decode_all(format!("*{length}\r\n").as_bytes());
            assert_eq!(error, Err(ProtocolError::InvalidMultibulkLength), "{length:?}");
            assert_eq!(decode_all(format!("*1\r\n${length}").as_bytes()), Ok(vec![]), "{length:?}");
            let error = decode_all(format!("*1\r\n${length}\r\n").as_bytes());
            assert_eq!(error, Err(ProtocolError::InvalidBulkLength), "{length:?}");
        }
        assert_eq!(decode_all(b"*1\r\n$-1\r\n"), Err(ProtocolError::InvalidBulkLength));
        assert_eq!(decode_all(b"*1\r\n$536870913\r\n"), Err(ProtocolError::InvalidBulkLength));
    }

    #[test]
    fn a_length_whose_line_does_not_end_is_refused() {
        for (start, error) in [("*", ProtocolError::TooBigMultibulkCount), ("*1\r\n$", ProtocolError::TooBigBulkCount)]
        {
            let line = |digits| format!("{start}{}", "9".repeat(digits));
            assert_eq!(decode_all(line(65_535).as_bytes()), Ok(vec![]));
            assert_eq!(decode_all(line(65_536).as_bytes()), Err(error));
        }
    }

    #[test]
    fn a_request_of_nothing_asks_for_nothing() {
        for count in ["0", "-1", "-10", "-2147483649", "-9223372036854775808"] {
            let bytes = format!("*{count}\r\nPING\r\n");
            assert_eq!(decode_all(bytes.as_bytes()), Ok(vec![Command::ping()]), "{count}");
        }
    }

    #[test]
    fn an_inline_command_ends_with_lf_or_cr_lf() {
        let commands = decode_all(b"\nPING\n\r\nGET k\r\n\n\n  \nPING\r\r\n").unwrap();
        assert_eq!(commands, [Command::ping(), Command::get("k"), Command::ping()]);
    }

    #[test]
    fn an_inline_command_may_have_any_bytes() {
        for name in [&b"\x80"[..], b"\xff\xfe", "\u{e4}".as_bytes(), b"\x01\x7f", b"\x16", b"\x16x", b"a\0b"] {
            let line = [name, b" \xff\r\n"].concat();
            let expected = Command::new(name).arg(&b"\xff"[..]);
            assert_eq!(decode_all(&line), Ok(vec![expected]), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn another_protocol_is_refused_before_what_follows_its_first_line() {
        for (bytes, protocol) in [
            (&b"GET / HTTP/1.1\r\nSET k v\r\n"[..], "HTTP"),
            (b"POST / HTTP/1.1\nSET k v\n", "HTTP"),
            (b"EHLO host\nSET k v\n", "SMTP"),
            (b"PING \"\" \r\nDATA\r\nSET k v\r\n", "SMTP"),
            (b"SSH-2.0-client\r\n", "SSH"),
            (b"\x16\x03\x01\x02", "TLS"),
            (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 6379\r\n", "the PROXY protocol"),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "the PROXY protocol"),
        ] {
            let mut decoder = RequestDecoder::default();
            let (mut input, mut commands) = (BytesMut::from(bytes), 0);
            let error = loop {
                match decoder.decode(&mut input) {
                    Ok(command) => commands += command.map_or(0, |command| usize::from(!command.is("PING"))),
                    Err(error) => break error,
                }
            };
            assert_eq!((error, commands), (ProtocolError::ForeignProtocol(protocol), 0), "{}", bytes.escape_ascii());
        }
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
            ("*2147483647\r\n", ProtocolError::UnauthenticatedMultibulkLength),
            ("*2147483648\r\n", ProtocolError::InvalidMultibulkLength),
            ("*1\r\n$16385\r\n", ProtocolError::UnauthenticatedBulkLength),
            ("*1\r\n$536870912\r\n", ProtocolError::UnauthenticatedBulkLength),
            ("*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength),
        ] {
            let mut decoder = RequestDecoder::default();
            decoder.set_limits(Limits::unauthenticated());
            assert_eq!(decoder.decode(&mut BytesMut::from(bytes)), Err(error));
        }
    }

    #[test]
    fn before_authentication_a_line_may_have_many_words() {
        let mut decoder = RequestDecoder::default();
        decoder.set_limits(Limits::unauthenticated());
        let command = decoder.decode(&mut BytesMut::from("a b c d e f g h i j k l\r\n"));
        assert_eq!(command.map(|command| command.map(|command| command.len())), Ok(Some(12)));
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
