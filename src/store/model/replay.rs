//! Property tests: how many shards there are makes no difference, and the records lead to the same state.

use proptest::{prelude::*, sample::select};

use crate::store::{
    Fsync,
    disk::simulated::SimulatedDisk,
    journal::Settings,
    snapshot::{Compression, SnapshotByHand, contents},
    testing::{START, TestClient, TestStore},
};

/// Commands, with letters for what is drawn: a key, a list, a stream, an identifier of an entry, a value, an element, an integer, a decimal, a time, a database.
const COMMANDS: &[&str] = &[
    "GET K",
    "GETDEL K",
    "GETEX K PX T",
    "GETEX K PERSIST",
    "MGET K K K",
    "STRLEN K",
    "SET K V",
    "SET K V",
    "SET K V PX T",
    "SET K V NX",
    "SET K V XX GET",
    "SET K V KEEPTTL",
    "SET K V PXAT 1",
    "GETSET K V",
    "SETNX K V",
    "PSETEX K T V",
    "MSET K V K V K V",
    "MSETNX K V K V",
    "APPEND K V",
    "APPEND K V",
    "GETRANGE K I I",
    "SETRANGE K I V",
    "SETBIT K I 1",
    "SETBIT K I 0",
    "BITCOUNT K",
    "BITOP XOR K K K",
    "BITOP NOT K K",
    "BITFIELD K OVERFLOW SAT INCRBY u5 I 9 SET i12 #3 I",
    "PFADD K V V V",
    "PFADD K V I",
    "PFCOUNT K",
    "PFCOUNT K K",
    "PFMERGE K K K",
    "PFDEBUG TODENSE K",
    "INCR K",
    "DECR K",
    "INCRBY K I",
    "DECRBY K I",
    "INCRBYFLOAT K F",
    "SET K V IFEQ V",
    "SET K V IFNE V GET",
    "DELEX K IFNE V",
    "DELIFEQ K V",
    "DIGEST K",
    "MSETEX 2 K V K V PX T",
    "MSETEX 1 K V XX KEEPTTL",
    "INCREX K BYINT I UBOUND I SATURATE PX T ENX",
    "LCS K K LEN",
    "HSET K M V M V",
    "HSETNX K M V",
    "HGETALL K",
    "HMGET K M M",
    "HDEL K M M",
    "HGETDEL K FIELDS 1 M",
    "HPEXPIRE K T FIELDS 2 M M",
    "HPEXPIRE K T LT FIELDS 3 M M M",
    "HPEXPIREAT K 1 FIELDS 1 M",
    "HPERSIST K FIELDS 2 M M",
    "HPEXPIRETIME K FIELDS 2 M M",
    "HGETEX K PX T FIELDS 2 M M",
    "HGETEX K PERSIST FIELDS 1 M",
    "HSETEX K PX T FIELDS 2 M V M V",
    "HSETEX K FNX KEEPTTL FIELDS 1 M V",
    "HSETEX K NX FIELDS 1 M V",
    "HSETEX K XX FIELDS 1 M V",
    "HSETEX K FXX PXAT 1 FIELDS 1 M V",
    "HINCRBY K M I",
    "HINCRBYFLOAT K M F",
    "SADD K M M M",
    "SADD K I I I",
    "SREM K M I",
    "SMOVE K K M",
    "SPOP K",
    "SPOP K 2",
    "SCARD K",
    "SINTERSTORE K K K",
    "SUNIONSTORE K K K",
    "SDIFFSTORE K K K",
    "SINTERCARD 2 K K",
    "ZADD K I M I M F M",
    "ZADD K GT CH I M",
    "ZINCRBY K F M",
    "ZREM K M M",
    "ZRANGE K 0 -1 WITHSCORES",
    "ZRANGESTORE K K 0 3",
    "ZPOPMIN K",
    "ZPOPMAX K 2",
    "ZMPOP 2 K K MIN",
    "ZREMRANGEBYRANK K 0 1",
    "ZREMRANGEBYSCORE K 5 I",
    "ZUNIONSTORE K 2 K K WEIGHTS F 2",
    "ZINTERSTORE K 2 K K",
    "ZDIFFSTORE K 2 K K",
    "GEOADD K 1.5 F M F 2 M",
    "GEOADD K XX CH F F M",
    "GEODIST K M M",
    "GEOSEARCHSTORE K K FROMMEMBER M BYRADIUS I km COUNT 3 ANY",
    "GEORADIUS K 1 F I km STOREDIST K",
    "GEOSEARCH K FROMLONLAT F 1 BYBOX I I km WITHDIST WITHCOORD",
    "LPUSH L V V V",
    "RPUSH L V V V",
    "LPUSHX L V",
    "LPOP L",
    "RPOP L I",
    "LMPOP 2 L L LEFT COUNT 2",
    "LSET L I V",
    "LINSERT L BEFORE V V",
    "LREM L I V",
    "LTRIM L I I",
    "LMOVE L L LEFT RIGHT",
    "RPOPLPUSH L L",
    "LRANGE L I I",
    "LPOS L V COUNT 0",
    "XADD S * M V",
    "XADD S * M V",
    "XADD S * M V M V",
    "XADD S X M V",
    "XADD S MAXLEN 5 * M V",
    "XADD S MAXLEN ~ 5 * M V",
    "XADD S NOMKSTREAM MINID = X * M V",
    "XDEL S X X",
    "XTRIM S MAXLEN ~ 3 LIMIT 5 DELREF",
    "XTRIM S MINID X ACKED",
    "XTRIM S MAXLEN ~ 2 ACKED",
    "XTRIM S MINID ~ X ACKED",
    "XADD S ACKED MAXLEN ~ 3 * M V",
    "XSETID S X",
    "XSETID S X MAXDELETEDID 1-1",
    "XLEN S",
    "XREVRANGE S + X COUNT 3",
    "XREAD COUNT 2 STREAMS S S 0 $",
    "XGROUP CREATE S g 0 MKSTREAM",
    "XGROUP CREATE S g 0 MKSTREAM",
    "XGROUP CREATE S h $",
    "XGROUP SETID S g X",
    "XGROUP DESTROY S h",
    "XGROUP CREATECONSUMER S g c",
    "XGROUP DELCONSUMER S g d",
    "XREADGROUP GROUP g c COUNT 2 STREAMS S >",
    "XREADGROUP GROUP g d COUNT 2 STREAMS S >",
    "XREADGROUP GROUP g d NOACK COUNT 1 STREAMS S >",
    "XREADGROUP GROUP g c COUNT 2 BLOCK 5 STREAMS S S > 0",
    "XREADGROUP GROUP g e CLAIM T STREAMS S >",
    "XACK S g X X",
    "XCLAIM S g d T X X",
    "XCLAIM S g c 0 X FORCE JUSTID LASTID X",
    "XAUTOCLAIM S g c T - COUNT 2",
    "XDELEX S DELREF IDS 2 X X",
    "XACKDEL S g ACKED IDS 2 X X",
    "XPENDING S g - + 5",
    "XINFO STREAM S FULL",
    "COPY S S REPLACE",
    "SORT K ALPHA STORE K",
    "SORT K BY key:* GET # GET key:*->m1 STORE K",
    "SORT_RO K BY key:*->m1 DESC",
    "SORT L BY nosort GET # STORE L",
    "SORT L ALPHA DESC LIMIT 1 I",
    "DEL K K",
    "UNLINK K",
    "EXISTS K K",
    "TOUCH K",
    "TYPE K",
    "RENAME K K",
    "RENAMENX K K",
    "COPY K K",
    "COPY K K DB D REPLACE",
    "MOVE K D",
    "OBJECT ENCODING K",
    "DUMP K",
    "RESTORE K 0 \0\x05v7673\x0B\0k~yT0jdH",
    "RESTORE K T \0\x05v7673\x0B\0k~yT0jdH REPLACE",
    "EXPIRE K 1",
    "PEXPIRE K T",
    "PEXPIRE K T NX",
    "PEXPIRE K T GT",
    "PEXPIREAT K 1",
    "TTL K",
    "PTTL K",
    "PEXPIRETIME K",
    "PERSIST K",
    "EVAL return{redis.pcall('set',KEYS[1],ARGV[1]),redis.pcall('incr',KEYS[2]),redis.pcall('lpush',KEYS[3],ARGV[2])} 3 K K L V V",
    "EVAL redis.call('select',ARGV[1])redis.pcall('append',KEYS[1],'x')return{redis.pcall('move',KEYS[1],ARGV[2])} 1 K D D",
    "EVAL return{redis.pcall('spop',KEYS[1]),redis.pcall('pexpire',KEYS[2],ARGV[1]),redis.pcall('sadd',KEYS[1],ARGV[2])} 2 K K T M",
    "EVAL redis.pcall('rename',KEYS[1],KEYS[2])redis.pcall('del',KEYS[3])return(redis.call('nosuch')) 3 K K K",
    "EVAL_RO return{redis.pcall('get',KEYS[1]),redis.call('exists',KEYS[2]),redis.pcall('del',KEYS[1])} 2 K K",
    "DBSIZE",
    "FLUSHDB",
    "SWAPDB D D",
    "FLUSHALL",
    "NOSUCH K",
    "GET",
    "MULTI",
    "MULTI",
    "MULTI",
    "EXEC",
    "EXEC",
    "EXEC",
    "EXEC",
    "DISCARD",
    "WATCH K K",
    "UNWATCH",
    "TIME",
];

/// What is done to a store.
#[derive(Clone, Debug)]
enum Step {
    /// A command of one of two clients.
    Command(bool, String),
    Select(bool, usize),
    Advance(u64),
    RemoveExpired,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (any::<bool>(), line()).prop_map(|(client, line)| Step::Command(client, line)),
        1 => (any::<bool>(), 0..3_usize).prop_map(|(client, database)| Step::Select(client, database)),
        4 => (1..60_u64).prop_map(Step::Advance),
        1 => Just(Step::RemoveExpired),
    ]
}

fn line() -> impl Strategy<Value = String> {
    (select(COMMANDS), any::<[u32; 8]>()).prop_map(|(line, numbers)| {
        let words = line.split(' ').zip(numbers.iter().cycle());
        words.map(|(word, number)| drawn(word, *number)).collect::<Vec<_>>().join(" ")
    })
}

fn drawn(word: &str, number: u32) -> String {
    match word {
        "K" => format!("key:{}", number % 8).repeat(if number.is_multiple_of(8) { 60 } else { 1 }),
        "L" => format!("list:{}", number % 3),
        "S" => format!("stream:{}", number % 2),
        "X" => format!("{}-{}", START + u64::from(number % 60), number % 2),
        "V" if number.is_multiple_of(5) => "long".repeat(number as usize % 100),
        "V" if number.is_multiple_of(3) => "text".to_owned(),
        "M" => format!("m{}", number % 12),
        "V" | "I" => (number % 300).to_string(),
        "F" => format!("{}.{}", number % 100, number % 7),
        "T" => (number % 100 + 1).to_string(),
        "D" => (number % 3).to_string(),
        word => word.to_owned(),
    }
}

/// Does a step, and shows the answer.
fn run(store: &TestStore, clients: &mut [TestClient<'_>; 2], step: &Step) -> String {
    match step {
        Step::Command(client, line) => return clients[usize::from(*client)].answer(line).to_string(),
        Step::Select(client, database) => clients[usize::from(*client)].select(*database),
        Step::Advance(time) => store.pass(*time),
        Step::RemoveExpired => store.remove_expired(),
    }
    String::new()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn shards_make_no_difference_and_records_lead_to_the_same_state(steps in prop::collection::vec(step(), 1..150)) {
        let (one, told) = TestStore::observed_with_threads(1);
        let many = TestStore::with_threads(8);
        let mut clients = [one.client(), one.client()];
        let mut others = [many.client(), many.client()];
        for step in &steps {
            prop_assert_eq!(run(&one, &mut clients, step), run(&many, &mut others, step), "{:?}", step);
        }
        prop_assert_eq!(one.entries(), many.entries());
        let replayed = TestStore::with_threads(4);
        for (record, _) in told.take() {
            prop_assert_eq!(replayed.store().apply(&record), Ok(()), "{:?}", record);
        }
        prop_assert_eq!(one.entries(), replayed.entries());
    }

    #[test]
    fn a_store_is_the_same_when_it_is_opened_again(steps in prop::collection::vec(step(), 1..150), threads in 1..8_usize) {
        let disk = SimulatedDisk::new(1);
        let settings = Settings { max_segment: 2000, ..Settings::new(Fsync::No) };
        let store = TestStore::durable(&disk, settings, threads).unwrap();
        let mut clients = [store.client(), store.client()];
        for step in &steps {
            run(&store, &mut clients, step);
        }
        let entries = store.entries();
        drop(clients);
        drop(store);
        for threads in [1, 4] {
            prop_assert_eq!(&TestStore::durable(&disk, settings, threads).unwrap().entries(), &entries);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_the_state_at_its_cut_whatever_changes_meanwhile(
        before in prop::collection::vec(step(), 0..150),
        during in prop::collection::vec((step(), 0..64_usize), 1..100),
        threads in 1..4_usize,
    ) {
        let store = TestStore::with_threads(threads);
        let mut clients = [store.client(), store.client()];
        for step in &before {
            run(&store, &mut clients, step);
        }
        let entries = contents(&store);
        let mut snapshot = SnapshotByHand::begin(&store, Compression::Lz4);
        for (step, shard) in &during {
            run(&store, &mut clients, step);
            snapshot.save_slice(*shard);
        }
        let disk = snapshot.finish();
        prop_assert_eq!(contents(&TestStore::durable(&disk, None, 2).unwrap()), entries);
        // The next one begins where this has ended.
        let entries = contents(&store);
        let disk = SnapshotByHand::begin(&store, Compression::None).finish();
        prop_assert_eq!(contents(&TestStore::durable(&disk, None, 1).unwrap()), entries);
    }
}

/// Transfers between accounts, from eight threads, and readers meanwhile.
#[test]
fn transfers_in_transactions_keep_their_sum() {
    const ACCOUNTS: usize = 8;
    const ROUNDS: usize = 300;
    let store = TestStore::with_threads(8);
    let names: Vec<_> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
    for name in &names {
        store.answer(&format!("SET {name} 100"));
    }
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, names) = (&store, &names);
            scope.spawn(move || {
                let mut client = store.client();
                for round in 0..ROUNDS {
                    let (from, to) = (&names[(thread + round) % ACCOUNTS], &names[(thread * 3 + round * 5) % ACCOUNTS]);
                    client.check([("MULTI", "+OK")]);
                    client.answer(&format!("DECRBY {from} 7"));
                    client.answer(&format!("INCRBY {to} 7"));
                    client.answer("EXEC");
                    let balances = store.answer(&format!("MGET {}", names.join(" "))).to_string();
                    let sum: i64 = balances.split('"').filter_map(|part| part.parse::<i64>().ok()).sum();
                    assert_eq!(sum, 100 * ACCOUNTS as i64, "{balances}");
                }
            });
        }
    });
}
