//! Streams: payloads of other servers, hostile ones, and streams that are written in parts.

use super::{dumped, restored};
use crate::store::{
    rdb::{self, Parts, payload::seal},
    snapshot::value_of,
    testing::TestStore,
};

/// What Redis 8.2.3 dumps of a stream of the entries 1-1 to 5-1, of which 2-1 was deleted, and 9-9. The consumers `c` and `d` of the group
/// `g` have entries pending, and `e` of the group `h` has none.
const REDIS_8_2: &[u8] = b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3@X@i\x12i\x00\x00\x00+\x00\x05\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\x00 \x09\x00\x00 \x01\x07\x01\x01\x81x\x02\x05\x01\x03 \x08@\x12`\x0c\x00\x02 \x01\x00\x00 \x12\xa0\x0c\x00\x03 \x0c\x00\x04\xc0\x0c\x00\x04 \x0c\x00\x05\x80\x0c\x02\x00\x01\x08 \x01\x0d\x01\x01\x85other\x06\x01\x01\x06\x01\xff\x05\x09\x09\x01\x01\x02\x01\x06\x02\x01g\x04\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01i\xea\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01i\xea\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01i\xea\xd8&\xa2\x01\x00\x00\x01\x02\x01ci\xea\xd8&\xa2\x01\x00\x00i\xea\xd8&\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x01di\xea\xd8&\xa2\x01\x00\x00i\xea\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01h\x03\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01\x01ei\xea\xd8&\xa2\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00";

/// The same in Redis 7.0.15.
const REDIS_7_0: &[u8] = b"\x13\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\xc3@X@i\x12i\x00\x00\x00+\x00\x05\x01\x01\x01\x02\x01\x81a\x02\x81b\x02\x00 \x09\x00\x00 \x01\x07\x01\x01\x81x\x02\x05\x01\x03 \x08@\x12`\x0c\x00\x02 \x01\x00\x00 \x12\xa0\x0c\x00\x03 \x0c\x00\x04\xc0\x0c\x00\x04 \x0c\x00\x05\x80\x0c\x02\x00\x01\x08 \x01\x0d\x01\x01\x85other\x06\x01\x01\x06\x01\xff\x05\x09\x09\x01\x01\x02\x01\x06\x02\x01g\x04\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x9c\xe7\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x9c\xe7\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x9c\xe7\xd8&\xa2\x01\x00\x00\x01\x02\x01c\x9c\xe7\xd8&\xa2\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01\x01d\x9c\xe7\xd8&\xa2\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x01\x01h\x03\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01\x01e\x9c\xe7\xd8&\xa2\x01\x00\x00\x00";

const ENTRIES: &str = r#"[["1-1", ["a", "1", "b", "x"]], ["3-1", ["a", "3", "b", "x"]], ["4-1", ["a", "4", "b", "x"]], ["5-1", ["a", "5", "b", "x"]], ["9-9", ["other", "1"]]]"#;

#[test]
fn streams_of_other_servers_are_restored_with_their_groups() {
    for payload in [REDIS_8_2, REDIS_7_0] {
        let store = TestStore::new();
        assert_eq!(restored(&store, "k", seal(payload.to_vec(), 11)), "+OK");
        store.check([
            ("XRANGE k - +", ENTRIES),
            ("XPENDING k g", r#"[:3, "1-1", "4-1", [["c", "2"], ["d", "1"]]]"#),
            ("XPENDING k h", "[:0, (nil), (nil), (nil)]"),
            (
                "XREADGROUP GROUP g d STREAMS k >",
                r#"[["k", [["5-1", ["a", "5", "b", "x"]], ["9-9", ["other", "1"]]]]]"#,
            ),
            ("XADD k 9-9 a 1", "-ERR The ID specified in XADD is equal or smaller than the target stream top item"),
            ("XADD k 9-10 a 1", "\"9-10\""),
        ]);
    }
    let store = TestStore::new();
    restored(&store, "k", seal(REDIS_8_2.to_vec(), 11));
    assert_eq!(dumped(&store, "k"), seal(REDIS_8_2.to_vec(), 11));
}

/// What Redis 8.2.3 dumps of the entry 1-0, behind which 12-5 was deleted before XSETID said that 10-2 is the last one.
const BEHIND_THE_LAST: &[u8] = b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00((\x00\x00\x00\x0f\x00\x01\x01\x01\x01\x01\x01\x81a\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81b\x02\x04\x01\x03\x01\x0b\x01\x05\x01\x81b\x02\x04\x01\xff\x01\n\x02\x01\x00\x05\x02\x02\x00";

/// The same with 11-0, 12-5 and 12-6, which were added then.
const BEHIND_OTHERS: &[u8] = b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xc3@B@M\x07M\x00\x00\x00 \x00\x04\x01@\x00\x07\x81a\x02\x00\x01\x02\x01\x00 \x01\t\x81b\x02\x04\x01\x03\x01\x0b\x01\x05\x80\n\x02\x02\x01\n\xc0\x15\x00\x00`\x15 -\x05c\x02\x81d\x02\x06 \x1a\x08\x0b\x01\x06\x01\x07\x01\x04\x01\xff\x04\x0c\x06\x01\x00\x05\x02\x05\x00";

/// What it dumps of 0-2 and 0-3, in a node that began with 1-0: that and 5-0 were removed before XSETID.
const BEFORE_THE_NODE: &[u8] = b"\x15\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\xc34@@\x13@\x00\x00\x00\x19\x00\x02\x01\x02\x01\x01\x01\x81a\x02\x00\x01\x03\x01\x00 \x01\x03\x81b\x02\x04 \n\x00\x04\xc0\n\x05\x02\x01\xdf\xff\x02\x02\x80\x16`\x0b\x00\x03`\x0b\x01\x01\xff\x02\x00\x03\x00\x02\x00\x01\x04\x00";

#[test]
fn deleted_entries_that_are_not_in_order_are_passed_over() {
    const OTHERS: &str = r#"[["1-0", ["a", "b"]], ["11-0", ["a", "b"]], ["12-5", ["c", "d"]], ["12-6", ["a", "7"]]]"#;
    for (payload, entries, lines) in [
        (
            BEHIND_THE_LAST,
            r#"[["1-0", ["a", "b"]]]"#,
            &[("XADD k 11-0 a b", "\"11-0\""), ("XDEL k 11-0 1-0", ":2")][..],
        ),
        (BEHIND_OTHERS, OTHERS, &[("XDEL k 11-0", ":1"), ("XTRIM k MINID 12-6", ":2"), ("XDEL k 12-5", ":0")][..]),
        (BEFORE_THE_NODE, r#"[["0-2", ["a", "b"]], ["0-3", ["a", "b"]]]"#, &[("XDEL k 0-2 0-3", ":2")][..]),
    ] {
        let store = TestStore::new();
        assert_eq!(restored(&store, "k", seal(payload.to_vec(), 12)), "+OK");
        store.check([("XRANGE k - +", entries)]);
        let again = dumped(&store, "k");
        assert_eq!(restored(&store, "other", again.clone()), "+OK");
        assert_eq!(dumped(&store, "other"), again);
        store.check(lines.iter().copied());
    }
    // Another last identifier is smaller than one that is there.
    let mut payload = BEHIND_OTHERS.to_vec();
    let last = payload.len() - 8;
    assert_eq!(payload[last..last + 2], [12, 6]);
    payload[last + 1] = 5;
    assert_eq!(restored(&TestStore::new(), "k", seal(payload, 12)), "-ERR Bad data format");
}

#[test]
fn a_damaged_stream_is_refused_or_whole() {
    for at in 0..REDIS_8_2.len() {
        for flip in [0x01, 0x02, 0x40, 0x80, 0xFF] {
            let mut payload = REDIS_8_2.to_vec();
            payload[at] ^= flip;
            let store = TestStore::new();
            if restored(&store, "k", seal(payload, 11)) != "+OK" || store.answer("TYPE k").to_string() != "+stream" {
                continue;
            }
            let again = dumped(&store, "k");
            assert_eq!(restored(&store, "other", again.clone()), "+OK");
            assert_eq!(dumped(&store, "other"), again);
            for line in
                ["XINFO STREAM k FULL", "XREVRANGE k + -", "XPENDING k g - + 9", "XADD k * a 1", "XTRIM k MAXLEN 0"]
            {
                store.answer(line);
            }
        }
    }
    for len in 0..REDIS_8_2.len() {
        let store = TestStore::new();
        assert_eq!(restored(&store, "k", seal(REDIS_8_2[..len].to_vec(), 11)), "-ERR Bad data format", "{len}");
    }
}

#[test]
fn a_stream_in_parts_is_the_same_as_at_once() {
    let store = TestStore::with_threads(1);
    for id in 1..=5000 {
        store.answer(&format!("XADD k {id} field value-{id}"));
    }
    store.answer("XGROUP CREATE k g 0");
    store.answer("XGROUP CREATE k h 0");
    for consumer in ["c", "d"] {
        store.answer(&format!("XREADGROUP GROUP g {consumer} COUNT 2100 STREAMS k >"));
    }
    let databases = &store.store().handle.databases;
    let shard = databases.lock_any(0);
    let value = value_of(shard.nth(0).expect("a key"));
    let mut whole = Vec::new();
    rdb::write(value, &mut whole);
    for most in [1, 1000, 1 << 20] {
        let (mut parts, mut bytes, mut pieces) = (Parts::default(), Vec::new(), 1);
        while !parts.write(value, most, &mut bytes) {
            pieces += 1;
        }
        assert!(bytes == whole, "{most}");
        assert_eq!(pieces > 10, most <= 1000);
    }
}
