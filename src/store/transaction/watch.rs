//! [`WatchTable`]: the keys of WATCH, of all clients.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::store::{
    call::Call,
    change::{Change, Event},
    databases::{KeyRef, Location},
    held::{Held, HeldShards},
    observers::{Interests, Observers},
    state::StoreState,
};

/// The keys that one client watches.
#[derive(Debug, Default)]
pub(super) struct Watch {
    keys: Vec<WatchedKey>,
    /// Set when one of them is changed. Shared with the table.
    is_broken: Arc<AtomicBool>,
}

/// A watched key.
#[derive(Clone, Debug)]
pub(super) struct WatchedKey {
    database: usize,
    name: Bytes,
    /// Whether the key had expired already, and its entry was not removed yet: that it is removed is no change.
    had_expired: bool,
}

/// The flags of the clients that watch a key, by the key.
#[derive(Debug)]
pub(in super::super) struct WatchTable {
    clients: Mutex<HashMap<(usize, Bytes), Clients>>,
    observers: Arc<Observers>,
}

/// The clients that watch a key.
type Clients = Vec<Watcher>;

/// A client that watches a key.
#[derive(Debug)]
struct Watcher {
    /// Set when the key is changed.
    is_broken: Arc<AtomicBool>,
    /// Whether the key had expired already.
    had_expired: bool,
}

impl Watch {
    /// Adds a key, whose shard is locked.
    pub(super) fn add(&mut self, key: WatchedKey, table: &WatchTable) {
        let (is_broken, had_expired) = (Arc::clone(&self.is_broken), key.had_expired);
        if table.add((key.database, key.name.clone()), Watcher { is_broken, had_expired }) {
            self.keys.push(key);
        }
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self, table: &WatchTable) {
        for key in self.keys.drain(..) {
            table.remove((key.database, key.name), &self.is_broken);
        }
        self.is_broken.store(false, Ordering::Relaxed);
    }

    /// Whether a key was changed.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// The indices of the shards of the keys.
    pub(super) fn shards<'a>(&'a self, store: &'a StoreState) -> impl Iterator<Item = usize> {
        self.keys.iter().map(|key| store.databases.locate(key.name()).shard)
    }

    /// Whether a key has expired since it is watched. The shards of the keys are locked.
    pub(super) fn has_expired(&self, now: u64, held: &HeldShards<'_>, store: &StoreState) -> bool {
        self.keys.iter().any(|key| !key.had_expired && key.has_expired(now, held, store))
    }
}

impl WatchedKey {
    fn name(&self) -> KeyRef<'_> {
        KeyRef { database: self.database, name: &self.name }
    }

    fn has_expired(&self, now: u64, held: &HeldShards<'_>, store: &StoreState) -> bool {
        let Location { hash, shard } = store.databases.locate(self.name());
        let found = held.shard(held.position(shard)).find(hash, &self.name);
        found.is_some_and(|(_, entry)| entry.has_expired(now))
    }
}

impl WatchTable {
    /// A table without keys.
    pub(in super::super) fn new(observers: Arc<Observers>) -> Self {
        Self { clients: Mutex::default(), observers }
    }

    /// Tells the clients that watch a key that a change touches. For a database that was changed as a whole, see
    /// [`touch`](Self::touch).
    pub(in super::super) fn tell(&self, changes: &[Change]) {
        let mut before = None;
        for change in changes {
            if let Some(key) = &change.key {
                // A hash whose fields have all expired is removed behind these.
                let is_left_empty =
                    change.event == Event::DEL && before == Some((change.database, key, Event::HEXPIRED));
                let was_expired = matches!(change.event, Event::EXPIRED | Event::HEXPIRED) || is_left_empty;
                if change.event.touches() {
                    self.touch(change.database, key, was_expired);
                }
                before = Some((change.database, key, change.event));
            }
        }
    }

    /// Tells the clients that watch a key that it is changed. If only an expired entry was removed, that is no change for those
    /// who found it expired.
    pub(in super::super) fn touch(&self, database: usize, key: &Bytes, was_expired: bool) {
        let clients = self.clients.lock();
        let watching = clients.get(&(database, key.clone())).into_iter().flatten();
        for client in watching.filter(|client| !(was_expired && client.had_expired)) {
            client.is_broken.store(true, Ordering::Relaxed);
        }
    }

    /// The watched keys of a database.
    pub(in super::super) fn keys_of(&self, database: usize) -> Vec<Bytes> {
        let clients = self.clients.lock();
        clients.keys().filter(|key| key.0 == database).map(|key| key.1.clone()).collect()
    }

    /// Adds a client to those that watch a key. Returns `false` if it is one already.
    fn add(&self, key: (usize, Bytes), client: Watcher) -> bool {
        let mut clients = self.clients.lock();
        let watching = clients.entry(key).or_default();
        let is_new = !watching.iter().any(|other| Arc::ptr_eq(&other.is_broken, &client.is_broken));
        if is_new {
            watching.push(client);
        }
        self.observers.set(Interests::WATCHES, !clients.is_empty());
        is_new
    }

    fn remove(&self, key: (usize, Bytes), client: &Arc<AtomicBool>) {
        let mut clients = self.clients.lock();
        if let Some(watching) = clients.get_mut(&key) {
            watching.retain(|other| !Arc::ptr_eq(&other.is_broken, client));
            if watching.is_empty() {
                clients.remove(&key);
            }
        }
        self.observers.set(Interests::WATCHES, !clients.is_empty());
    }
}

impl Call<'_> {
    /// A key of this call, to watch it.
    pub(super) fn watched_key(&mut self, key: usize) -> WatchedKey {
        let had_expired = self.has_expired(key);
        let slot = &self.keys[key];
        let name = Bytes::copy_from_slice(slot.name);
        WatchedKey { database: slot.database as usize, name, had_expired }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    /// Watches `k`, runs commands of another client, and says whether EXEC runs.
    fn runs_after(before: &[&str], between: &[&str]) -> bool {
        let store = TestStore::new();
        before.iter().for_each(|line| _ = store.answer(line));
        let mut client = store.client();
        client.check([("WATCH k other", "+OK")]);
        for line in between {
            match *line {
                "wait" => store.pass(1001),
                "expire" => store.remove_expired(),
                line => _ = store.answer(line),
            }
        }
        client.check([("MULTI", "+OK"), ("PING", "+QUEUED")]);
        client.answer("EXEC").to_string() == "[+PONG]"
    }

    #[test]
    fn a_change_of_a_watched_key_is_noticed() {
        for line in ["SET k 2", "DEL k", "APPEND k x", "EXPIRE k 10", "RENAME k l", "COPY l k REPLACE", "MSET a 1 k 2"]
        {
            assert!(!runs_after(&["SET k 1", "SET l 1"], &[line]), "{line}");
        }
        assert!(!runs_after(&[], &["SET other 1"]));
        assert!(!runs_after(&[], &["SET k 1", "DEL k"]), "also if all is as it was");
    }

    #[test]
    fn what_changes_nothing_is_not_noticed() {
        for line in
            ["GET k", "SETNX k 2", "SET l 1", "DEL missing", "TOUCH k", "PERSIST k", "INCR text", "OBJECT FREQ k"]
        {
            assert!(runs_after(&["SET k 1", "SET text x"], &[line]), "{line}");
        }
    }

    #[test]
    fn of_a_stream_only_its_entries_are_noticed() {
        let before = [
            "XADD k 1-0 a 1",
            "XADD k 2-0 a 2",
            "XADD k 3-0 a 3",
            "XGROUP CREATE k g 0",
            "XREADGROUP GROUP g p COUNT 2 STREAMS k >",
        ];
        for line in [
            "XREADGROUP GROUP g p STREAMS k >",
            "XREADGROUP GROUP g new STREAMS k >",
            "XREADGROUP GROUP g new NOACK STREAMS k >",
            "XACK k g 1-0",
            "XCLAIM k g new 0 1-0",
            "XAUTOCLAIM k g new 0 0",
            "XSETID k 10-0",
            "XGROUP CREATE k h 0 MKSTREAM",
            "XGROUP SETID k g 0",
            "XGROUP CREATECONSUMER k g new",
            "XGROUP DELCONSUMER k g p",
            "XGROUP DESTROY k g",
            "XDELEX k ACKED IDS 1 1-0",
        ] {
            assert!(runs_after(&before, &[line]), "{line}");
        }
        for line in
            ["XADD k 4-0 a 1", "XDEL k 1-0", "XTRIM k MAXLEN 1", "XDELEX k IDS 1 1-0", "XACKDEL k g IDS 1 1-0", "DEL k"]
        {
            assert!(!runs_after(&before, &[line]), "{line}");
        }
        assert!(!runs_after(&[], &["XGROUP CREATE k g $ MKSTREAM"]));
    }

    #[test]
    fn expiry_is_noticed_however_it_comes() {
        for between in [&["wait"][..], &["wait", "expire"], &["wait", "GET k"], &["wait", "DEL k"]] {
            assert!(!runs_after(&["SET k 1 PX 1000"], between), "{between:?}");
        }
    }

    #[test]
    fn a_key_that_had_expired_before_may_be_removed_but_not_set() {
        for (line, runs) in [
            ("EXISTS k", true),
            ("DEL k", true),
            ("FLUSHDB", true),
            ("FLUSHALL", true),
            ("SWAPDB 0 1", true),
            ("SWAPDB 0 2", true),
            ("SET k 1", false),
            ("SETNX k 1", false),
            ("SWAPDB 0 3", false),
        ] {
            // The key expires, or each field of its hash does.
            for (create, expire) in [("SET k 1", "PEXPIRE k 1000"), ("HSET k f 1", "HPEXPIRE k 1000 FIELDS 1 f")] {
                let store = TestStore::new();
                for line in [create, "COPY k k DB 3", expire, "COPY k k DB 2"] {
                    assert!(!store.answer(line).is_error(), "{line}");
                }
                store.pass(1001);
                let mut client = store.client();
                client.check([("WATCH k", "+OK")]);
                store.answer(line);
                client.check([("MULTI", "+OK"), ("PING", "+QUEUED")]);
                let expected = if runs { "[+PONG]" } else { "(nil)" };
                assert_eq!(client.answer("EXEC").to_string(), expected, "{line} after {expire}");
            }
        }
    }

    #[test]
    fn a_flush_and_a_swap_are_noticed_if_the_key_existed_in_either_database() {
        assert!(!runs_after(&["SET k 1"], &["FLUSHDB"]) && !runs_after(&["SET k 1"], &["FLUSHALL"]));
        assert!(runs_after(&["SET l 1"], &["FLUSHDB"]) && runs_after(&["SET l 1"], &["FLUSHALL"]));
        assert!(!runs_after(&["SET k 1"], &["SWAPDB 0 1"]));
        assert!(!runs_after(&["SET k 1", "MOVE k 1"], &["SWAPDB 1 0"]));
        assert!(runs_after(&["SET k 1"], &["SWAPDB 2 1"]) && runs_after(&["SET l 1"], &["SWAPDB 0 1"]));
    }

    #[test]
    fn a_key_is_watched_in_its_database() {
        let store = TestStore::new();
        let mut client = store.client();
        client.select(1);
        client.check([("WATCH k", "+OK")]);
        client.select(0);
        store.check([("SET k 1", "+OK")]);
        client.check([("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "[+PONG]")]);
    }

    #[test]
    fn the_own_changes_are_noticed_before_multi() {
        let store = TestStore::new();
        let mut client = store.client();
        client.check([
            ("WATCH k", "+OK"),
            ("SET k 1", "+OK"),
            ("MULTI", "+OK"),
            ("PING", "+QUEUED"),
            ("EXEC", "(nil)"),
        ]);
        client.check([("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "[+PONG]")]);
    }

    #[test]
    fn nothing_is_watched_after_exec_unwatch_or_the_end_of_the_connection() {
        let store = TestStore::new();
        let watched = || store.store().handle.watches.keys_of(0).len();
        let mut client = store.client();
        client.check([("WATCH a b", "+OK"), ("WATCH a", "+OK")]);
        assert_eq!(watched(), 2);
        client.check([("UNWATCH", "+OK")]);
        assert_eq!(watched(), 0);
        client.check([("WATCH a", "+OK"), ("MULTI", "+OK"), ("UNWATCH", "+QUEUED"), ("EXEC", "[+OK]")]);
        assert_eq!(watched(), 0);
        client.check([("WATCH a", "+OK")]);
        drop(client);
        assert_eq!(watched(), 0);
    }
}
