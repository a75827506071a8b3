//! A snapshot that is taken step by step.

use std::sync::{Arc, Weak};

use crate::store::{
    databases::{KeyRef, Location},
    disk::simulated::SimulatedDisk,
    observers::Interests,
    shard::{Part, Walk},
    snapshot::{
        Compression, Images, Large, Manifest,
        format::MAX_PAYLOAD,
        walk::{Cut, Walker},
        writer::SnapshotWriter,
    },
    state::StoreState,
    testing::TestStore,
};

/// A snapshot that goes on when it is told to.
pub(in super::super::super) struct SnapshotByHand {
    store: Weak<StoreState>,
    images: Arc<Images>,
    writer: SnapshotWriter,
    disk: SimulatedDisk,
    /// The large collection that is saved in parts.
    large: Option<Large>,
}

impl SnapshotByHand {
    /// Begins a snapshot of the store as it is now.
    pub(in super::super::super) fn begin(store: &TestStore, compression: Compression) -> Self {
        let (state, disk) = (&store.store().handle.0, SimulatedDisk::new(1));
        let (Cut { time, .. }, images) = state.cut(usize::MAX, None).unwrap();
        // Nobody waits for it: what is large is saved by those who change it.
        state.observers.set(Interests::SAVING, false);
        let writer = SnapshotWriter::create(Arc::new(disk.clone()), 1, time, compression).unwrap();
        Self { store: Arc::downgrade(state), images, writer, disk, large: None }
    }

    /// Saves a slice of the shard with this number, if the shard has entries that are not saved.
    pub(in super::super::super) fn save_slice(&mut self, number: usize) {
        let store = self.store.upgrade().unwrap();
        let shards = store.databases.all_shards().len();
        let mut shard = store.databases.lock_any(number % shards);
        self.writer.buffered += shard.save_slice(Walk::Shared, &mut self.writer.buffer).entries;
    }

    /// Saves a part of a large collection of the first database.
    pub(super) fn save_part(&mut self, key: &str) {
        let store = self.store.upgrade().unwrap();
        let Location { hash, shard } = store.databases.locate(KeyRef { database: 0, name: key.as_bytes() });
        let mut shard = store.databases.lock_any(shard);
        let large = self.large.get_or_insert_with(|| shard.large_to_save(hash, key.as_bytes()).unwrap());
        assert_eq!(shard.save_part(large, &mut self.writer.large), Part::More);
        drop(shard);
        self.writer.large.resize(MAX_PAYLOAD, 0);
        self.writer.write_large().unwrap();
    }

    /// Saves the rest. Returns a disk with the snapshot alone.
    pub(in super::super::super) fn finish(mut self) -> SimulatedDisk {
        if self.large.is_some() {
            self.writer.abandon_large().unwrap();
        }
        Walker { store: &self.store, images: &self.images }.run(&mut self.writer).unwrap();
        let name = self.writer.finish(1).unwrap();
        Manifest { snapshot: Some(name), first_segment: 1, has_journal: false }.store(&self.disk).unwrap();
        self.disk
    }
}
