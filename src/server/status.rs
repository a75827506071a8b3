//! [`ServerStatus`]: what a service may know of the server in front of it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::registry::Registry;

/// Counts of a server since it started.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// The state of the server that a command came through, in the [session](kvstore_protocol::Session::get) of each of its
/// connections: what INFO says about clients.
#[derive(Clone)]
pub struct ServerStatus {
    registry: Arc<Registry>,
    totals: Arc<Totals>,
    max_connections: usize,
}

impl ServerStatus {
    pub(super) fn new(registry: Arc<Registry>, totals: Arc<Totals>, max_connections: usize) -> Self {
        Self { registry, totals, max_connections }
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.registry.len()
    }

    /// How many there may be.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// How many came since the start, those that were turned away included.
    pub fn total_connections(&self) -> u64 {
        self.totals.connections.load(Ordering::Relaxed)
    }

    /// How many were turned away because there were too many.
    pub fn refused_connections(&self) -> u64 {
        self.totals.refused.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStatus").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
