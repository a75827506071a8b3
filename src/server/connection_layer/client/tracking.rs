//! [`TrackingStatus`]: what CLIENT LIST shows of client tracking.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A session extension of a service that tracks what the client reads, for CLIENT LIST. All snapshots of the session share
/// it.
///
/// ```
/// use kvstore::{protocol::Session, server::TrackingStatus};
///
/// let mut session = Session::default();
/// session.extensions_mut().insert(TrackingStatus::new(false));
/// ```
#[derive(Clone, Debug)]
pub struct TrackingStatus(Arc<Status>);

#[derive(Debug)]
struct Status {
    is_broadcast: bool,
    redirect: AtomicU64,
    is_broken: AtomicBool,
}

impl TrackingStatus {
    /// A client that tracks the keys that it reads, or with `is_broadcast` prefixes of keys.
    pub fn new(is_broadcast: bool) -> Self {
        Self(Arc::new(Status { is_broadcast, redirect: AtomicU64::new(0), is_broken: AtomicBool::new(false) }))
    }

    /// Whether the client tracks prefixes of keys.
    pub fn is_broadcast(&self) -> bool {
        self.0.is_broadcast
    }

    /// Returns the ID of the connection that gets the messages in place of this one; 0 if there is none.
    pub fn redirect(&self) -> u64 {
        self.0.redirect.load(Ordering::Relaxed)
    }

    /// Sets the connection that gets the messages.
    pub fn set_redirect(&self, id: u64) {
        self.0.redirect.store(id, Ordering::Relaxed);
    }

    /// Whether the connection that gets the messages is closed.
    pub fn is_broken(&self) -> bool {
        self.0.is_broken.load(Ordering::Relaxed)
    }

    /// Sets whether the connection that gets the messages is closed.
    pub fn set_broken(&self, is_broken: bool) {
        self.0.is_broken.store(is_broken, Ordering::Relaxed);
    }
}
