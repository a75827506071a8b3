//! LCS: the longest common subsequence of two strings.

use kvstore_protocol::{ByteString, CommandError, Response};

use crate::store::{
    args::Args,
    call::Call,
    spec::{Answer, Spec},
    value::StringValue,
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("LCS", lcs)];

/// Redis has a cell of this many bytes for each pair of bytes. Together they must not take more than a string may.
const CELL: usize = 4;

/// `LCS key1 key2 [LEN | IDX [MINMATCHLEN length] [WITHMATCHLEN]]`: the longest common subsequence, its length, or where it is in
/// both strings.
fn lcs(call: &mut Call<'_>) -> Answer {
    const NO_STRING: CommandError = CommandError::new("ERR", "The specified keys must contain string values");
    let lengths = [0, 1].map(|key| Ok(call.find::<StringValue>(key).map_err(|_| NO_STRING)?.map_or(0, |s| s.len())));
    let [first, second] = lengths;
    let cells = (first? + 1).saturating_mul(second? + 1);
    let options = LcsOptions::parse(&call.args())?;
    if !call.admits_string(cells.saturating_mul(CELL)) {
        const TOO_LARGE: &str = "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        return Err(CommandError::new("ERR", TOO_LARGE));
    }
    call.afford(cells)?;
    let (first, second) = (call.get::<StringValue>(0)?, call.get::<StringValue>(1)?);
    Ok(options.answer(first.as_deref().unwrap_or_default(), second.as_deref().unwrap_or_default()))
}

#[derive(Debug, Default)]
struct LcsOptions {
    length: bool,
    ranges: bool,
    /// The shortest range that is answered.
    min_length: usize,
    with_lengths: bool,
}

impl LcsOptions {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        let (mut lcs, mut options) = (Self::default(), args.options(2));
        loop {
            if options.keyword("IDX") {
                lcs.ranges = true;
            } else if options.keyword("LEN") {
                lcs.length = true;
            } else if options.keyword("WITHMATCHLEN") {
                lcs.with_lengths = true;
            } else if options.keyword("MINMATCHLEN") {
                lcs.min_length = usize::try_from(options.integer()?).unwrap_or(0);
            } else {
                break;
            }
        }
        options.finish()?;
        if lcs.length && lcs.ranges {
            return Err(CommandError::err("If you want both the length and indexes, please just use IDX."));
        }
        Ok(lcs)
    }

    fn answer(&self, first: &[u8], second: &[u8]) -> Response {
        let table = Table::new(first, second);
        if self.length {
            return table.length.into();
        }
        let runs = table.runs(first, second);
        if !self.ranges {
            let common: Vec<u8> =
                runs.iter().rev().flat_map(|run| &first[run.first..][..run.length]).copied().collect();
            return ByteString::from(common).into();
        }
        let runs = runs.iter().filter(|run| run.length >= self.min_length);
        let matches = Response::array(runs.map(|run| run.answer(self.with_lengths)));
        Response::Map(vec![("matches".into(), matches), ("len".into(), table.length.into())])
    }
}

/// Bytes that both strings have in a row.
struct Run {
    /// Where it is in each string.
    first: usize,
    second: usize,
    length: usize,
}

impl Run {
    fn answer(&self, with_length: bool) -> Response {
        let range = |start: usize| Response::array([start, start + self.length - 1]);
        let length = with_length.then(|| self.length.into());
        Response::array([range(self.first), range(self.second)].into_iter().chain(length))
    }
}

/// What the longest common subsequences of all prefixes say: a bit for each pair of bytes.
struct Table {
    /// The length of the longest common subsequence.
    length: usize,
    /// The number of columns: the length of the second string.
    columns: usize,
    /// Whether the first string is to be shortened, rather than the second, where the last bytes differ.
    bits: Vec<u64>,
}

impl Table {
    /// Computes the lengths row by row, a row for each byte of the first string.
    fn new(first: &[u8], second: &[u8]) -> Self {
        let columns = second.len();
        let mut bits = vec![0; (first.len() * columns).div_ceil(64)];
        let (mut above, mut row) = (vec![0_u32; columns + 1], vec![0_u32; columns + 1]);
        for (index, byte) in first.iter().enumerate() {
            for (column, other) in second.iter().enumerate() {
                let (up, left) = (above[column + 1], row[column]);
                row[column + 1] = if byte == other { above[column] + 1 } else { up.max(left) };
                let cell = index * columns + column;
                bits[cell / 64] |= u64::from(up > left) << (cell % 64);
            }
            std::mem::swap(&mut above, &mut row);
        }
        Self { length: above[columns] as usize, columns, bits }
    }

    /// The runs of the longest common subsequence, from the last to the first.
    fn runs(&self, first: &[u8], second: &[u8]) -> Vec<Run> {
        let (mut runs, mut is_in_run) = (Vec::<Run>::new(), false);
        let (mut row, mut column) = (first.len(), second.len());
        while row > 0 && column > 0 {
            let is_match = first[row - 1] == second[column - 1];
            if is_match {
                (row, column) = (row - 1, column - 1);
                let length = if is_in_run { runs.pop().map_or(0, |run| run.length) } else { 0 };
                runs.push(Run { first: row, second: column, length: length + 1 });
            } else if self.is_up(row - 1, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
            is_in_run = is_match;
        }
        runs
    }

    fn is_up(&self, row: usize, column: usize) -> bool {
        let cell = row * self.columns + column;
        self.bits[cell / 64] >> (cell % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;
    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::TestStore;

    #[test]
    fn the_subsequence_its_length_and_its_ranges_are_answered() {
        TestStore::new().check([
            ("MSET a ohmytext b mynewtext", "+OK"),
            ("LCS a b", "\"mytext\""),
            ("LCS a b LEN", ":6"),
            ("LCS a b IDX", r#"{"matches": [[[:4, :7], [:5, :8]], [[:2, :3], [:0, :1]]], "len": :6}"#),
            ("LCS a b idx minmatchlen 4", r#"{"matches": [[[:4, :7], [:5, :8]]], "len": :6}"#),
            ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", r#"{"matches": [[[:4, :7], [:5, :8], :4]], "len": :6}"#),
            ("LCS a b IDX MINMATCHLEN -1 MINMATCHLEN 9", r#"{"matches": [], "len": :6}"#),
            ("LCS a missing", "\"\""),
            ("LCS missing missing IDX", r#"{"matches": [], "len": :0}"#),
            ("LCS a a LEN", ":8"),
        ]);
    }

    #[test]
    fn other_types_and_options_are_refused() {
        TestStore::new().check([
            ("LCS a", "-ERR wrong number of arguments for 'lcs' command"),
            ("LCS a b LEN IDX", "-ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b FOO", "-ERR syntax error"),
            ("LCS a b MINMATCHLEN", "-ERR syntax error"),
            ("LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range"),
            ("SADD s 1", ":1"),
            ("LCS s a FOO", "-ERR The specified keys must contain string values"),
            ("LCS a s", "-ERR The specified keys must contain string values"),
        ]);
    }

    #[test]
    fn two_strings_are_not_too_long_together() {
        let store = TestStore::new();
        for key in ["a", "b"] {
            store.answer_to(Command::new("SET").arg(key).arg("x".repeat(20_000)));
        }
        let refusal = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        store.check([("LCS a b", refusal), ("LCS a b LEN", refusal), ("LCS a missing", "\"\"")]);
    }

    /// The length by its definition.
    fn length(first: &[u8], second: &[u8]) -> usize {
        let ([byte, shorter @ ..], [other, rest @ ..]) = (first, second) else { return 0 };
        if byte == other { 1 + length(shorter, rest) } else { length(first, rest).max(length(shorter, second)) }
    }

    proptest! {
        #[test]
        fn runs_are_a_common_subsequence_of_the_greatest_length(
            first in prop::collection::vec(0..3_u8, 0..8),
            second in prop::collection::vec(0..3_u8, 0..8),
        ) {
            let table = Table::new(&first, &second);
            prop_assert_eq!(table.length, length(&first, &second));
            let runs = table.runs(&first, &second);
            prop_assert_eq!(runs.iter().map(|run| run.length).sum::<usize>(), table.length);
            let (mut before_first, mut before_second) = (first.len(), second.len());
            for run in runs {
                prop_assert!(run.first + run.length <= before_first && run.second + run.length <= before_second);
                prop_assert_eq!(&first[run.first..][..run.length], &second[run.second..][..run.length]);
                (before_first, before_second) = (run.first, run.second);
            }
        }
    }
}
