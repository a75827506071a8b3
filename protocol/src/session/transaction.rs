//! stub
use std::sync::{Arc, atomic::{AtomicU8, Ordering}};

/// The state of MULTI.
#[derive(Clone, Debug, Default)]
pub struct Transaction(Arc<AtomicU8>);

impl Transaction {
    /// begin
    pub fn begin(&self) -> bool { self.0.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() }
    /// open
    pub fn is_open(&self) -> bool { self.0.load(Ordering::Relaxed) != 0 }
    /// aborted
    pub fn is_aborted(&self) -> bool { self.0.load(Ordering::Relaxed) == 2 }
    /// abort
    pub fn abort(&self) { let _ = self.0.compare_exchange(1, 2, Ordering::Relaxed, Ordering::Relaxed); }
    /// end
    pub fn end(&self) -> bool { self.0.swap(0, Ordering::Relaxed) == 2 }
    /// count
    pub fn count_queued(&self) {}
}
