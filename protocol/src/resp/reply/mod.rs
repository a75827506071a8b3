//! [`ReplyDecoder`]: the replies of a RESP server to responses.

mod aggregate;
mod scalar;
#[cfg(test)]
mod tests;

use bytes::{Buf, BytesMut};

use crate::{ByteString, Limits, ProtocolError, Response, parse_integer};
use aggregate::{Items, Open};
use scalar::{STREAMED, boolean, double, integer, is_big_number, length};

/// The longest line that holds a length or an integer.
const NUMBER: usize = 32;

/// How many responses a reply may hold by default: more than a request has words, for there are large collections.
const ELEMENTS: usize = 16 << 20;

/// Decodes the replies of a RESP2 or RESP3 server, in whatever pieces they arrive.
///
/// What was understood is taken off the input at once and kept, so that every byte is looked at once or twice however a
/// reply is cut. Long texts share the input's memory. Nothing is allocated for a length that was only announced, and
/// nothing recurses. Attributes are skipped; streamed replies, which no server sends, are refused.
///
/// Of its [`Limits`] it takes the longest text ([`max_bulk`](Limits::max_bulk)), the largest reply
/// ([`max_request`](Limits::max_request)), and the most responses in one reply, counted through all depths
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
    open: Vec<Open>,
    /// How far an unfinished line was searched for its end.
    searched: usize,
    /// How many responses and bytes of the current reply were taken.
    elements: usize,
    size: usize,
    missing: usize,
    /// Whether a text was handed out by its head, and its end comes next.
    owes_end: bool,
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
            owes_end: false,
        }
    }
}

impl ReplyDecoder {
    /// The bounds from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// How deep replies may be nested: 128 by default, and at most 1024.
    pub fn set_max_depth(&mut self, depth: usize) {
        // Dropping, comparing and printing a response recurses.
        self.max_depth = depth.min(1024);
    }

    /// How many bytes are missing at least for the next step.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Whether nothing was taken of a reply that is not complete.
    pub fn is_idle(&self) -> bool {
        self.elements == 0 && !self.owes_end
    }

    /// Takes the head of a bulk of more than `over` bytes off the front of `input`, and says how many bytes it has. They
    /// are the new front of `input`: the caller takes all of them off itself, before it calls the decoder again, which
    /// finds the end of the bulk behind them.
    ///
    /// Called before [`decode`](Self::decode), which gives a bulk whole. `None`, and nothing is taken of a reply, when
    /// what comes next is anything else, is not known yet, or is over the limits.
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
        // Trouble is found again by `decode`, which can say so.
        let is_next = self.take_end(input).unwrap_or(false) && self.open.is_empty() && input.first() == Some(&b'$');
        let line = if is_next { self.find_line(input, NUMBER).ok()?? } else { return None };
        let length = usize::try_from(parse_integer(&input[1..1 + line])?).ok()?;
        if length <= over || length > self.limits.bulk() {
            return None;
        }
        self.account((line + 5).checked_add(length)?).ok()?;
        input.advance(line + 3);
        (self.elements, self.size, self.owes_end) = (0, 0, true);
        u64::try_from(length).ok()
    }

    /// Takes the end of a text whose head was handed out. False when it has not come.
    fn take_end(&mut self, input: &mut BytesMut) -> Result<bool, ProtocolError> {
        const END: &[u8] = b"\r\n";
        if !self.owes_end {
            return Ok(true);
        }
        if !input.starts_with(END) {
            self.missing = END.len().saturating_sub(input.len());
            let may_come = END.starts_with(input);
            return if may_come { Ok(false) } else { Err(ProtocolError::InvalidReply("expected CRLF")) };
        }
        input.advance(END.len());
        self.owes_end = false;
        Ok(true)
    }

    /// Takes one whole reply off the front of `input`, if there is one, and what there is of an unfinished one.
    ///
    /// # Errors
    /// When the bytes are no reply, or one over the limits. The stream ends there.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, ProtocolError> {
        if !self.take_end(input)? {
            return Ok(None);
        }
        while let Some(item) = self.decode_item(input)? {
            let complete = match item {
                Item::Response(response) => Some(response),
                Item::Open(open) if open.left == 0 => open.close(),
                Item::Open(open) => {
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

    /// Puts a response where it belongs. It comes back when it belongs to nothing: then it is the reply.
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

    /// Takes the next response, or the start of one that holds others.
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

    /// The length of the line behind the first byte, when it has ended.
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

    /// Takes the text whose length stands on the line.
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

    /// The start of a response that holds as many others as `line` says.
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
        Ok(Item::Open(Open { items, left }))
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
    Open(Open),
}
