//! Commands on single elements: LLEN, LINDEX, LSET, LINSERT, LREM, LPOS.

use kvstore_protocol::{CommandError, Options, Packed, Response, parse_integer};

use super::bulk;
use crate::store::{
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{Element, End, List, ListRef},
};

pub(in super::super) const SPECS: &[Spec] = &[
    Spec::new("LLEN", llen),
    Spec::new("LINDEX", lindex),
    Spec::new("LSET", lset),
    Spec::new("LINSERT", linsert),
    Spec::new("LREM", lrem),
    Spec::new("LPOS", lpos),
];

/// `LLEN key`: the number of elements.
fn llen(call: &mut Call<'_>) -> Answer {
    Ok(call.get::<List>(0)?.map_or(0, ListRef::len).into())
}

/// `LINDEX key index`: the element at an index. Negative ones count from the end.
fn lindex(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let parts = call.find::<List>(0)?.map_or(0, ListRef::parts);
    call.afford_elements(parts)?;
    let most = call.most_copied();
    let Some(list) = call.get::<List>(0)? else { return Ok(Response::Null) };
    let index = index_of(args.integer(1)?, list.len());
    let Some(element) = index.and_then(|index| list.get(index)) else { return Ok(Response::Null) };
    let copy = (element.text().len() <= most).then(|| bulk(element));
    call.copied(copy)
}

/// `LSET key index element`: replaces the element at an index.
fn lset(call: &mut Call<'_>) -> Answer {
    const NO_KEY: CommandError = CommandError::new("ERR", "no such key");
    const NO_INDEX: CommandError = CommandError::new("ERR", "index out of range");
    let (args, limit) = (call.args(), call.thresholds().chunk());
    let (length, parts) = call.find::<List>(0)?.map(|list| (list.len(), list.parts())).ok_or(NO_KEY)?;
    let index = index_of(args.integer(1)?, length).ok_or(NO_INDEX)?;
    call.afford_elements(parts)?;
    let mut list = call.edit::<List>(0, Event::LSET)?.ok_or(NO_KEY)?;
    list.update(|list| list.set(index, args.bytes(2), limit));
    Ok(Response::ok())
}

/// The refusal of the one count that has no opposite.
const NO_OPPOSITE: CommandError =
    CommandError::new("ERR", "value is out of range, value must between -9223372036854775807 and 9223372036854775807");

/// The index that is meant, of which a negative one counts from the end; `None` if there is none.
fn index_of(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { (length as i64).saturating_add(index) } else { index };
    usize::try_from(index).ok().filter(|index| *index < length)
}

/// `LINSERT key BEFORE | AFTER pivot element`: inserts an element next to the first one that equals the pivot. Answers the
/// length, 0 if there is no list, -1 if there is no pivot.
fn linsert(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().chunk());
    let is_after = args.is(1, "AFTER");
    if !is_after && !args.is(1, "BEFORE") {
        return Err(CommandError::SYNTAX);
    }
    let length = call.find::<List>(0)?.map_or(0, ListRef::len);
    call.afford_elements(length)?;
    let Some(mut list) = call.edit::<List>(0, Event::LINSERT)? else { return Ok(0.into()) };
    let Some(pivot) = list.as_ref().find(args.bytes(2)) else { return Ok((-1).into()) };
    list.update(|list| list.insert(pivot + usize::from(is_after), args.bytes(3), limit));
    Ok(list.len().into())
}

/// `LREM key count element`: removes elements that are equal: the first `count`, with a negative one the last, with 0 all.
/// Answers how many.
fn lrem(call: &mut Call<'_>) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().chunk());
    let count = args.integer(1)?;
    if count == i64::MIN {
        return Err(NO_OPPOSITE);
    }
    let end = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let length = call.find::<List>(0)?.map_or(0, ListRef::len);
    call.afford_elements(length)?;
    let Some(mut list) = call.edit::<List>(0, Event::LREM)? else { return Ok(0.into()) };
    Ok(list.update(|list| list.remove_equal(args.bytes(2), end, most, limit)).into())
}

/// `LPOS key element [RANK rank] [COUNT count] [MAXLEN len]`: the index of the first element that is equal, or with a count an
/// array of the first ones.
fn lpos(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let search = Search::parse(args.options(2))?;
    let length = call.find::<List>(0)?.map_or(0, ListRef::len);
    call.afford_elements(search.visited(length))?;
    let mut found = Packed::array();
    let mut first = None;
    if let Some(list) = call.get::<List>(0)? {
        search.visit(list, args.bytes(1), |index| {
            first.get_or_insert(index);
            found.push_integer(index as i64);
        });
    }
    Ok(if search.count.is_some() { found.into() } else { first.into() })
}

/// The options of LPOS.
#[derive(Clone, Copy, Debug)]
struct Search {
    from: End,
    /// How many equal elements are skipped.
    skipped: usize,
    count: Option<usize>,
    /// The most elements that are compared.
    most: usize,
}

impl Search {
    fn parse(mut options: Options<'_>) -> Result<Self, CommandError> {
        const COUNT: CommandError = CommandError::new("ERR", "COUNT can't be negative");
        const MAXLEN: CommandError = CommandError::new("ERR", "MAXLEN can't be negative");
        let mut search = Self { from: End::Head, skipped: 0, count: None, most: usize::MAX };
        while let Some(word) = options.peek() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            if !["RANK", "COUNT", "MAXLEN"].into_iter().any(is) {
                return Err(CommandError::SYNTAX);
            }
            options.value()?;
            let value = options.value()?;
            if is("RANK") {
                search.set_rank(value)?;
            } else if is("COUNT") {
                search.count = Some(count_of(value, COUNT)?);
            } else {
                search.most = count_or_all(count_of(value, MAXLEN)?);
            }
        }
        Ok(search)
    }

    fn set_rank(&mut self, value: &[u8]) -> Result<(), CommandError> {
        const ZERO: CommandError = CommandError::new(
            "ERR",
            "RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
             the end of the list",
        );
        let rank = parse_integer(value).ok_or(CommandError::NOT_AN_INTEGER)?;
        if rank == i64::MIN {
            return Err(NO_OPPOSITE);
        }
        self.from = if rank < 0 { End::Tail } else { End::Head };
        self.skipped = usize::try_from(rank.unsigned_abs()).unwrap_or(usize::MAX).checked_sub(1).ok_or(ZERO)?;
        Ok(())
    }

    /// How many elements of a list are compared at most.
    fn visited(&self, length: usize) -> usize {
        self.most.min(length)
    }

    /// Visits the indices of the elements that are equal.
    fn visit(&self, list: ListRef<'_>, element: &[u8], mut visit: impl FnMut(usize)) {
        let (length, element) = (list.len(), Element::new(element));
        let wanted = self.count.map_or(1, count_or_all);
        let visited = self.visited(length);
        let range = if self.from == End::Head { 0..visited } else { length - visited..length };
        let (mut number, mut equal) = (0, 0);
        list.visit(range, self.from, |other| {
            if other == element {
                equal += 1;
                if equal > self.skipped {
                    visit(if self.from == End::Head { number } else { length - 1 - number });
                }
            }
            number += 1;
            equal.saturating_sub(self.skipped) < wanted
        });
    }
}

fn count_of(value: &[u8], error: CommandError) -> Result<usize, CommandError> {
    parse_integer(value).and_then(|count| usize::try_from(count).ok()).ok_or(error)
}

/// A count, of which 0 means all.
fn count_or_all(count: usize) -> usize {
    if count == 0 { usize::MAX } else { count }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn an_index_may_count_from_the_end() {
        TestStore::new().check([
            ("RPUSH l a b c", ":3"),
            ("LLEN l", ":3"),
            ("LLEN none", ":0"),
            ("LINDEX l 0", "\"a\""),
            ("LINDEX l -1", "\"c\""),
            ("LINDEX l 3", "(nil)"),
            ("LINDEX l -4", "(nil)"),
            ("LINDEX l -9223372036854775808", "(nil)"),
            ("LINDEX l x", NOT_AN_INTEGER),
            ("LINDEX none x", "(nil)"),
            ("LSET l -2 B", "+OK"),
            ("LSET l 2 17", "+OK"),
            ("LRANGE l 0 -1", r#"["a", "B", "17"]"#),
            ("LSET l 3 d", "-ERR index out of range"),
            ("LSET l -4 d", "-ERR index out of range"),
            ("LSET l x d", NOT_AN_INTEGER),
            ("LSET none x d", "-ERR no such key"),
        ]);
    }

    #[test]
    fn an_element_is_inserted_next_to_the_first_pivot() {
        TestStore::new().check([
            ("LINSERT l BEFORE a x", ":0"),
            ("RPUSH l a b b", ":3"),
            ("LINSERT l BEFORE a x", ":4"),
            ("LINSERT l after b y", ":5"),
            ("LINSERT l AFTER none y", ":-1"),
            ("LINSERT l BETWEEN a y", "-ERR syntax error"),
            ("LRANGE l 0 -1", r#"["x", "a", "b", "y", "b"]"#),
        ]);
    }

    #[test]
    fn elements_are_removed_from_either_end() {
        TestStore::new().check([
            ("RPUSH l a 1 a 2 a 3 a", ":7"),
            ("LREM l 1 a", ":1"),
            ("LREM l -1 a", ":1"),
            ("LRANGE l 0 -1", r#"["1", "a", "2", "a", "3"]"#),
            ("LREM l 5 none", ":0"),
            ("LREM l 0 a", ":2"),
            (
                "LREM l -9223372036854775808 2",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("LREM l -9223372036854775807 2", ":1"),
            ("LREM l x 2", NOT_AN_INTEGER),
            ("LREM none x 2", NOT_AN_INTEGER),
            ("LRANGE l 0 -1", r#"["1", "3"]"#),
            ("LREM l 1 1", ":1"),
            ("LREM l 1 3", ":1"),
            ("EXISTS l", ":0"),
        ]);
    }

    #[test]
    fn lpos_skips_counts_and_stops() {
        TestStore::new().check([
            ("RPUSH l a b c 1 2 3 c c", ":8"),
            ("LPOS l c", ":2"),
            ("LPOS l d", "(nil)"),
            ("LPOS l d COUNT 0", "[]"),
            ("LPOS none c", "(nil)"),
            ("LPOS none c COUNT 1", "[]"),
            ("LPOS l c RANK 2", ":6"),
            ("LPOS l c RANK -1", ":7"),
            ("LPOS l c RANK 4", "(nil)"),
            ("LPOS l c COUNT 2", "[:2, :6]"),
            ("LPOS l c COUNT 0 RANK 2", "[:6, :7]"),
            ("LPOS l c COUNT 0 RANK -2", "[:6, :2]"),
            ("LPOS l c COUNT 0 MAXLEN 7", "[:2, :6]"),
            ("LPOS l c RANK -1 COUNT 0 MAXLEN 1", "[:7]"),
            ("LPOS l c MAXLEN 2", "(nil)"),
            ("LPOS l c MAXLEN 0", ":2"),
        ]);
    }

    #[test]
    fn lpos_refuses_bad_options() {
        TestStore::new().check([
            (
                "LPOS l c RANK 0",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
                 start from the end of the list",
            ),
            ("LPOS l c RANK x", NOT_AN_INTEGER),
            (
                "LPOS l c RANK -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("LPOS l c COUNT -1", "-ERR COUNT can't be negative"),
            ("LPOS l c COUNT x", "-ERR COUNT can't be negative"),
            ("LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative"),
            ("LPOS l c RANK", "-ERR syntax error"),
            ("LPOS l c FIRST 1", "-ERR syntax error"),
        ]);
    }
}
