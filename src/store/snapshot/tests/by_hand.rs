//! A snapshot that is taken step by step.

use std::sync::{Arc, Weak};

use crate::store::{
    disk::simulated::SimulatedDisk,
    shard::Walk,
    snapshot::{
        Compression, Images, Manifest,
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
}

impl SnapshotByHand {
    /// Begins a snapshot of the store as it is now.
    pub(in super::super::super) fn begin(store: &TestStore, compression: Compression) -> Self {
        let (state, disk) = (&store.store().handle.0, SimulatedDisk::new(1));
        let images = Arc::new(Images::new(0, usize::MAX, Arc::clone(&state.observers)));
        let Cut { time, .. } = state.cut(&images).unwrap();
        let writer = SnapshotWriter::create(Arc::new(disk.clone()), 1, time, compression).unwrap();
        Self { store: Arc::downgrade(state), images, writer, disk }
    }

    /// Saves a slice of the shard with this number, if the shard has entries that are not saved.
    pub(in super::super::super) fn save_slice(&mut self, number: usize) {
        let store = self.store.upgrade().unwrap();
        let shards = store.databases.all_shards().len();
        let mut shard = store.databases.lock_any(number % shards);
        self.writer.buffered += shard.save_slice(Walk::Shared, &mut self.writer.buffer);
    }

    /// Saves the rest. Returns a disk with the snapshot alone.
    pub(in super::super::super) fn finish(mut self) -> SimulatedDisk {
        Walker { store: &self.store, images: &self.images }.run(&mut self.writer).unwrap();
        let (name, _) = self.writer.finish().unwrap();
        Manifest { snapshot: Some(name), first_segment: 1, has_journal: false }.store(&self.disk).unwrap();
        self.disk
    }
}
