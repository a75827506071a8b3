//! Payloads that other servers wrote.

use super::dumped;
use crate::store::{
    rdb::payload::seal,
    testing::{TestStore, command},
};

/// Stands for a text of five equal parts.
const WORDS: &str = "one-two-three-one-two-three-one-two-three-one-two-three-one-two-three-";

/// Stands for a text that is too long for a packed collection.
const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// Commands, and what `DUMP k` answered after them in Redis 7.0.15.
const REDIS_7_0: &[(&str, &[u8])] = &[
    ("RPUSH k a 3 -70000", b"\x12\x01\x02\x11\x11\0\0\0\x03\0\x81a\x02\x03\x01\xf2\x90\xee\xfe\x04\xff\n\0\xeb_\x1b\xd9\x8c\x825\xf0"),
    ("RPUSH k WORDS WORDS", b"\x12\x01\x02\xc3\"@\x99\x15\x99\0\0\0\x02\0\xe0Fone-two-three-\xe0/\r\0H\xe0?H\x01H\xff\n\0\xac\xc2\xa2\x0e\xd9\xf6\xba\x14"),
    ("SET k v", b"\0\x01v\n\0\x91\x08\xce\xb2\x198\x8a\xce"),
    ("SET k ''", b"\0\0\n\0]\x9b\\@\x0f\x7f\xa2\xda"),
    ("SET k 12", b"\0\xc0\x0c\n\0<*\xf8Q\\\x04\xbc\xd5"),
    ("SET k -129", b"\0\xc1\x7f\xff\n\0\x17`\x82(T\x80\x84\x80"),
    ("SET k 70000", b"\0\xc2p\x11\x01\0\n\0\x01\xa4\x08\xfe\x950\x95\xa5"),
    ("SET k -2147483648", b"\0\xc2\0\0\0\x80\n\0\xc7O\x87>3U\x81\x87"),
    ("SET k 2147483648", b"\0\n2147483648\n\0\xe7\xb1)\xa3L\x1dv\xee"),
    ("SET k 012", b"\0\x03012\n\0\x8fTc\xe9T~\xeb\x0c"),
    ("SET k aaaaaaaaaaaaaaaaaaaa", b"\0\x14aaaaaaaaaaaaaaaaaaaa\n\0\x83\xb4k^\x1b\x11\xac\xf1"),
    ("SET k aaaaaaaaaaaaaaaaaaaaa", b"\0\xc3\x06\x15\x01aa\xe0\n\0\n\0\xfd\x0c\xb3h\x07A?h"),
    ("SET k WORDS", b"\0\xc3\x16@F\x0eone-two-three-o\xe0,\r\x01e-\n\0D\xd3B\xa7\xfb\xba\xe1\x15"),
    ("SET k abcdefghijklmnopqrstuvwxyz", b"\0\x1aabcdefghijklmnopqrstuvwxyz\n\0\x9e\x1b?4\xab\xfc_y"),
    ("HSET k field value number 12345", b"\x10!!\0\0\0\x04\0\x85field\x06\x85value\x06\x86number\x07\xf190\x03\xff\n\0\xd8\x0fv\x87/\x93T\xe4"),
    ("HSET k f LONG", b"\x04\x01\x01f\xc3\t@A\x01xx\xe04\0\x01xx\n\0\xf1\x06\xd1\x07\x1b&\\\x18"),
    ("SADD k 1 -2 3", b"\x0b\x0e\x02\0\0\0\x03\0\0\0\xfe\xff\x01\0\x03\0\n\0\x1b\x18F\x0e\xe1o\x04\xbb"),
    ("SADD k 1 70000", b"\x0b\x10\x04\0\0\0\x02\0\0\0\x01\0\0\0p\x11\x01\0\n\0'5Cn\xfdfV\xc4"),
    ("SADD k 5000000000 -1", b"\x0b\x18\x08\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\xf2\x05*\x01\0\0\0\n\0|\\&\xb4nV\xfeb"),
    ("SADD k LONG", b"\x02\x01\xc3\t@A\x01xx\xe04\0\x01xx\n\0\x0f\x04f\x85\xe6_\xaf\x85"),
    ("ZADD k 1 b 1 a -2.5 c inf d 3000000000 e", b"\x11//\0\0\0\n\0\x81c\x02\x84-2.5\x05\x81a\x02\x01\x01\x81b\x02\x01\x01\x81e\x02\xf4\0^\xd0\xb2\0\0\0\0\t\x81d\x02\x83inf\x04\xff\n\0\xbay\xbc\xb6x\xdc\x12\xec"),
    ("ZADD k 2 LONG 1.5 b -inf c", b"\x05\x03\xc3\t@A\x01xx\xe04\0\x01xx\0\0\0\0\0\0\0@\x01b\0\0\0\0\0\0\xf8?\x01c\0\0\0\0\0\0\xf0\xff\n\0\x0c\xc4J\x07pF\xb6("),
];

/// The same in Redis 8.2.3.
const REDIS_8_2: &[(&str, &[u8])] = &[
    ("RPUSH k a HUGE b", b"\x12\x03\x02\n\n\0\0\0\x01\0\x81a\x02\xFF\x01\xC3@oc(\x01xx\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\x0B\0\x01xx\x02\n\n\0\0\0\x01\0\x81b\x02\xFF\x0C\0\xD9T8\xBCIW\x9E|"),
    ("SET k 70000", b"\0\xc2p\x11\x01\0\x0c\0\xca\xd2<>o\x1a\x0b\xec"),
    (
        "HSET k field value number 12345",
        b"\x10!!\0\0\0\x04\0\x85field\x06\x85value\x06\x86number\x07\xf190\x03\xff\x0c\0\x13yBG\xd5\xb9\xca\xad",
    ),
    ("HSET k f LONG", b"\x04\x01\x01f\xc3\t@A\x01xx\xe04\0\x01xx\x0c\0:p\xe5\xc7\xe1\x0c\xc2Q"),
    ("SADD k 1 -2 3", b"\x0b\x0e\x02\0\0\0\x03\0\0\0\xfe\xff\x01\0\x03\0\x0c\0\xd0nr\xce\x1bE\x9a\xf2"),
    ("SADD k 1 70000", b"\x0b\x10\x04\0\0\0\x02\0\0\0\x01\0\0\0p\x11\x01\0\x0c\0\xecCw\xae\x07L\xc8\x8d"),
    (
        "SADD k 5000000000 -1",
        b"\x0b\x18\x08\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\xf2\x05*\x01\0\0\0\x0c\0\xb7*\x12t\x94|`+",
    ),
    ("SADD k a 3 -4", b"\x14\x0f\x0f\0\0\0\x03\0\x81a\x02\x03\x01\xdf\xfc\x02\xff\x0c\0\x11\xa5\x13\xd3\x8b\xbaRD"),
    ("SADD k LONG", b"\x02\x01\xc3\t@A\x01xx\xe04\0\x01xx\x0c\0\xc4rRE\x1cu1\xcc"),
    ("HSETEX k PXAT 2000000000000 FIELDS 2 a 1 bc word", b"\x19\0 J\xa9\xd1\x01\0\0**\0\0\0\x06\0\x82bc\x03\x84word\x05\xf4\0 J\xa9\xd1\x01\0\0\t\x81a\x02\x01\x01\xf4\0 J\xa9\xd1\x01\0\0\t\xff\x0c\0V\x01<\xba\x7f\x94H\xb4"),
    ("HSETEX k PXAT 2000000000000 FIELDS 1 f LONG", b"\x18\0 J\xa9\xd1\x01\0\0\x01\x01\x01f\xc3\t@A\x01xx\xe04\0\x01xx\x0c\0\xd0\xcaR\xd7Q\x84\xca;"),
    ("XADD k 1-1 a 1 b x", b"\x15\x01\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\"\"\0\0\0\x0c\0\x01\x01\0\x01\x02\x01\x81a\x02\x81b\x02\0\x01\x02\x01\0\x01\0\x01\x01\x01\x81x\x02\x05\x01\xff\x01\x01\x01\x01\x01\0\0\x01\0\x0c\0\xbe\xc9&\x04\xcb\x950w"),
    ("XADD k 5-3 field value", b"\x15\x01\x10\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x03%%\0\0\0\x0a\0\x01\x01\0\x01\x01\x01\x85field\x06\0\x01\x02\x01\0\x01\0\x01\x85value\x06\x04\x01\xff\x01\x05\x03\x05\x03\0\0\x01\0\x0c\0\xd9\x8a|G\xa7-h\xfb"),
    ("XGROUP CREATE k g $ MKSTREAM", b"\x15\0\0\0\0\0\0\0\0\0\x01\x01g\0\0\x81\xff\xff\xff\xff\xff\xff\xff\xff\0\0\x0c\x004[\xe7,\xcdz\xb2\xb2"),
];

/// The same in Valkey 9.1.2.
const VALKEY_9_1: &[(&str, &[u8])] = &[
    ("RPUSH k a 3 -70000", b"\x12\x01\x02\x11\x11\0\0\0\x03\0\x81a\x02\x03\x01\xf2\x90\xee\xfe\x04\xffP\0$u\xd2H\x12\xd0R\x04"),
    ("RPUSH k WORDS WORDS", b"\x12\x01\x02\xc3\"@\x99\x15\x99\0\0\0\x02\0\xe0Fone-two-three-\xe0/\r\0H\xe0?H\x01H\xffP\0c\xe8k\x9fG\xa4\xdd\xe0"),
    ("RPUSH k a HUGE b", b"\x12\x03\x02\n\n\0\0\0\x01\0\x81a\x02\xFF\x01\xC3@oc(\x01xx\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\xFF\0\xE0\x0B\0\x01xx\x02\n\n\0\0\0\x01\0\x81b\x02\xFFP\0\xDD\x08\xC5\xED-/g\xC1"),
    ("SET k 70000", b"\0\xc2p\x11\x01\0P\0\xce\x8e\xc1o\x0bb\xf2Q"),
    ("HSET k field value number 12345", b"\x10!!\0\0\0\x04\0\x85field\x06\x85value\x06\x86number\x07\xf190\x03\xffP\0\x17%\xbf\x16\xb1\xc13\x10"),
    ("HSET k f LONG", b"\x04\x01\x01f\xc3\t@A\x01xx\xe04\0\x01xxP\0>,\x18\x96\x85t;\xec"),
    ("SADD k 1 -2 3", b"\x0b\x0e\x02\0\0\0\x03\0\0\0\xfe\xff\x01\0\x03\0P\0\xd42\x8f\x9f\x7f=cO"),
    ("SADD k 1 70000", b"\x0b\x10\x04\0\0\0\x02\0\0\0\x01\0\0\0p\x11\x01\0P\0\xe8\x1f\x8a\xffc410"),
    ("SADD k 5000000000 -1", b"\x0b\x18\x08\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\xf2\x05*\x01\0\0\0P\0\xb3v\xef%\xf0\x04\x99\x96"),
    ("SADD k a 3 -4", b"\x14\x0f\x0f\0\0\0\x03\0\x81a\x02\x03\x01\xdf\xfc\x02\xffP\0\x15\xf9\xee\x82\xef\xc2\xab\xf9"),
    ("SADD k LONG", b"\x02\x01\xc3\t@A\x01xx\xe04\0\x01xxP\0\xc0.\xaf\x14x\r\xc8q"),
];

/// What older versions wrote: the RDB version, the type and the value, a command that reads it, and its answer.
const OLD: &[(u16, &[u8], &str, &str)] = &[
    (4, b"\0\x0BHello World", "GET k", "\"Hello World\""),
    (4, b"\0\xC0\n", "GET k", "\"10\""),
    (4, b"\0\xC3\t@\x89\x01aa\xE0|\0\x01aa", "STRLEN k", ":137"),
    (
        4,
        b"\x02\x08\n6000000000\xC2\xA0\x86\x01\0\x01a\xC0\x01\x01b\xC0\x02\x01c\xC0\x03",
        "SMEMBERS k",
        "{\"100000\", \"6000000000\", \"a\", \"1\", \"b\", \"2\", \"c\", \"3\"}",
    ),
    (
        4,
        b"\x01\x05\xC0\x01\x01a\xC2\xA0\x86\x01\0\n6000000000\xC0\x01",
        "LRANGE k 0 -1",
        "[\"1\", \"a\", \"100000\", \"6000000000\", \"1\"]",
    ),
    (
        4,
        b"\n00\0\0\0%\0\0\0\x08\0\0\xC0\x01\0\x04\xC0\x02\0\x04\xC0\x03\0\x04\x01a\x03\x01b\x03\x01c\x03\xD0\xA0\
          \x86\x01\0\x06\xE0\0\xBC\xA0e\x01\0\0\0\xFF",
        "LRANGE k 0 -1",
        "[\"1\", \"2\", \"3\", \"a\", \"b\", \"c\", \"100000\", \"6000000000\"]",
    ),
    (8, b"\x0E\x01\r\r\0\0\0\n\0\0\0\x01\0\0\xF8\xFF", "LRANGE k 0 -1", "[\"7\"]"),
    (
        4,
        b"\x03\x05\x01b\x012\x01c\x013\x04bbbb\n5000000000\x01a\xFF\x01d\xFE",
        "ZRANGE k 0 -1 WITHSCORES",
        "[\"a\", \"-inf\", \"b\", \"2\", \"c\", \"3\", \"bbbb\", \"5000000000\", \"d\", \"inf\"]",
    ),
    (4, b"\x04\x02\x01b\xC0\x02\x03eee\n5000000000", "HGETALL k", "{\"b\": \"2\", \"eee\": \"5000000000\"}"),
    (3, b"\t\x10\x02\x02f1\x02\0v1\x02f2\x02\0v2\xFF", "HGETALL k", "{\"f1\": \"v1\", \"f2\": \"v2\"}"),
    (
        9,
        b"\r\x1B\x1B\0\0\0\x16\0\0\0\x04\0\0\x02f1\x04\x02v1\x04\x02f2\x04\x02v2\xFF",
        "HGETALL k",
        "{\"f1\": \"v1\", \"f2\": \"v2\"}",
    ),
    (
        4,
        b"\r  \0\0\0\x1B\0\0\0\x06\0\0\x01a\x03\xC0\x01\0\x04\x01b\x03\xC0\x02\0\x04\x01c\x03\xC0\x03\0\xFF",
        "HGETALL k",
        "{\"a\": \"1\", \"b\": \"2\", \"c\": \"3\"}",
    ),
    (
        10,
        b"\x0C\x19\x19\0\0\0\x16\0\0\0\x04\0\0\x03one\x05\xF2\x02\x03two\x05\xF3\xFF",
        "ZRANGE k 0 -1 WITHSCORES",
        "[\"one\", \"1\", \"two\", \"2\"]",
    ),
    (
        4,
        b"\x0B8\x08\0\0\0\x06\0\0\0\0\xCA\x9A;\0\0\0\0\0\x945w\0\0\0\0\0^\xD0\xB2\0\0\0\0\0(k\xEE\0\0\0\0\
          \0\xF2\x05*\x01\0\0\0\0\xBC\xA0e\x01\0\0\0",
        "SMEMBERS k",
        "{\"1000000000\", \"2000000000\", \"3000000000\", \"4000000000\", \"5000000000\", \"6000000000\"}",
    ),
];

#[test]
fn values_are_written_and_read_as_redis_does() {
    for (line, payload) in [REDIS_7_0, REDIS_8_2, VALKEY_9_1].concat() {
        let (store, line) =
            (TestStore::new(), line.replace("WORDS", WORDS).replace("LONG", LONG).replace("HUGE", &"x".repeat(9000)));
        store.answer(&line);
        let (expected, _) = payload.split_at(payload.len() - 10);
        let ours = dumped(&store, "k");
        assert_eq!(ours[..ours.len() - 10].escape_ascii().to_string(), expected.escape_ascii().to_string(), "{line}");
        assert_eq!(store.answer_to(command("RESTORE l 0").arg(payload.to_vec())).to_string(), "+OK", "{line}");
        assert_eq!(dumped(&store, "l"), ours, "{line}");
        assert_eq!(store.answer("OBJECT ENCODING l"), store.answer("OBJECT ENCODING k"), "{line}");
    }
}

/// Commands, and what `DUMP k` answered after them: hashes with fields of which not all expire, the first as Redis 8.2.3 wrote it, the others
/// as Valkey 9.1.2 did.
const EXPIRING: &[(&[&str], &[u8])] = &[
    (
        &["HSETEX k PXAT 2000000000000 FIELDS 1 a LONG", "HSET k b 2", "HSETEX k PXAT 2000000000100 FIELDS 1 c 3"],
        b"\x18\0 J\xa9\xd1\x01\0\0\x03@e\x01c\xc0\x03\0\x01b\xc0\x02\x01\x01a\xc3\t@A\x01xx\xe04\0\x01xx\x0c\0[sM\x8d1\x95{\xa4",
    ),
    (
        &["HSETEX k PXAT 2000000000000 FIELDS 1 a 1", "HSET k b 2"],
        b"\x16\x02\x01a\xc0\x01\0 J\xa9\xd1\x01\0\0\x01b\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xffP\0y\xf7\x1a\x04N\x8c\xf9\xec",
    ),
    (
        &["HSETEX k PXAT 2000000000000 FIELDS 1 a LONG", "HSET k b 2", "HSETEX k PXAT 2000000000100 FIELDS 1 c 3"],
        b"\x16\x03\x01a\xc3\t@A\x01xx\xe04\0\x01xx\0 J\xa9\xd1\x01\0\0\x01b\xc0\x02\xff\xff\xff\xff\xff\xff\xff\xff\x01c\xc0\x03d J\xa9\xd1\x01\0\0P\0\xc2H\x1d\x84\xe3-\x18\x9c",
    ),
];

#[test]
fn hashes_whose_fields_expire_are_read_as_redis_and_valkey_write_them() {
    for (lines, payload) in EXPIRING {
        let (store, other) = (TestStore::new(), TestStore::new());
        lines.iter().for_each(|line| _ = store.answer(&line.replace("LONG", LONG)));
        assert_eq!(other.answer_to(command("RESTORE k 0").arg(payload.to_vec())).to_string(), "+OK", "{lines:?}");
        assert_eq!(store.entries(), other.entries(), "{lines:?}");
    }
}

#[test]
fn a_hash_whose_fields_expire_is_dumped_in_the_format_of_the_setting() {
    for (lines, payload) in EXPIRING {
        let store = TestStore::new();
        lines.iter().for_each(|line| _ = store.answer(&line.replace("LONG", LONG)));
        let format = if payload.starts_with(b"\x16") { "valkey" } else { "redis" };
        store.check([(&*format!("CONFIG SET dump-format {format}"), "+OK")]);
        let ours = dumped(&store, "k");
        // The fields of a table are in the order of its hashes.
        let sorted = |payload: &[u8]| {
            let mut bytes = payload[..payload.len() - 8].to_vec();
            bytes.sort();
            bytes
        };
        assert_eq!((ours[0], sorted(&ours)), (payload[0], sorted(payload)), "{lines:?}");
        assert_eq!(store.answer_to(command("RESTORE l 0").arg(ours)).to_string(), "+OK", "{lines:?}");
        let dumped = [dumped(&store, "l"), dumped(&store, "k")];
        assert_eq!(dumped[0], dumped[1], "{lines:?}");
    }
}

#[test]
fn values_of_older_versions_are_read() {
    for (version, value, line, expected) in OLD {
        let store = TestStore::new();
        let payload = seal(value.to_vec(), *version);
        assert_eq!(store.answer_to(command("RESTORE k 0").arg(payload)).to_string(), "+OK", "{expected}");
        assert_eq!(store.answer(line).to_string(), *expected);
    }
}
