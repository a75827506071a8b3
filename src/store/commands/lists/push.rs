//! Commands that add elements at an end: LPUSH, RPUSH, LPUSHX, RPUSHX.

use super::pushed;
use crate::store::{
    call::Call,
    spec::{Answer, Spec},
    value::{End, List},
};

pub(in super::super) const SPECS: &[Spec] =
    &[Spec::new("LPUSH", lpush), Spec::new("RPUSH", rpush), Spec::new("LPUSHX", lpushx), Spec::new("RPUSHX", rpushx)];

/// `LPUSH key element [element …]`: adds elements at the head, one after the other. Answers the length.
fn lpush(call: &mut Call<'_>) -> Answer {
    push(call, End::Head)
}

/// `RPUSH key element [element …]`: adds elements at the tail. Answers the length.
fn rpush(call: &mut Call<'_>) -> Answer {
    push(call, End::Tail)
}

/// `LPUSHX key element [element …]`: the same as LPUSH, if there is a list.
fn lpushx(call: &mut Call<'_>) -> Answer {
    push_if_exists(call, End::Head)
}

/// `RPUSHX key element [element …]`: the same as RPUSH, if there is a list.
fn rpushx(call: &mut Call<'_>) -> Answer {
    push_if_exists(call, End::Tail)
}

fn push_if_exists(call: &mut Call<'_>, end: End) -> Answer {
    if call.find::<List>(0)?.is_none() {
        return Ok(0.into());
    }
    push(call, end)
}

fn push(call: &mut Call<'_>, end: End) -> Answer {
    let (args, limit) = (call.args(), call.thresholds().chunk());
    let mut list = call.edit_or_create::<List>(0, pushed(end))?;
    list.update(|list| args.from(1).for_each(|element| list.push(end, element, limit)));
    Ok(list.len().into())
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn elements_are_pushed_one_after_the_other() {
        TestStore::new().check([
            ("LPUSHX l a", ":0"),
            ("RPUSHX l a", ":0"),
            ("EXISTS l", ":0"),
            ("LPUSH l b a", ":2"),
            ("RPUSH l 1 ''", ":4"),
            ("LPUSHX l x y", ":6"),
            ("RPUSHX l -7", ":7"),
            ("LRANGE l 0 -1", r#"["y", "x", "a", "b", "1", "", "-7"]"#),
            ("TYPE l", "+list"),
            ("OBJECT ENCODING l", "\"listpack\""),
        ]);
    }

    #[test]
    fn an_expired_list_is_absent() {
        let store = TestStore::new();
        store.check([("RPUSH l a b", ":2"), ("PEXPIRE l 5", ":1")]);
        store.pass(6);
        store.check([
            ("TYPE l", "+none"),
            ("LRANGE l 0 -1", "[]"),
            ("LPOP l", "(nil)"),
            ("LPUSHX l c", ":0"),
            ("RPUSH l c", ":1"),
            ("TTL l", ":-1"),
        ]);
    }

    #[test]
    fn another_type_is_refused() {
        const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        TestStore::new().check([
            ("SET s v", "+OK"),
            ("LPUSH s a", WRONG_TYPE),
            ("RPUSH s a", WRONG_TYPE),
            ("LPUSHX s a", WRONG_TYPE),
            ("RPUSHX s a", WRONG_TYPE),
            ("RPUSH l a", ":1"),
            ("GET l", WRONG_TYPE),
            ("HGET l a", WRONG_TYPE),
        ]);
    }

    #[test]
    fn the_encoding_follows_the_size() {
        let store = TestStore::new();
        store.check([
            ("CONFIG SET list-max-listpack-size 4", "+OK"),
            ("RPUSH l 1 2 3 4", ":4"),
            ("OBJECT ENCODING l", "\"listpack\""),
            ("RPUSH l 5", ":5"),
            ("OBJECT ENCODING l", "\"quicklist\""),
            ("LPOP l", "\"1\""),
            ("LPOP l 2", "[\"2\", \"3\"]"),
            ("LPOP l", "\"4\""),
            ("OBJECT ENCODING l", "\"listpack\""),
            ("CONFIG SET list-max-listpack-size -2", "+OK"),
        ]);
        let long = "x".repeat(9000);
        store.check([
            (&*format!("RPUSH big {long}"), ":1"),
            ("OBJECT ENCODING big", "\"quicklist\""),
            ("LSET big 0 short", "+OK"),
            ("OBJECT ENCODING big", "\"listpack\""),
        ]);
    }
}
