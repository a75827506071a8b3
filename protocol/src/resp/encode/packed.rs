//! Packed collections to bytes: the line in front, then the elements as they are stored, or converted for RESP2.

use std::str;

use bytes::{BufMut, Bytes};

use super::{LINES, bulk, encode_bulk_end, number};
use crate::{
    Output, Packed,
    output::SHARED,
    packed::{Kind, PAIR},
};

pub(super) fn encode_packed(packed: &Packed, is_resp3: bool, output: &mut Output) {
    let len = (packed.len() + usize::from(packed.lacks_value())) as i64;
    let (kind, count) = match packed.kind() {
        Kind::Set if is_resp3 => (b'~', len),
        Kind::Map if is_resp3 => (b'%', len / 2),
        Kind::Pairs if is_resp3 => (b'*', len / 2),
        _ => (b'*', len),
    };
    number(kind, count, output.bytes());
    if is_resp3 || packed.is_plain() {
        output.append_output(packed.elements());
    } else {
        convert(packed, output);
    }
    if packed.lacks_value() {
        output.bytes().put_slice(if is_resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }
}

/// Appends the elements as RESP2 has them.
fn convert(packed: &Packed, output: &mut Output) {
    let mut elements = Elements::new(packed.elements());
    for index in 0..packed.len() {
        if packed.kind() == Kind::Pairs && index % 2 == 0 {
            elements.skip(PAIR.len());
        }
        // An element is followed by those inside of it.
        let mut left = 1;
        while left > 0 {
            left += elements.convert_next(output);
            left -= 1;
        }
        output.split_when_large();
    }
}

/// The encoded elements that were not converted yet.
struct Elements<'a, P> {
    parts: P,
    /// What is left of a part.
    rest: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Elements<'a, ()> {
    fn new(elements: &'a Output) -> Elements<'a, impl Iterator<Item = &'a Bytes>> {
        let (parts, tail) = elements.parts();
        Elements { parts, rest: &[], tail }
    }
}

impl<'a, P: Iterator<Item = &'a Bytes>> Elements<'a, P> {
    /// Converts one element, or the line in front of several. Returns their number.
    fn convert_next(&mut self, output: &mut Output) -> usize {
        let (kind, line) = self.line();
        match kind {
            b'$' => self.convert_text(length(line), output),
            b'=' => {
                self.skip(b"txt:".len());
                self.convert_text(length(line) - b"txt:".len(), output);
            }
            b',' | b'(' => bulk(&line.into(), output),
            b'_' => output.bytes().put_slice(b"$-1\r\n"),
            b'#' => number(b':', (line == b"t").into(), output.bytes()),
            b'*' | b'~' => return nested(length(line), output),
            b'%' => return nested(2 * length(line), output),
            _ => {
                output.bytes().put_u8(kind);
                output.bytes().put_slice(line);
                encode_bulk_end(output);
            }
        }
        0
    }

    /// Converts a string of `length` bytes, whose line was taken.
    fn convert_text(&mut self, length: usize, output: &mut Output) {
        if length < SHARED {
            output.bytes().reserve(length + LINES);
        }
        number(b'$', length as i64, output.bytes());
        match self.rest {
            // A long string is a part by itself.
            [] if length >= SHARED => _ = self.parts.next().map(|part| output.share(part.clone())),
            _ => output.bytes().put_slice(self.take(length)),
        }
        self.skip(b"\r\n".len());
        encode_bulk_end(output);
    }

    /// Takes a line: its first byte, and the others up to its end.
    fn line(&mut self) -> (u8, &'a [u8]) {
        self.fill();
        let end = memchr::memchr(b'\r', self.rest).unwrap_or(self.rest.len());
        let line = self.take(end);
        self.skip(b"\r\n".len());
        line.split_first().map_or((b'_', &[]), |(kind, line)| (*kind, line))
    }

    fn skip(&mut self, count: usize) {
        self.take(count);
    }

    /// Takes bytes that are in one part.
    fn take(&mut self, count: usize) -> &'a [u8] {
        self.fill();
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    /// Goes on to the next part after the end of one.
    fn fill(&mut self) {
        while self.rest.is_empty() {
            self.rest = match self.parts.next() {
                Some(part) => part,
                None if self.tail.is_empty() => return,
                None => std::mem::take(&mut self.tail),
            };
        }
    }
}

fn nested(count: usize, output: &mut Output) -> usize {
    number(b'*', count as i64, output.bytes());
    count
}

/// The length on a line that was encoded here.
fn length(line: &[u8]) -> usize {
    str::from_utf8(line).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
