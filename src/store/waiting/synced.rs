//! Commands that wait for the disk: WAITAOF.

use std::{
    sync::{Arc, Weak},
    task::{Wake, Waker},
};

use kvstore_protocol::{CommandError, Response};

use super::{Awaited, Waiter};
use crate::store::state::StoreState;

pub(in super::super) const NO_JOURNAL: CommandError =
    CommandError::new("ERR", "WAITAOF cannot be used when numlocal is set but appendonly is disabled.");

/// Serves a command when its commit is on disk, or never will be. The journal wakes it.
#[derive(Debug)]
struct Synced {
    store: Weak<StoreState>,
    waiter: Arc<Waiter>,
    /// The number of the commit.
    number: u64,
}

impl Wake for Synced {
    fn wake(self: Arc<Self>) {
        let Some(store) = self.store.upgrade() else { return };
        if let Some(claim) = self.waiter.claim() {
            drop(claim.serve(store.synced_or_lost(self.number)));
        }
    }
}

impl StoreState {
    /// Whether a commit is on disk.
    pub(in super::super) fn is_synced(&self, number: u64) -> bool {
        self.journals.last().is_some_and(|journal| journal.is_synced(number))
    }

    /// The same as an answer; an error if the journal has ended or failed before.
    fn synced_or_lost(&self, number: u64) -> Response {
        match self.journal() {
            None => NO_JOURNAL.into(),
            Some(_) if self.is_synced(number) => self.acknowledged(number),
            Some(_) => self.write_refusal().map_or_else(|| self.acknowledged(number), Response::from),
        }
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
