//! A store that answers while it is loaded, and one whose data is damaged.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kvstore_protocol::Command;

use crate::store::{
    Fsync, Loader, Store,
    disk::{Disk, simulated::SimulatedDisk},
    journal::Settings,
    testing::TestStore,
};

const LOADING: &str = "-LOADING Redis is loading the dataset in memory";

fn answer(store: &Store, name: &'static str, args: &[&str]) -> String {
    store.execute(&Command::new(name).with_args(args.iter().copied())).to_string()
}

#[test]
fn most_commands_are_refused_until_the_store_is_loaded() {
    let disk = SimulatedDisk::new(1);
    TestStore::durable(&disk, Settings::new(Fsync::No), 2).unwrap().check([("SET k 1", "+OK")]);
    let loader = Loader::new(Store::new(), Arc::new(disk), Some(Settings::new(Fsync::No))).unwrap();
    let (store, is_loading) = (loader.store(), loader.store().loading());
    for (name, args) in
        [("GET", &["k"][..]), ("SET", &["k", "2"]), ("MGET", &["k", "l"]), ("DBSIZE", &[]), ("KEYS", &["*"])]
    {
        assert_eq!(answer(&store, name, args), LOADING);
    }
    assert_eq!(answer(&store, "GET", &[]), "-ERR wrong number of arguments for 'get' command");
    assert_eq!(answer(&store, "CONFIG", &["GET", "appendonly"]), "{\"appendonly\": \"no\"}");
    assert!(
        answer(&store, "INFO", &["persistence"]).contains("loading:1\\r\\nasync_loading:0\\r\\nloading_start_time:")
            && is_loading()
    );
    loader.load().unwrap();
    assert_eq!((answer(&store, "GET", &["k"]), is_loading()), ("\"1\"".to_owned(), false));
    assert!(answer(&store, "INFO", &["persistence"]).contains("loading:0\\r\\nasync_loading:0\\r\\nrdb"));
}

#[test]
fn nothing_expires_before_the_store_is_loaded() {
    let disk = SimulatedDisk::new(1);
    TestStore::durable(&disk, Settings::new(Fsync::No), 2).unwrap().check([("SET k 1 PX 5", "+OK")]);
    let loader = Loader::new(Store::new(), Arc::new(disk.clone()), Some(Settings::new(Fsync::No))).unwrap();
    let store = loader.store();
    let loaded = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !loaded.load(Ordering::Relaxed) {
                store.handle.remove_expired(1000);
            }
        });
        loader.load().unwrap();
        loaded.store(true, Ordering::Relaxed);
    });
    assert!(answer(&store, "GET", &["k"]) == "(nil)" && store.len() <= 1);
}

static STOPPED: AtomicBool = AtomicBool::new(false);

#[test]
fn a_store_whose_data_is_damaged_is_closed() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap();
    store.store().handle.on_damage.set(|| STOPPED.store(true, Ordering::Relaxed)).unwrap();
    store.check([("SET k 1", "+OK")]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _lock = store.store().handle.databases.lock_any(0);
        panic!("a command that fails");
    }));
    assert!(panicked.is_err());
    store.remove_expired();
    while !STOPPED.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    drop(store);
    TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap().check([("GET k", "\"1\"")]);
}

#[test]
fn an_error_of_the_disk_says_what_to_do() {
    let disk = SimulatedDisk::new(1);
    disk.set_capacity(10);
    let refused = TestStore::durable(&disk, Settings::new(Fsync::No), 1).unwrap_err().to_string();
    assert!(
        refused.starts_with(&disk.path_of(""))
            && refused.ends_with("make room there, and start again. Nothing is lost")
    );
}
