//! SORT and SORT_RO: `options` what they are asked for, `reference` strings of other keys.

mod options;
mod reference;

use std::{cmp::Ordering, mem};

use kvstore_protocol::{ByteString, CommandError, Packed};

use self::{options::SortOptions, reference::Reference};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Hold, Scope, Spec},
    value::{DataType, End, List, ListRef, Set, SetRef, SortedSet, SortedSetRef, parse_double},
};

pub(super) const SPECS: &[Spec] =
    &[Spec::new("SORT", sort).over_found(other_keys), Spec::new("SORT_RO", sort).over_found(other_keys)];

const NOT_A_DOUBLE: CommandError = CommandError::new("ERR", "One or more scores can't be converted into double");

/// BY and GET may name any key.
fn other_keys(args: &Args<'_>) -> Scope {
    match SortOptions::parse(args) {
        Ok(options) if options.reads_other_keys() => Scope::Database(Hold::AtOnce),
        _ => Scope::Keys,
    }
}

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern …]] [ASC | DESC] [ALPHA] [STORE destination]`: the
/// elements of a list, a set or a sorted set in an order. With STORE they are stored as a list; answers how many there are.
fn sort(call: &mut Call<'_>) -> Answer {
    let mut options = SortOptions::parse(&call.args())?;
    let length = Sortable::of(call)?.map_or(0, Sortable::len);
    call.afford_elements(length.saturating_mul(1 + options.gets.len()))?;
    call.read(0);
    let source = Sortable::of(call)?;
    let is_set = matches!(source, Some(Sortable::Set(_)));
    if options.is_unsorted && is_set && (options.is_stored || call.is_in_script()) {
        // The members of a set are in no order. What is stored, or what a script sees, has one that is always the same.
        options = SortOptions { is_unsorted: false, is_alphabetical: true, by: None, ..options };
    }
    let mut elements = source.map_or_else(Vec::new, Sortable::elements);
    if !options.is_unsorted {
        elements = sorted(call, elements, &options)?;
    } else if options.is_descending && !is_set {
        elements.reverse();
    }
    let chosen = elements.into_iter().skip(options.offset).take(options.count.unwrap_or(usize::MAX));
    if options.is_stored { store(call, chosen, &options.gets) } else { answer(call, chosen, &options.gets) }
}

/// What can be sorted.
#[derive(Clone, Copy, Debug)]
enum Sortable<'a> {
    List(ListRef<'a>),
    Set(SetRef<'a>),
    SortedSet(SortedSetRef<'a>),
}

impl<'a> Sortable<'a> {
    /// The value of the first key.
    fn of(call: &'a Call<'_>) -> Result<Option<Self>, CommandError> {
        let Some(entry) = call.entry(0) else { return Ok(None) };
        Ok(Some(match entry.type_name() {
            "set" => Self::Set(Set::read(entry)?),
            "zset" => Self::SortedSet(SortedSet::read(entry)?),
            _ => Self::List(List::read(entry)?),
        }))
    }

    fn len(self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::SortedSet(set) => set.len(),
        }
    }

    /// The elements, in the order that they have.
    fn elements(self) -> Vec<ByteString> {
        let mut elements = Vec::with_capacity(self.len());
        let mut push = |element: &[u8]| elements.push(ByteString::copy_from(element));
        match self {
            Self::List(list) => list.visit(0..list.len(), End::Head, |element| {
                push(&element.text());
                true
            }),
            Self::Set(set) => set.for_each(push),
            Self::SortedSet(set) => set.for_each(|member, _| push(member)),
        }
        elements
    }
}

/// So many bytes of weights are counted at once.
const COPIED: usize = 1 << 20;

/// What an element is sorted by.
enum Weight {
    Number(f64),
    /// `None` for a key that is missing.
    Text(Option<ByteString>),
}

impl Weight {
    fn of(call: &Call<'_>, element: &ByteString, options: &SortOptions<'_>) -> Result<Self, CommandError> {
        let text = match options.by {
            None => Some(element.clone()),
            Some(by) => by.read(call, element)?,
        };
        if options.is_alphabetical {
            return Ok(Self::Text(text));
        }
        // As C reads it: up to a zero byte, and nothing is 0.
        let text = text.as_deref().and_then(|text| text.split(|byte| *byte == 0).next());
        let text = text.filter(|text| !text.is_empty());
        Ok(Self::Number(text.map_or(Some(0.0), parse_double).ok_or(NOT_A_DOUBLE)?))
    }

    /// How many bytes are copied for it: the field of a hash is.
    fn copied(&self, options: &SortOptions<'_>) -> usize {
        match self {
            Self::Text(Some(text)) if options.by.is_some() => text.len(),
            _ => 0,
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
            (Self::Text(left), Self::Text(right)) => left.as_deref().cmp(&right.as_deref()),
            _ => Ordering::Equal,
        }
    }
}

/// Sorts elements. Those with the same weight are sorted by themselves, so that the order is always the same.
fn sorted(
    call: &mut Call<'_>,
    elements: Vec<ByteString>,
    options: &SortOptions<'_>,
) -> Result<Vec<ByteString>, CommandError> {
    let (mut weighted, mut copied) = (Vec::with_capacity(elements.len()), 0);
    for element in elements {
        let weight = Weight::of(call, &element, options)?;
        copied += weight.copied(options);
        if copied >= COPIED {
            call.reserve(mem::take(&mut copied))?;
        }
        weighted.push((weight, element));
    }
    weighted.sort_unstable_by(|(weight, element), (other_weight, other)| {
        let order = weight.cmp(other_weight).then_with(|| element.as_ref().cmp(other.as_ref()));
        if options.is_descending { order.reverse() } else { order }
    });
    Ok(weighted.into_iter().map(|(_, element)| element).collect())
}

fn answer(call: &mut Call<'_>, elements: impl Iterator<Item = ByteString>, gets: &[Reference<'_>]) -> Answer {
    let mut found = call.collect(Packed::array());
    for element in elements {
        if found.is_too_large() {
            break;
        }
        if gets.is_empty() {
            found.push(&element);
        }
        for get in gets {
            match get.read(call, &element)? {
                Some(string) => found.push(&string),
                None => found.push_null(),
            }
        }
    }
    call.collected(found)
}

/// Stores a list; for nothing removes the destination.
fn store(call: &mut Call<'_>, elements: impl Iterator<Item = ByteString>, gets: &[Reference<'_>]) -> Answer {
    let (mut list, limit) = (List::default(), call.thresholds().chunk());
    for element in elements {
        if gets.is_empty() {
            list.push(End::Tail, &element, limit);
        }
        for get in gets {
            list.push(End::Tail, &get.read(call, &element)?.unwrap_or_default(), limit);
        }
    }
    let length = list.len();
    call.put_result(1, list, Event::SORTSTORE);
    Ok(length.into())
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::{
        execute::{Attempt, Patience, Stopped},
        testing::{TestStore, command},
    };

    #[test]
    fn elements_are_sorted_as_numbers_or_as_texts() {
        TestStore::new().check([
            ("SADD s 10 9 -1 2.5 1e2", ":5"),
            ("SORT s", r#"["-1", "2.5", "9", "10", "1e2"]"#),
            ("SORT s DESC", r#"["1e2", "10", "9", "2.5", "-1"]"#),
            ("SORT s desc asc", r#"["-1", "2.5", "9", "10", "1e2"]"#),
            ("SORT s ALPHA", r#"["-1", "10", "1e2", "2.5", "9"]"#),
            ("SORT s ALPHA DESC", r#"["9", "2.5", "1e2", "10", "-1"]"#),
            ("SORT_RO s", r#"["-1", "2.5", "9", "10", "1e2"]"#),
            ("SORT missing", "[]"),
            ("SORT_RO missing ALPHA", "[]"),
            ("ZADD z 3 7 2 8 1 9", ":3"),
            ("SORT z", r#"["7", "8", "9"]"#),
            ("SORT z DESC", r#"["9", "8", "7"]"#),
            ("SORT z BY nosort", r#"["9", "8", "7"]"#),
            ("SORT z BY nosort DESC", r#"["7", "8", "9"]"#),
            ("SORT z BY nosort LIMIT 1 1", r#"["8"]"#),
            ("SORT z BY nosort DESC LIMIT 0 2", r#"["7", "8"]"#),
            ("SORT s STORE l", ":5"),
            ("SORT l DESC", r#"["1e2", "10", "9", "2.5", "-1"]"#),
            ("SORT_RO l BY nosort", r#"["-1", "2.5", "9", "10", "1e2"]"#),
            ("SORT_RO l BY nosort DESC", r#"["1e2", "10", "9", "2.5", "-1"]"#),
            ("SORT_RO l BY nosort DESC LIMIT 1 2", r#"["10", "9"]"#),
            ("SADD e '' 1 -1", ":3"),
            ("SORT e", r#"["-1", "", "1"]"#),
            ("SADD equal 1 1.0 01", ":3"),
            ("SORT equal", r#"["01", "1", "1.0"]"#),
            ("SORT equal DESC", r#"["1.0", "1", "01"]"#),
        ]);
    }

    #[test]
    fn a_limit_leaves_elements_out() {
        TestStore::new().check([
            ("SADD s 1 2 3 4 5", ":5"),
            ("SORT s LIMIT 1 2", r#"["2", "3"]"#),
            ("SORT s LIMIT 0 0", "[]"),
            ("SORT s LIMIT 4 9", r#"["5"]"#),
            ("SORT s LIMIT 5 1", "[]"),
            ("SORT s LIMIT 9223372036854775807 9223372036854775807", "[]"),
            ("SORT s LIMIT -1 2", r#"["1", "2"]"#),
            ("SORT s LIMIT 1 -1", r#"["2", "3", "4", "5"]"#),
            ("SORT s LIMIT 1 -9223372036854775808", r#"["2", "3", "4", "5"]"#),
            ("SORT s DESC LIMIT 0 1", r#"["5"]"#),
            ("SORT s LIMIT 0 1 LIMIT 1 1", r#"["2"]"#),
        ]);
    }

    #[test]
    fn elements_are_sorted_by_other_keys() {
        TestStore::new().check([
            ("SADD s 1 2 3", ":3"),
            ("MSET w1 30 w2 10 w3 20", "+OK"),
            ("SORT s BY w*", r#"["2", "3", "1"]"#),
            ("SORT s BY w* DESC", r#"["1", "3", "2"]"#),
            ("SORT s BY w* LIMIT 0 2", r#"["2", "3"]"#),
            ("DEL w2", ":1"),
            ("SORT s BY w*", r#"["2", "3", "1"]"#),
            ("SET w2 x", "+OK"),
            ("SORT s BY w*", "-ERR One or more scores can't be converted into double"),
            ("SORT s BY w* ALPHA", r#"["3", "1", "2"]"#),
            ("SORT s BY missing* ALPHA", r#"["1", "2", "3"]"#),
            ("SORT s BY missing* DESC", r#"["3", "2", "1"]"#),
            ("HSET h1 f 3 g c", ":2"),
            ("HSET h2 f 1", ":1"),
            ("HSET h3 f 2 g a", ":2"),
            ("SORT s BY h*->f", r#"["2", "3", "1"]"#),
            ("SORT s BY h*->g ALPHA", r#"["2", "3", "1"]"#),
            ("SORT s BY h*->", r#"["1", "2", "3"]"#),
            ("SORT s BY h* DESC", r#"["3", "2", "1"]"#),
            ("SORT s BY w*->f", r#"["1", "2", "3"]"#),
            ("SORT s BY nosort BY h*->f ALPHA LIMIT 0 0", "[]"),
        ]);
    }

    #[test]
    fn what_is_got_is_answered() {
        TestStore::new().check([
            ("SADD s 1 2", ":2"),
            ("MSET v1 a v3 c", "+OK"),
            ("HSET h1 f x", ":1"),
            ("SORT s GET v*", r#"["a", (nil)]"#),
            ("SORT s GET # GET v* GET h*->f", r#"["1", "a", "x", "2", (nil), (nil)]"#),
            ("SORT s GET fixed", "[(nil), (nil)]"),
            ("SORT s GET v* DESC", r#"[(nil), "a"]"#),
            ("SORT s GET # STORE l", ":2"),
            ("SORT_RO l BY nosort", r#"["1", "2"]"#),
            ("SORT s GET v* GET h*->f STORE l", ":4"),
            ("SORT_RO l BY nosort", r#"["a", "x", "", ""]"#),
            ("SADD v2 m", ":1"),
            ("SORT s GET v*", r#"["a", (nil)]"#),
        ]);
    }

    #[test]
    fn a_result_is_stored_as_a_list() {
        TestStore::new().check([
            ("SADD s 3 1 2", ":3"),
            ("SORT s STORE d", ":3"),
            ("TYPE d", "+list"),
            ("SORT_RO d BY nosort", r#"["1", "2", "3"]"#),
            ("EXPIRE d 100", ":1"),
            ("SORT s DESC LIMIT 0 2 STORE d", ":2"),
            ("TTL d", ":-1"),
            ("SORT_RO d BY nosort", r#"["3", "2"]"#),
            ("SORT s STORE s", ":3"),
            ("TYPE s", "+list"),
            ("SADD t b c a", ":3"),
            ("SORT t BY nosort STORE d", ":3"),
            ("SORT_RO d BY nosort", r#"["a", "b", "c"]"#),
            ("SORT t BY nosort DESC STORE d", ":3"),
            ("SORT_RO d BY nosort", r#"["c", "b", "a"]"#),
            ("SORT missing STORE d", ":0"),
            ("EXISTS d", ":0"),
            ("SORT s LIMIT 9 1 STORE s", ":0"),
            ("EXISTS s", ":0"),
            ("SORT t STORE x", "-ERR One or more scores can't be converted into double"),
            ("EXISTS x", ":0"),
            ("SORT t ALPHA STORE y STORE x", ":3"),
            ("EXISTS x y", ":1"),
        ]);
    }

    #[test]
    fn invalid_arguments_are_refused() {
        TestStore::new().check([
            ("SADD s 1 x", ":2"),
            ("SORT s", "-ERR One or more scores can't be converted into double"),
            ("SORT s STORE d", "-ERR One or more scores can't be converted into double"),
            ("SORT s LIMIT 0 0", "-ERR One or more scores can't be converted into double"),
            ("EXISTS d", ":0"),
            ("SORT s FOO", "-ERR syntax error"),
            ("SORT s LIMIT 1", "-ERR syntax error"),
            ("SORT s LIMIT x 1", "-ERR value is not an integer or out of range"),
            ("SORT s LIMIT 1 x", "-ERR value is not an integer or out of range"),
            ("SORT s BY", "-ERR syntax error"),
            ("SORT s GET", "-ERR syntax error"),
            ("SORT s STORE", "-ERR syntax error"),
            ("SORT_RO s STORE d", "-ERR syntax error"),
            ("SORT", "-ERR wrong number of arguments for 'sort' command"),
            ("SET k v", "+OK"),
            ("SORT k", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SORT_RO k BY nosort", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("HSET h f v", ":1"),
            ("SORT h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("SADD n nan", ":1"),
            ("SORT n", "-ERR One or more scores can't be converted into double"),
            ("SADD i inf -inf 0", ":3"),
            ("SORT i", r#"["-inf", "0", "inf"]"#),
        ]);
    }

    #[test]
    fn a_number_ends_at_a_zero_byte() {
        let store = TestStore::new();
        store.answer_to(Command::new("RPUSH").arg("l").arg(&b"5\0x"[..]).arg("").arg("1"));
        store.check([("SORT l", r#"["", "1", "5\x00x"]"#)]);
    }

    #[test]
    fn keys_of_all_shards_are_read_in_a_transaction_too() {
        let store = TestStore::with_threads(8);
        store.check([("SADD s 1 2 3 4", ":4"), ("MSET w1 4 w2 3 w3 2 w4 1", "+OK"), ("PEXPIRE w4 5", ":1")]);
        let mut client = store.client();
        client.check([
            ("MULTI", "+OK"),
            ("SORT s BY w* GET w*", "+QUEUED"),
            ("SORT s BY w* DESC STORE d", "+QUEUED"),
            ("SORT_RO d BY nosort", "+QUEUED"),
            ("EXEC", r#"[["1", "2", "3", "4"], :4, ["1", "2", "3", "4"]]"#),
        ]);
        store.pass(6);
        store.check([("SORT s BY w* GET w*", r#"[(nil), "2", "3", "4"]"#)]);
    }

    #[test]
    fn a_large_set_is_sorted_where_no_connection_waits() {
        let store = TestStore::new();
        let members = (0..50_000).map(|number| number.to_string());
        store.answer_to(Command::new("SADD").arg("s").with_args(members));
        let mut attempt = Attempt::new(Patience::Short);
        let _ = store.store().handle.attempt(&command("SORT s BY w* STORE d"), &mut attempt);
        assert!(matches!(attempt.stopped, Some(Stopped::Long)));
        store.check([("EXISTS d", ":0"), ("SORT s LIMIT 49999 1 STORE d", ":1"), ("SORT d", r#"["49999"]"#)]);
    }
}
