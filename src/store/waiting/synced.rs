//! Commands that wait for the disk: WAITAOF.

use std::{
    sync::{Arc, Weak},
    task::{Wake, Waker},
};

use kvstore_protocol::Response;

use super::{Awaited, Waiter};
use crate::store::state::StoreState;

/// Serves a command when its commit is on disk. The journal wakes it.
#[derive(Debug)]
struct Synced {
    store: Weak<StoreState>,
    waiter: Arc<Waiter>,
    /// The number of the commit.
    number: u64,
}

impl Wake for Synced {
    fn wake(self: Arc<Self>) {
        // If the journal has failed, the command waits on.
        let Some(store) = self.store.upgrade().filter(|store| store.is_synced(self.number)) else { return };
        if let Some(claim) = self.waiter.claim() {
            drop(claim.serve(store.acknowledged(self.number)));
        }
    }
}

impl StoreState {
    /// Whether a commit is on disk.
    pub(in super::super) fn is_synced(&self, number: u64) -> bool {
        self.journals.last().is_some_and(|journal| journal.is_synced(number))
    }

    /// On how many disks a commit is, for WAITAOF: here, and at replicas.
    pub(in super::super) fn acknowledged(&self, number: u64) -> Response {
        Response::array([i64::from(self.is_synced(number)), 0].map(Response::Integer))
    }

    /// Serves a command when its commit is on disk, if it waits for that.
    pub(super) fn serve_when_synced(&self, waiter: &Arc<Waiter>) {
        let Awaited::Sync { number, is_enough: true } = waiter.wait.what else { return };
        let waiter = Arc::clone(waiter);
        let waker = Waker::from(Arc::new(Synced { store: self.myself.clone(), waiter, number }));
        if let Some(journal) = self.journals.last() {
            journal.wake_when_synced(number, waker);
        }
    }
}
