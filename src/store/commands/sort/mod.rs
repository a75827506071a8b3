//! SORT and SORT_RO: `options` what they are asked for, `elements` copies of what is sorted, `reference` strings of other keys.

mod elements;
mod options;
mod reference;

use std::{cmp::Ordering, mem};

use kvstore_protocol::{ByteString, CommandError, Packed};

use self::{
    elements::{Elements, Sortable},
    options::SortOptions,
    reference::Reference,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Hold, Scope, Spec},
    value::{End, List, parse_double},
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
    let source = Sortable::of(call)?;
    let (length, is_set) = (source.map_or(0, Sortable::len), matches!(source, Some(Sortable::Set(_))));
    call.afford_elements(length.saturating_mul(1 + options.gets.len()))?;
    if options.is_unsorted && is_set && (options.is_stored || call.is_in_script()) {
        // The members of a set are in no order. What is stored, or what a script sees, has one that is always the same.
        options = SortOptions { is_unsorted: false, is_alphabetical: true, by: None, ..options };
    }
    let chosen = options.chosen(length);
    match options.by {
        _ if options.is_unsorted => {
            let is_reversed = options.is_descending && !is_set;
            let copied = if is_reversed { length - chosen.end..length - chosen.start } else { chosen };
            let mut elements = Elements::<()>::copy(call, copied.clone())?;
            if is_reversed {
                elements.reverse();
            }
            finish(call, &mut elements.iter(0..copied.len()), &options)
        }
        None if options.is_alphabetical => {
            let mut elements = Elements::<()>::copy(call, 0..length)?;
            elements.sort(&chosen, options.is_descending, |(), ()| Ordering::Equal);
            finish(call, &mut elements.iter(chosen), &options)
        }
        Some(by) if options.is_alphabetical => {
            let mut elements = Elements::<Option<ByteString>>::copy(call, 0..length)?;
            weigh_by_texts(call, &mut elements, by)?;
            elements.sort(&chosen, options.is_descending, |text, other| text.as_deref().cmp(&other.as_deref()));
            finish(call, &mut elements.iter(chosen), &options)
        }
        by => {
            let mut elements = Elements::<f64>::copy(call, 0..length)?;
            elements.weigh(|element| match by {
                None => number(Some(element)),
                Some(by) => number(by.read(call, element)?.as_deref()),
            })?;
            elements.sort(&chosen, options.is_descending, |number, other| {
                number.partial_cmp(other).unwrap_or(Ordering::Equal)
            });
            finish(call, &mut elements.iter(chosen), &options)
        }
    }
}

/// So many bytes of weights are counted at once.
const COPIED: usize = 1 << 20;

/// Finds the texts that elements are sorted by; `None` for a key that is missing. The field of a hash is copied.
fn weigh_by_texts(
    call: &mut Call<'_>,
    elements: &mut Elements<Option<ByteString>>,
    by: Reference<'_>,
) -> Result<(), CommandError> {
    let mut copied = 0;
    elements.weigh(|element| {
        let text = by.read(call, element)?;
        copied += text.as_ref().map_or(0, |text| text.len());
        if copied >= COPIED {
            call.reserve(mem::take(&mut copied))?;
        }
        Ok(text)
    })
}

/// The number that a text begins with. As C reads it: up to a zero byte, and nothing is 0.
fn number(text: Option<&[u8]>) -> Result<f64, CommandError> {
    let text = text.and_then(|text| text.split(|byte| *byte == 0).next());
    let text = text.filter(|text| !text.is_empty());
    text.map_or(Some(0.0), parse_double).ok_or(NOT_A_DOUBLE)
}

/// Stores what was asked for of each element, or answers it.
fn finish(call: &mut Call<'_>, elements: &mut dyn Iterator<Item = &[u8]>, options: &SortOptions<'_>) -> Answer {
    if options.is_stored { store(call, elements, &options.gets) } else { answer(call, elements, &options.gets) }
}

fn answer(call: &mut Call<'_>, elements: &mut dyn Iterator<Item = &[u8]>, gets: &[Reference<'_>]) -> Answer {
    let mut found = call.collect(Packed::array());
    for element in elements {
        if found.is_too_large() {
            break;
        }
        if gets.is_empty() {
            found.push(element);
        }
        for get in gets {
            match get.read(call, element)? {
                Some(string) => found.push(&string),
                None => found.push_null(),
            }
        }
    }
    call.collected(found)
}

/// Stores a list; for nothing removes the destination.
fn store(call: &mut Call<'_>, elements: &mut dyn Iterator<Item = &[u8]>, gets: &[Reference<'_>]) -> Answer {
    let (mut list, limit) = (List::default(), call.thresholds().chunk());
    for element in elements {
        if gets.is_empty() {
            list.push(End::Tail, element, limit);
        }
        for get in gets {
            list.push(End::Tail, &get.read(call, element)?.unwrap_or_default(), limit);
        }
    }
    let length = list.len();
    call.put_result(1, list, Event::SORTSTORE);
    Ok(length.into())
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::{Command, Response};

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
    fn a_limit_gives_a_part_of_the_whole_order() {
        let store = TestStore::new();
        let elements: Vec<_> = (0..200).map(|number| (number * 7919 % 83).to_string()).collect();
        store.answer_to(Command::new("RPUSH").arg("l").with_args(&elements));
        elements.iter().for_each(|element| _ = store.answer(&format!("SET w{element} {}", element.len())));
        let answered = |line: &str| match store.answer(line).unpacked() {
            Response::Array(elements) => elements.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{line}: {other}"),
        };
        for order in ["", " ALPHA", " BY w*", " BY w* ALPHA", " BY nosort"] {
            for direction in ["ASC", "DESC"] {
                let line = format!("SORT l{order} {direction}");
                let whole = answered(&line);
                assert_eq!(whole.len(), elements.len());
                for (offset, count) in [(0, 0), (0, 1), (0, 200), (1, 300), (57, 3), (100, 100), (199, 1), (200, 1)] {
                    let part = &whole[offset..(offset + count).min(200)];
                    assert_eq!(answered(&format!("{line} LIMIT {offset} {count}")), part, "{line} {offset} {count}");
                }
            }
        }
    }

    #[test]
    fn a_script_sorts_what_its_memory_is_enough_for() {
        let store = TestStore::new();
        let numbers = |many: usize| (0..many).map(|number| number.to_string());
        store.answer_to(Command::new("RPUSH").arg("long").with_args(numbers(60_000)));
        store.answer_to(Command::new("RPUSH").arg("short").with_args(numbers(10_000)));
        store.check([("CONFIG SET lua-memory-limit 1mb", "+OK")]);
        for (call, expected) in [
            ("'SORT_RO', 'short', 'LIMIT', 1, 1", r#"["1"]"#),
            ("'SORT_RO', 'long', 'LIMIT', 1, 1", "-ERR the reply takes more memory than lua-memory-limit allows"),
            ("'SORT', 'long', 'ALPHA', 'STORE', 'd'", "-ERR the reply takes more memory than lua-memory-limit allows"),
            ("'SORT_RO', 'long', 'BY', 'nosort', 'LIMIT', 1, 1", r#"["1"]"#),
        ] {
            let source = format!("return redis.pcall({call})");
            let answer = store.answer_to(Command::new("EVAL").with_args([&*source, "0"]));
            assert!(answer.to_string().starts_with(expected), "{call}: {answer}");
        }
        store.check([("EXISTS d", ":0"), ("SORT_RO long LIMIT 49999 1", r#"["49999"]"#)]);
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
