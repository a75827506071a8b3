//! Commands on a range of a list: LRANGE, LTRIM.

use std::ops::Range;

use kvstore_protocol::{CommandError, Packed, Response};

use super::super::interval::clamp;
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::{End, List, ListRef},
};

pub(in super::super) const SPECS: &[Spec] = &[Spec::new("LRANGE", lrange), Spec::new("LTRIM", ltrim)];

/// The indices of a range, both included. Negative ones count from the end.
#[derive(Clone, Copy, Debug)]
struct Interval {
    start: i64,
    stop: i64,
}

impl Interval {
    fn parse(args: &Args<'_>) -> Result<Self, CommandError> {
        Ok(Self { start: args.integer(1)?, stop: args.integer(2)? })
    }

    /// The range in a list of a length.
    fn within(self, length: usize) -> Range<usize> {
        clamp(self.start, self.stop, length)
    }
}

/// `LRANGE key start stop`: the elements of a range.
fn lrange(call: &mut Call<'_>) -> Answer {
    let interval = Interval::parse(&call.args())?;
    let (length, parts) = call.find::<List>(0)?.map_or((0, 0), |list| (list.len(), list.parts()));
    let range = interval.within(length);
    call.afford_elements(range.len() + parts)?;
    let mut elements = call.collect(Packed::array());
    if let Some(list) = call.get::<List>(0)? {
        list.visit(range, End::Head, |element| {
            elements.push(&element.text());
            true
        });
    }
    call.collected(elements)
}

/// `LTRIM key start stop`: removes the elements that are not in a range.
fn ltrim(call: &mut Call<'_>) -> Answer {
    let (interval, limit) = (Interval::parse(&call.args())?, call.thresholds().chunk());
    let length = call.find::<List>(0)?.map_or(0, ListRef::len);
    let kept = interval.within(length);
    call.afford_elements(length - kept.len())?;
    if let Some(mut list) = call.edit::<List>(0, Event::LTRIM)? {
        list.update(|list| {
            list.remove(End::Tail, length - kept.end, limit);
            list.remove(End::Head, if kept.is_empty() { length } else { kept.start }, limit);
            length - kept.len()
        });
    }
    Ok(Response::ok())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn negative_indices_count_from_the_end() {
        TestStore::new().check([
            ("RPUSH l 0 1 2 3", ":4"),
            ("LRANGE l 0 -1", r#"["0", "1", "2", "3"]"#),
            ("LRANGE l 1 2", r#"["1", "2"]"#),
            ("LRANGE l -3 2", r#"["1", "2"]"#),
            ("LRANGE l -100 100", r#"["0", "1", "2", "3"]"#),
            ("LRANGE l 2 1", "[]"),
            ("LRANGE l 4 9", "[]"),
            ("LRANGE l -9223372036854775808 9223372036854775807", r#"["0", "1", "2", "3"]"#),
            ("LRANGE l 0 -5", "[]"),
            ("LRANGE none 0 -1", "[]"),
            ("LRANGE none x -1", "-ERR value is not an integer or out of range"),
        ]);
    }

    #[test]
    fn a_trimmed_list_keeps_a_range() {
        TestStore::new().check([
            ("RPUSH l 0 1 2 3 4", ":5"),
            ("LTRIM l 1 -2", "+OK"),
            ("LRANGE l 0 -1", r#"["1", "2", "3"]"#),
            ("LTRIM l -1 -1", "+OK"),
            ("LRANGE l 0 -1", r#"["3"]"#),
            ("LTRIM l 5 9", "+OK"),
            ("EXISTS l", ":0"),
            ("LTRIM l 0 0", "+OK"),
            ("LTRIM l 0 x", "-ERR value is not an integer or out of range"),
            ("RPUSH l 1 2", ":2"),
            ("LTRIM l 1 0", "+OK"),
            ("EXISTS l", ":0"),
        ]);
    }
}
