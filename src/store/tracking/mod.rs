//! Client tracking: clients keep what they have read, and are told when it has changed.
//!
//! Without BCAST the store notes which client has read which key, under the lock of the key, and forgets it when it tells the
//! change. With BCAST it notes prefixes alone. A change takes the readers of the key under its lock; they are told after the
//! locks, in the order of the [notices](super::notices).
//!
//! - `keys` the keys that were read, and by whom; `prefixes` those of BCAST
//! - `client` a client that tracks, its settings, and how it is told; `message` what it is told
//! - `options` the arguments of CLIENT TRACKING; `session` the client in its session

mod client;
mod keys;
mod message;
mod options;
mod prefixes;
mod session;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use kvstore_protocol::{CommandError, Session};
use parking_lot::RwLock;

use super::{
    commit::Commit,
    notices::{Notice, Notices, Origin},
    observers::{Interests, Observers},
    state::StoreState,
};
use client::Client;
use keys::{KeyTable, Keys, TrackedKey};
use message::Invalidation;
use prefixes::Prefixes;

pub(super) use keys::Readers;
pub(super) use options::Options;
pub(super) use session::ClientTracking;

/// The most keys that are evicted when one is added. More go in the background.
const EVICTED_AT_ONCE: usize = 2;

/// The most keys that are evicted in the background before other tasks get their turn.
const EVICT_BATCH: usize = 1000;

/// The clients that track keys, and the keys.
#[derive(Debug)]
pub(super) struct Tracking {
    clients: RwLock<HashMap<u32, Arc<Client>>>,
    last_id: AtomicU32,
    keys: KeyTable,
    prefixes: RwLock<Prefixes>,
    /// The number of prefixes, which each change asks for.
    prefix_count: AtomicUsize,
    observers: Arc<Observers>,
}

/// Keys that are tracked no more.
#[derive(Debug)]
pub(super) struct TrackedKeys(#[expect(dead_code, reason = "it is only dropped")] Vec<Keys>);

impl Tracking {
    pub(super) fn new(observers: Arc<Observers>) -> Self {
        Self {
            clients: RwLock::default(),
            last_id: AtomicU32::new(0),
            keys: KeyTable::new(),
            prefixes: RwLock::default(),
            prefix_count: AtomicUsize::new(0),
            observers,
        }
    }

    /// The number of clients.
    pub(super) fn clients(&self) -> usize {
        self.clients.read().len()
    }

    /// The number of keys that clients have read.
    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The number of clients that have read a key, for all keys together.
    pub(super) fn items(&self) -> usize {
        self.keys.items()
    }

    /// The number of prefixes.
    pub(super) fn prefixes(&self) -> usize {
        self.prefix_count.load(Ordering::Relaxed)
    }

    /// The most keys; 0 if there is no bound.
    pub(super) fn max_keys(&self) -> usize {
        self.keys.max_keys()
    }

    pub(super) fn set_max_keys(&self, keys: usize) {
        self.keys.set_max_keys(keys);
    }

    /// Adds the client of a session.
    fn add_client(&self, session: &Session, is_broadcast: bool) -> Result<Arc<Client>, CommandError> {
        let mut clients = self.clients.write();
        // A number may come again after four billion others. Readers may have the old one still, and are told too much then.
        let id = loop {
            let id = self.last_id.fetch_add(1, Ordering::Relaxed);
            if !clients.contains_key(&id) {
                break id;
            }
        };
        let client = Arc::new(Client::new(id, session, is_broadcast)?);
        clients.insert(id, Arc::clone(&client));
        self.observers.set(Interests::TRACKING, true);
        Ok(client)
    }

    /// Sets the options of a client, which fit each other. Prefixes are added to those that it has.
    fn set_options(&self, client: &Client, options: Options) {
        let mut settings = client.settings.lock();
        client.status.set_redirect(options.redirect);
        client.status.set_broken(false);
        (settings.selection, settings.no_loop) = (options.selection, options.no_loop);
        if options.is_broadcast {
            // Without a prefix all keys are tracked.
            let all_keys = options.prefixes.is_empty().then(|| Box::from(&b""[..]));
            let prefixes: Vec<Box<[u8]>> = options.prefixes.into_iter().chain(all_keys).collect();
            self.update_prefixes(|all| prefixes.iter().for_each(|prefix| all.add(prefix, client.id)));
            settings.prefixes.extend(prefixes);
        }
    }

    /// Removes a client. Its number stays with the keys that it has read, until they change.
    fn remove_client(&self, client: &Client) {
        let prefixes = std::mem::take(&mut client.settings.lock().prefixes);
        self.update_prefixes(|all| prefixes.iter().for_each(|prefix| all.remove(prefix, client.id)));
        let mut clients = self.clients.write();
        clients.remove(&client.id);
        if clients.is_empty() {
            self.observers.set(Interests::TRACKING, false);
            drop(self.keys.take_all());
        }
    }

    fn update_prefixes(&self, update: impl FnOnce(&mut Prefixes)) {
        let mut prefixes = self.prefixes.write();
        update(&mut prefixes);
        self.prefix_count.store(prefixes.len(), Ordering::Relaxed);
    }

    /// Takes the readers of a key that has changed. `None` if nobody is to be told.
    pub(super) fn change(&self, key: &[u8]) -> Option<Readers> {
        let readers = self.keys.take(key);
        let has_prefix = || self.prefixes() > 0 && self.prefixes.read().of(key).next().is_some();
        readers.or_else(|| has_prefix().then(Readers::new))
    }

    /// Takes all keys.
    pub(super) fn take_all_keys(&self) -> TrackedKeys {
        TrackedKeys(self.keys.take_all())
    }

    /// Tells the readers of a key.
    pub(super) fn tell_readers(&self, key: &Bytes, readers: &Readers, origin: Option<&Origin>) {
        if !readers.is_empty() {
            self.tell(&Invalidation::new(&[key]), readers, origin);
        }
    }

    /// Tells all clients that all keys may have changed.
    pub(super) fn tell_all(&self, origin: Option<&Origin>) {
        let invalidation = Invalidation::of_all();
        let clients: Vec<_> = self.clients.read().values().cloned().collect();
        clients.iter().for_each(|client| client.tell(&invalidation, origin));
    }

    /// Tells the clients that track prefixes of keys, once for each prefix.
    pub(super) fn broadcast(&self, keys: &[Bytes], origin: Option<&Origin>) {
        if keys.is_empty() || self.prefixes() == 0 {
            return;
        }
        let mut by_prefix = BTreeMap::<&[u8], (Vec<u32>, Vec<&[u8]>)>::new();
        let prefixes = self.prefixes.read();
        for key in keys {
            for (prefix, clients) in prefixes.of(key) {
                by_prefix.entry(prefix).or_insert_with(|| (clients.to_vec(), Vec::new())).1.push(key);
            }
        }
        drop(prefixes);
        for (clients, mut keys) in by_prefix.into_values() {
            // A command may change a key in several ways.
            keys.sort_unstable();
            keys.dedup();
            self.tell(&Invalidation::new(&keys), &clients, origin);
        }
    }

    fn tell(&self, invalidation: &Invalidation<'_>, clients: &[u32], origin: Option<&Origin>) {
        // Not under the lock: a session that is dropped meanwhile removes its client.
        for client in self.clients_of(clients) {
            let is_own = origin.is_some_and(|origin| origin.client == Some(client.id));
            if !(is_own && client.settings.lock().no_loop) {
                client.tell(invalidation, origin);
            }
        }
    }

    /// The clients with these numbers that track keys still.
    fn clients_of(&self, ids: &[u32]) -> Vec<Arc<Client>> {
        let clients = self.clients.read();
        ids.iter().filter_map(|id| clients.get(id).cloned()).collect()
    }
}

impl StoreState {
    /// Forgets random keys while there are too many, at most so many. Their readers are told. Returns whether there are too
    /// many still.
    fn evict_tracked(&self, most: usize, mut tell: impl FnMut(Notice)) -> bool {
        for _ in 0..most {
            if !self.tracking.keys.is_over() {
                return false;
            }
            let Some(TrackedKey { name, readers, .. }) = self.tracking.keys.take_random(self.seed()) else {
                return false;
            };
            tell(Notice::Evicted { key: name.into(), readers });
        }
        self.tracking.keys.is_over()
    }

    /// Makes room for a key that was added by a commit.
    fn make_room_for_tracked(&self, commit: &Commit) {
        self.evict_tracked(EVICTED_AT_ONCE, |notice| commit.notice(notice));
    }

    /// Evicts tracked keys in the background. Returns whether there are more to evict.
    pub(super) fn evict_tracked_keys(&self) -> bool {
        if !self.observers.get().has(Interests::TRACKING) {
            return false;
        }
        let mut notices = Vec::new();
        let is_over = self.evict_tracked(EVICT_BATCH, |notice| notices.push(notice));
        self.outbox.push(Notices::new(notices, None, self));
        self.send_notices();
        is_over
    }
}
