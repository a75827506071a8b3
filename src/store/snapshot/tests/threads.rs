//! Snapshots while many threads change the store: each is a state that there was.

use std::sync::atomic::{AtomicBool, Ordering};

use fastrand::Rng;
use kvstore_protocol::Response;

use super::{close, save};
use crate::store::{
    disk::simulated::SimulatedDisk,
    testing::{TestClient, TestStore},
};

const ACCOUNTS: u64 = 20;
const FIELDS: u64 = 600;
const TOTAL: i64 = 100 * (ACCOUNTS + FIELDS) as i64;
const WRITERS: u64 = 3;
const SNAPSHOTS: usize = 1000;

/// Creates all accounts, in strings and in a large hash, and a long list, in one transaction.
fn create(client: &mut TestClient<'_>) {
    client.answer("MULTI");
    client.answer("FLUSHALL");
    for account in 0..ACCOUNTS {
        client.answer(&format!("SET account:{account} 100"));
    }
    let fields: Vec<_> = (0..FIELDS).map(|field| format!("{field} 100")).collect();
    client.answer(&format!("HSET accounts {}", fields.join(" ")));
    client.answer(&format!("RPUSH list {}", vec!["element"; 500].join(" ")));
    client.answer("EXEC");
}

/// Does something that keeps the sum.
fn change(client: &mut TestClient<'_>, random: &mut Rng) {
    let [from, to] = [(); 2].map(|()| random.u64(0..ACCOUNTS));
    let [out, into] = [(); 2].map(|()| random.u64(0..FIELDS));
    let lines: Vec<String> = match random.u8(0..20) {
        0..6 => vec![format!("DECRBY account:{from} 7"), format!("INCRBY account:{to} 7")],
        6..12 => vec![format!("HINCRBY accounts {out} -3"), format!("HINCRBY accounts {into} 3")],
        12..14 => vec![format!("HINCRBY accounts {out} -1"), format!("INCRBY account:{to} 1")],
        14 => vec![format!("RENAME account:{from} account:x"), format!("RENAME account:x account:{from}")],
        15 => vec!["RENAME accounts others".into(), "RENAME others accounts".into()],
        16 => vec!["SWAPDB 0 1".into(), "SWAPDB 0 1".into()],
        17 => vec![format!("EXPIRE account:{from} 10000"), format!("SET noise:{to} v PX 1"), "PERSIST accounts".into()],
        18 => vec!["COPY accounts copy REPLACE".into(), "DEL copy".into(), "LMOVE list list LEFT RIGHT".into()],
        _ => {
            return if random.u8(0..40) == 0 {
                create(client)
            };
        }
    };
    client.answer("MULTI");
    lines.iter().for_each(|line| _ = client.answer(line));
    client.answer("EXEC");
}

/// The sum of all accounts.
fn sum(store: &TestStore) -> i64 {
    let names: Vec<_> = (0..ACCOUNTS).map(|account| format!("account:{account}")).collect();
    let mut sum = 0;
    for line in [format!("MGET {}", names.join(" ")), "HVALS accounts".to_owned()] {
        let Response::Array(balances) = store.answer(&line).unpacked() else { panic!("an array") };
        let parsed = |balance: &Response| balance.to_string().trim_matches('"').parse::<i64>().unwrap_or(0);
        sum += balances.iter().map(parsed).sum::<i64>();
    }
    sum
}

#[test]
fn the_sum_of_all_accounts_is_right_in_every_snapshot() {
    for threads in [1, 4] {
        let (disk, is_done) = (SimulatedDisk::new(1), AtomicBool::new(false));
        let store = TestStore::durable(&disk, None, threads).unwrap();
        create(&mut store.client());
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (store, is_done) = (&store, &is_done);
                scope.spawn(move || {
                    let (mut client, mut random) = (store.client(), Rng::with_seed(writer));
                    while !is_done.load(Ordering::Relaxed) {
                        change(&mut client, &mut random);
                        if writer == 0 {
                            store.pass(1);
                            store.remove_expired();
                        }
                    }
                });
            }
            for number in 0..SNAPSHOTS / 2 {
                save(&store).unwrap();
                let copy = TestStore::durable(&disk.copy(), None, 2).unwrap();
                copy.check([("LLEN list", ":500")]);
                let found = sum(&copy);
                // The threads end also if it is wrong.
                is_done.fetch_or(found != TOTAL, Ordering::Relaxed);
                assert_eq!(found, TOTAL, "in snapshot {number}");
            }
            is_done.store(true, Ordering::Relaxed);
        });
        assert_eq!(sum(&store), TOTAL);
        close(store);
    }
}

#[test]
fn writers_wait_while_a_snapshot_has_no_room() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, None, 1).unwrap();
    for key in 0..5000 {
        store.answer(&format!("SET key:{key} {key}"));
    }
    store.store().handle.snapshots.set_max_pending(1000);
    std::thread::scope(|scope| {
        let saving = scope.spawn(|| save(&store));
        for key in 0..5000 {
            store.check([(&*format!("INCR key:{key}"), &*format!(":{}", key + 1))]);
        }
        saving.join().unwrap().unwrap();
    });
    store.check([("GET key:7", "\"8\"")]);
}
