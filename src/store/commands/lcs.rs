//! LCS: what two strings have in common.

use kvstore_protocol::{ByteString, CommandError, Response};

use super::strings;
use crate::store::{
    args::{Args, SYNTAX},
    context::Context,
    engine::Slots,
    spec::{Answer, Arity, Keys, READ, Spec},
};

pub(super) const SPECS: &[Spec] = &[LCS];

/// `LCS key1 key2 [LEN | IDX [MINMATCHLEN length] [WITHMATCHLEN]]`: the longest common subsequence, its length, or where
/// it lies. Takes time and memory for the product of both lengths.
const LCS: Spec = Spec::new("LCS", Arity::at_least(3), Keys::FIRST_TWO, READ, lcs);

fn lcs(_: &Context<'_>, args: &Args<'_>, slots: &mut Slots<'_>) -> Answer {
    let left = string(slots, 0)?;
    let right = string(slots, 1)?;
    let options = Options::parse(args)?;
    let table = Table::new(&left, &right)?;
    Ok(match options.shown {
        Shown::Text => {
            table.matches().iter().rev().flat_map(|found| &left[found.in_left()]).copied().collect::<Vec<_>>().into()
        }
        Shown::Length => table.length().into(),
        Shown::Places => {
            let found = table.matches().into_iter().filter(|found| found.length as i64 >= options.shortest);
            let shown = found.map(|found| found.shown(options.shows_lengths)).collect();
            Response::Map(vec![("matches".into(), Response::Array(shown)), ("len".into(), table.length().into())])
        }
    })
}

fn string(slots: &mut Slots<'_>, index: usize) -> Result<ByteString, CommandError> {
    match slots.at(index).string() {
        Ok(found) => Ok(found.cloned().unwrap_or_default()),
        Err(_) => Err(CommandError::new("ERR", "The specified keys must contain string values")),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Text,
    Length,
    Places,
}

#[derive(Debug)]
struct Options {
    shown: Shown,
    /// Shorter matches are left out.
    shortest: i64,
    shows_lengths: bool,
}

impl Options {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self { shown: Shown::Text, shortest: 0, shows_lengths: false };
        let mut contradicts = false;
        let mut index = 2;
        while index < args.len() {
            if args.is(index, "LEN") {
                contradicts |= options.shown == Shown::Places;
                options.shown = Shown::Length;
            } else if args.is(index, "IDX") {
                contradicts |= options.shown == Shown::Length;
                options.shown = Shown::Places;
            } else if args.is(index, "WITHMATCHLEN") {
                options.shows_lengths = true;
            } else if args.is(index, "MINMATCHLEN") && index + 1 < args.len() {
                index += 1;
                options.shortest = args.integer(index)?;
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        if contradicts {
            return Err(CommandError::err("If you want both the length and indexes, please just use IDX."));
        }
        Ok(options)
    }
}

/// How long the longest common subsequence of every two beginnings is.
#[derive(Debug)]
struct Table<'a> {
    left: &'a [u8],
    right: &'a [u8],
    lengths: Vec<u32>,
}

/// Bytes that follow each other in both strings.
#[derive(Clone, Copy, Debug)]
struct Match {
    left: usize,
    right: usize,
    length: usize,
}

impl<'a> Table<'a> {
    fn new(left: &'a [u8], right: &'a [u8]) -> Result<Self, CommandError> {
        let size =
            (left.len() + 1).checked_mul(right.len() + 1).filter(|size| *size <= strings::LONGEST / size_of::<u32>());
        let Some(size) = size else {
            let text = "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
            return Err(CommandError::new("ERR", text));
        };
        let mut table = Self { left, right, lengths: vec![0; size] };
        for (row, byte) in (1..).zip(left) {
            for (column, other) in (1..).zip(right) {
                let longest = match byte == other {
                    true => table.at(row - 1, column - 1) + 1,
                    false => table.at(row - 1, column).max(table.at(row, column - 1)),
                };
                table.lengths[row * (right.len() + 1) + column] = longest;
            }
        }
        Ok(table)
    }

    fn at(&self, left: usize, right: usize) -> u32 {
        self.lengths[left * (self.right.len() + 1) + right]
    }

    fn length(&self) -> i64 {
        self.at(self.left.len(), self.right.len()).into()
    }

    /// The parts of the subsequence, from the last to the first.
    fn matches(&self) -> Vec<Match> {
        let mut found: Vec<Match> = Vec::new();
        let (mut left, mut right) = (self.left.len(), self.right.len());
        while left > 0 && right > 0 {
            if self.left[left - 1] != self.right[right - 1] {
                // Of two ways that are as good, the one that Redis takes.
                if self.at(left - 1, right) > self.at(left, right - 1) {
                    left -= 1
                } else {
                    right -= 1
                }
                continue;
            }
            match found.last_mut() {
                Some(last) if (last.left, last.right) == (left, right) => last.length += 1,
                _ => found.push(Match { left, right, length: 1 }),
            }
            (left, right) = (left - 1, right - 1);
            if let Some(last) = found.last_mut() {
                (last.left, last.right) = (left, right);
            }
        }
        found
    }
}

impl Match {
    fn in_left(self) -> std::ops::Range<usize> {
        self.left..self.left + self.length
    }

    fn shown(self, with_length: bool) -> Response {
        let range = |start: usize| Response::array([start, start + self.length - 1]);
        let length = with_length.then(|| self.length.into());
        Response::Array([range(self.left), range(self.right)].into_iter().chain(length).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::Bench;

    #[test]
    fn what_is_common_is_told_as_text_length_or_places() {
        Bench::new().check([
            ("MSET a ohmytext b mynewtext", "+OK"),
            ("LCS a b", "\"mytext\""),
            ("LCS a b LEN", ":6"),
            ("LCS a b IDX", "{\"matches\": [[[:4, :7], [:5, :8]], [[:2, :3], [:0, :1]]], \"len\": :6}"),
            ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "{\"matches\": [[[:4, :7], [:5, :8], :4]], \"len\": :6}"),
            ("LCS a missing", "\"\""),
            ("LCS missing a IDX", "{\"matches\": [], \"len\": :0}"),
        ]);
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        Bench::new().check([
            ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b FOO", "-ERR syntax error"),
            ("LCS a b MINMATCHLEN", "-ERR syntax error"),
            ("LCS a b IDX MINMATCHLEN x", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn strings_whose_product_is_too_long_are_refused() {
        Bench::new().check([
            ("SETRANGE a 20000 x", ":20001"),
            ("SETRANGE b 20000 x", ":20001"),
            ("LCS a b", "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"),
        ]);
    }
}
