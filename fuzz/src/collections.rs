//! The target of the data structures behind lists, hashes, sets, sorted sets and streams.

use std::collections::BTreeSet;

use kvstore::{
    protocol::{Command, Response},
    store::Store,
};

/// Commands that a longer input has beyond this number are left out.
const MOST: usize = 64;

/// Templates of commands. `M` and `N` are elements, `S` is a number, `I` an index, `T` a time that does not come, `X` the identifier
/// of an entry.
const COMMANDS: &[&str] = &[
    "RPUSH l M N",
    "LPUSH l M",
    "LPOP l",
    "RPOP l I",
    "LINSERT l BEFORE M N",
    "LSET l I M",
    "LREM l S M",
    "LTRIM l I -1",
    "LRANGE l I S",
    "LPOS l M COUNT 0",
    "HSET h M N",
    "HDEL h M",
    "HGET h M",
    "HINCRBY h M S",
    "HLEN h",
    "HPEXPIREAT h T FIELDS 2 M N",
    "HPEXPIREAT h T GT FIELDS 1 M",
    "HPEXPIREAT h 1 FIELDS 1 M",
    "HPERSIST h FIELDS 1 M",
    "HPEXPIRETIME h FIELDS 2 M N",
    "HSETEX h KEEPTTL FIELDS 1 M N",
    "HGETEX h PXAT T FIELDS 1 M",
    "SADD s M N",
    "SREM s M",
    "SISMEMBER s M",
    "SADD t M",
    "SCARD s",
    "ZADD z S M",
    "ZADD z S M I N",
    "ZINCRBY z S M",
    "ZREM z M",
    "ZRANK z M",
    "ZRANGE z I S WITHSCORES",
    "ZRANGEBYSCORE z S I",
    "ZCOUNT z S I",
    "ZREMRANGEBYRANK z I I",
    "ZREMRANGEBYSCORE z S S",
    "ZPOPMIN z",
    "ZPOPMAX z I",
    "COPY z y REPLACE",
    "ZUNIONSTORE z 2 y z WEIGHTS 2 1",
    "XADD x X M N",
    "XADD x X M N N M",
    "XADD x MAXLEN = 5 X M N",
    "XDEL x X",
    "XTRIM x MAXLEN I",
    "XTRIM x MINID X DELREF",
    "XTRIM x MAXLEN I ACKED",
    "XLEN x",
    "XRANGE x X + COUNT I",
    "XREVRANGE x X -",
    "XREAD COUNT I STREAMS x X",
    "XGROUP CREATE x g 0 MKSTREAM",
    "XREADGROUP GROUP g M COUNT I STREAMS x >",
    "XACK x g X",
    "XDELEX x DELREF IDS 1 X",
    "XPENDING x g",
    "XINFO GROUPS x",
];

/// What answers in no order: compared as sets.
const WHOLE: &[&str] = &["HGETALL h", "SMEMBERS s", "SINTER s t", "SUNION s t", "SDIFF s t", "XRANGE x - +"];

/// Scans, each with what it must find.
const SCANS: &[(&str, &str)] =
    &[("HSCAN h", "HGETALL h"), ("SSCAN s", "SMEMBERS s"), ("ZSCAN z", "ZRANGE z 0 -1 WITHSCORES")];

/// Commands on collections, executed by two stores: one packs every collection, the other none. The packed elements, the tables,
/// the chunks and the tree give the same answers.
pub fn collections(data: &[u8]) {
    let (packed, large) = (store("30000", "-5", "0"), store("0", "1", "1"));
    for bytes in data.chunks_exact(4).take(MOST) {
        let line = fill_in(COMMANDS[usize::from(bytes[0]) % COMMANDS.len()], bytes);
        assert_eq!(answer(&packed, &line), answer(&large, &line), "{line}");
    }
    for line in WHOLE {
        assert_eq!(elements(&answer(&packed, line)), elements(&answer(&large, line)), "{line}");
    }
    for (scan, whole) in SCANS {
        assert_eq!(scanned(&large, scan), elements(&answer(&packed, whole)), "{scan}");
    }
}

/// A store with these thresholds.
fn store(threshold: &str, list_size: &str, node_entries: &str) -> Store {
    let store = Store::builder().threads(1).build();
    for name in ["hash-max-listpack", "set-max-listpack", "zset-max-listpack"] {
        for kind in ["entries", "value"] {
            answer(&store, &format!("CONFIG SET {name}-{kind} {threshold}"));
        }
    }
    answer(&store, &format!("CONFIG SET set-max-intset-entries {threshold}"));
    answer(&store, &format!("CONFIG SET list-max-listpack-size {list_size}"));
    answer(&store, &format!("CONFIG SET stream-node-max-entries {node_entries}"));
    store
}

fn fill_in(template: &str, bytes: &[u8]) -> String {
    let words = template.split(' ').map(|word| match word {
        "M" => element(bytes[1]),
        "N" => element(bytes[2]),
        "S" => (i64::from(bytes[3] as i8) / 4).to_string(),
        "I" => (bytes[2] % 8).to_string(),
        "T" => (4_000_000_000_000 + u64::from(bytes[3])).to_string(),
        "X" => format!("{}-{}", bytes[3] % 32, bytes[2] % 4),
        word => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An element: an integer of any width, or a string of any length.
fn element(byte: u8) -> String {
    let number = i64::from(byte % 32);
    match byte / 32 {
        0 | 1 => number.to_string(),
        2 => (number << (number * 2)).wrapping_neg().to_string(),
        3..=5 => format!("e{number}"),
        6 => format!("0{number}"),
        _ => "x".repeat(number as usize * number as usize + 1),
    }
}

fn answer(store: &Store, line: &str) -> Response {
    let mut words = line.split(' ').map(str::to_owned);
    let name = words.next().unwrap_or_default();
    store.execute(&Command::new(name).with_args(words))
}

/// The elements of an answer. Those that follow each other in one array, or in pairs, are the same.
fn elements(answer: &Response) -> BTreeSet<String> {
    let text = answer.to_string();
    let quoted = text.split(|character: char| "[]{}:, ".contains(character)).filter(|word| !word.is_empty());
    quoted.map(|word| word.trim_matches('"').to_owned()).collect()
}

/// All that a scan finds, a few elements at a time.
fn scanned(store: &Store, scan: &str) -> BTreeSet<String> {
    let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
    loop {
        let Response::Array(parts) = answer(store, &format!("{scan} {cursor} COUNT 1")) else { return found };
        found.extend(elements(&parts[1]));
        cursor = parts[0].to_string().trim_matches('"').to_owned();
        if cursor == "0" {
            return found;
        }
    }
}
