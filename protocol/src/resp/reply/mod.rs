//! [`ReplyDecoder`]: the replies of a RESP server to [`Response`]s.

mod aggregate;
mod scalar;
#[cfg(test)]
mod tests;

use bytes::{Buf, BytesMut};

use crate::{ByteString, Limits, ProtocolError, Response, parse_integer};
use aggregate::{Aggregate, Items};
use scalar::{STREAMED, boolean, double, integer, is_big_number, length};

/// The longest line that holds a length or an integer.
const NUMBER: usize = 32;

/// The default limit of the responses in a reply: higher than that of a request, for large collections.
const ELEMENTS: usize = 16 << 20;

/// Decodes the replies of a RESP2 or RESP3 server, in whatever pieces they arrive.
///
/// The decoder takes each complete part of a reply off the input, so each byte is read once or twice however the reply is
/// cut. Long strings share the memory of the input. Memory is allocated for bytes that have arrived, never for a length
/// that was only announced, and decoding does not recurse. Attributes are skipped. Streamed replies, which no server
/// sends, are an error.
///
/// Three of the [`Limits`] apply: the longest string ([`max_bulk`](Limits::max_bulk)), the largest reply in bytes
/// ([`max_request`](Limits::max_request)), and the most responses in a reply, counted at all depths
/// ([`max_args`](Limits::max_args); 16,777,216 by default).
///
/// ```
/// use bytes::BytesMut;
/// use kvstore_protocol::{Response, resp::ReplyDecoder};
///
/// let mut decoder = ReplyDecoder::default();
/// let mut input = BytesMut::from("*2\r\n:1\r\n$2\r\nh");
/// assert_eq!(decoder.decode(&mut input), Ok(None));
/// input.extend_from_slice(b"i\r\n");
/// assert_eq!(decoder.decode(&mut input), Ok(Some(Response::Array(vec![1.into(), "hi".into()]))));
/// ```
#[derive(Debug)]
pub struct ReplyDecoder {
    limits: Limits,
    max_depth: usize,
    /// The aggregates that are not complete, the innermost last.
    open: Vec<Aggregate>,
    /// How far an unfinished line was searched for its end.
    searched: usize,
    /// How many responses and bytes of the current reply were decoded.
    elements: usize,
    size: usize,
    missing: usize,
    /// Whether the head of a bulk was returned, and its line end is expected next.
    expects_end: bool,
}

impl Default for ReplyDecoder {
    fn default() -> Self {
        Self {
            limits: Limits::default().max_args(ELEMENTS),
            max_depth: 128,
            open: Vec::new(),
            searched: 0,
            elements: 0,
            size: 0,
            missing: 1,
            expects_end: false,
        }
    }
}

impl ReplyDecoder {
    /// Sets the limits of the replies that follow.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Sets how deep replies may be nested: 128 by default, and at most 1024.
    pub fn set_max_depth(&mut self, depth: usize) {
        // Dropping, comparing and printing a response recurses.
        self.max_depth = depth.min(1024);
    }

    /// The least number of bytes that must arrive before [`decode`](Self::decode) can return something else.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Whether no reply is partly decoded.
    pub fn is_idle(&self) -> bool {
        self.elements == 0 && !self.expects_end
    }

    /// Takes the line in front of a bulk of more than `over` bytes off the front of `input`, and returns the length of the
    /// bulk. Its bytes are the new front of `input`. The caller takes all of them off itself, then calls
    /// [`decode`](Self::decode), which expects the line end behind them.
    ///
    /// Called before [`decode`](Self::decode), which returns whole bulks. Returns `None`, and takes nothing of a reply,
    /// when the next reply is not such a bulk, is unfinished, or is over the limits.
    ///
    /// ```
    /// use bytes::{Buf, BytesMut};
    /// use kvstore_protocol::{Response, resp::ReplyDecoder};
    ///
    /// let mut decoder = ReplyDecoder::default();
    /// let mut input = BytesMut::from("$1000\r\nthe first of them");
    /// assert_eq!(decoder.decode_head(&mut input, 100), Some(1000));
    /// assert_eq!(input, "the first of them");
    /// input = BytesMut::from("\r\n+OK\r\n"); // when the others have come and gone
    /// assert_eq!(decoder.decode(&mut input), Ok(Some(Response::ok())));
    /// ```
    pub fn decode_head(&mut self, input: &mut BytesMut, over: usize) -> Option<u64> {
        // Errors are found again by `decode`, which returns them.
        let is_next = self.take_end(input).unwrap_or(false) && self.open.is_empty() && input.first() == Some(&b'$');
        let line = if is_next { self.find_line(input, NUMBER).ok()?? } else { return None };
        let length = usize::try_from(parse_integer(&input[1..1 + line])?).ok()?;
        if length <= over || length > self.limits.bulk() {
            return None;
        }
        self.account((line + 5).checked_add(length)?).ok()?;
        input.advance(line + 3);
        (self.elements, self.size, self.expects_end) = (0, 0, true);
        u64::try_from(length).ok()
    }

    /// Takes the line end of a bulk whose head was returned. False when it has not arrived.
    fn take_end(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        const END: &[u8] = b"\r\n";
        if !self.expects_end {
            return Ok(true);
        }
        if !input.starts_with(END) {
            self.missing = END.len().saturating_sub(input.len());
            let may_come = END.starts_with(input);
            return if may_come { Ok(false) } else { Err(ProtocolError::InvalidReply("expected CRLF")) };
        }
        input.advance(END.len());
        self.expects_end = false;
        Ok(true)
    }

    /// Takes one whole reply off the front of `input`, if there is one, or the complete parts of an unfinished one.
    ///
    /// # Errors
    /// When the bytes are not a reply, or the reply is over the limits. The decoder cannot be used after that.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, ProtocolError> {
        if !self.take_end(input)? {
            return Ok(None);
        }
        while let Some(item) = self.decode_item(input)? {
            let complete = match item {
                Item::Response(response) => Some(response),
                Item::Aggregate(open) if open.left == 0 => open.close(),
                Item::Aggregate(open) => {
                    self.open.push(open);
                    None
                }
            };
            if let Some(reply) = complete.and_then(|response| self.put(response)) {
                (self.elements, self.size) = (0, 0);
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Adds a response to the innermost aggregate. Returns it when there is none: then it is the reply.
    fn put(&mut self, mut response: Response) -> Option<Response> {
        while let Some(open) = self.open.last_mut() {
            open.put(response);
            if open.left > 0 {
                return None;
            }
            response = self.open.pop()?.close()?;
        }
        Some(response)
    }

    /// Takes the next response, or the start of an aggregate.
    fn decode_item(&mut self, input: &mut BytesMut) -> Result<Option<Item>, ProtocolError> {
        self.missing = 1;
        let Some(kind) = input.first().copied() else { return Ok(None) };
        let limit = match kind {
            b'+' | b'-' | b'(' | b',' => self.limits.bulk(),
            b':' | b'$' | b'!' | b'=' | b'*' | b'~' | b'%' | b'>' | b'|' | b'_' | b'#' => NUMBER,
            b';' | b'.' => return Err(STREAMED),
            _ => return Err(ProtocolError::InvalidReply("unknown type")),
        };
        let Some(length) = self.find_line(input, limit)? else { return Ok(None) };
        let line = &input[1..1 + length];
        let response = match kind {
            b'$' | b'!' | b'=' => return self.decode_text(kind, length, input),
            b'*' | b'~' | b'%' | b'>' | b'|' => match self.open(kind, line)? {
                Item::Response(response) => response,
                open => {
                    self.take_line(length, input)?;
                    return Ok(Some(open));
                }
            },
            b':' => Response::Integer(integer(line)?),
            b',' => Response::Double(double(line)?),
            b'#' => Response::Boolean(boolean(line)?),
            b'_' if line.is_empty() => Response::Null,
            b'_' => return Err(ProtocolError::InvalidReply("a null with a value")),
            b'(' if !is_big_number(line) => return Err(ProtocolError::InvalidReply("invalid big number")),
            _ => {
                self.account(length + 3)?;
                input.advance(1);
                let text = ByteString::take_from(input, length);
                input.advance(2);
                return Ok(Some(Item::Response(match kind {
                    b'+' => Response::Simple(text),
                    b'-' => Response::Error(text),
                    _ => Response::BigNumber(text),
                })));
            }
        };
        self.take_line(length, input)?;
        Ok(Some(Item::Response(response)))
    }

    /// The length of the line behind the first byte, once it has ended.
    fn find_line(&mut self, input: &[u8], limit: usize) -> Result<Option<usize>, ProtocolError> {
        let from = self.searched.max(1);
        let end = memchr::memchr2(b'\r', b'\n', &input[from..]).map_or(input.len(), |found| from + found);
        if end - 1 > limit {
            return Err(ProtocolError::InvalidReply("too long line"));
        }
        self.searched = end;
        match (input.get(end), input.get(end + 1)) {
            (Some(b'\r'), Some(b'\n')) => {
                self.searched = 0;
                Ok(Some(end - 1))
            }
            (None, _) | (Some(b'\r'), None) => Ok(None),
            _ => Err(ProtocolError::InvalidReply("expected CRLF")),
        }
    }

    /// Takes the string whose length stands on the line.
    fn decode_text(&mut self, kind: u8, line: usize, input: &mut BytesMut) -> Result<Option<Item>, ProtocolError> {
        let length = match length(&input[1..1 + line])? {
            -1 if kind == b'$' => {
                self.take_line(line, input)?;
                return Ok(Some(Item::Response(Response::Null)));
            }
            length => usize::try_from(length).map_err(|_| ProtocolError::InvalidReply("negative length"))?,
        };
        if length > self.limits.bulk() {
            return Err(ProtocolError::InvalidReply("text over the limit"));
        }
        let start = line + 3;
        let end = start + length;
        self.check_size(end + 2)?;
        match input.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(ProtocolError::InvalidReply("expected CRLF")),
            None => {
                self.missing = end + 2 - input.len();
                return Ok(None);
            }
        }
        self.account(end + 2)?;
        input.advance(start);
        let response = match kind {
            b'=' => {
                let Some([a, b, c, b':']) = input.get(..length).and_then(<[u8]>::first_chunk).copied() else {
                    return Err(ProtocolError::InvalidReply("verbatim text without a format"));
                };
                input.advance(4);
                Response::Verbatim([a, b, c], ByteString::take_from(input, length - 4))
            }
            b'!' => Response::Error(ByteString::take_from(input, length)),
            _ => Response::Bulk(ByteString::take_from(input, length)),
        };
        input.advance(2);
        Ok(Some(Item::Response(response)))
    }

    /// The start of an aggregate of as many responses as `line` says.
    fn open(&self, kind: u8, line: &[u8]) -> Result<Item, ProtocolError> {
        let count = match length(line)? {
            -1 if kind == b'*' => return Ok(Item::Response(Response::NullArray)),
            count => usize::try_from(count).map_err(|_| ProtocolError::InvalidReply("negative length"))?,
        };
        let left = if matches!(kind, b'%' | b'|') { count.saturating_mul(2) } else { count };
        if left > self.limits.args() {
            return Err(TOO_MANY);
        }
        if self.open.len() >= self.max_depth {
            return Err(ProtocolError::InvalidReply("nested too deep"));
        }
        let items = match kind {
            b'%' => Items::Map(Vec::new(), None),
            b'|' => Items::Attribute,
            b'>' if self.open.is_empty() => Items::Push(Vec::new()),
            b'>' => return Err(ProtocolError::InvalidReply("a push inside of another reply")),
            b'~' => Items::Set(Vec::new()),
            _ => Items::Array(Vec::new()),
        };
        Ok(Item::Aggregate(Aggregate { items, left }))
    }

    fn take_line(&mut self, length: usize, input: &mut BytesMut) -> Result<(), ProtocolError> {
        self.account(length + 3)?;
        input.advance(length + 3);
        Ok(())
    }

    /// Counts one more response, of `size` bytes.
    fn account(&mut self, size: usize) -> Result<(), ProtocolError> {
        self.check_size(size)?;
        self.size += size;
        self.elements += 1;
        // The reply itself is one more than what it holds.
        if self.elements > self.limits.args().saturating_add(1) { Err(TOO_MANY) } else { Ok(()) }
    }

    fn check_size(&self, more: usize) -> Result<(), ProtocolError> {
        match self.size + more > self.limits.request() {
            true => Err(ProtocolError::InvalidReply("reply over the limit")),
            false => Ok(()),
        }
    }
}

const TOO_MANY: ProtocolError = ProtocolError::InvalidReply("too many elements");

enum Item {
    Response(Response),
    Aggregate(Aggregate),
}
