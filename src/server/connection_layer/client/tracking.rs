//! [`TrackingStatus`]: what CLIENT knows of client tracking.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// A session extension of a service that tracks what the client reads. CLIENT LIST shows it, and no command of CLIENT uses up
/// a CLIENT CACHING in front of it. All snapshots of the session share it.
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
    /// The number of the command that CLIENT CACHING is for; 0 if there is none.
    cached: AtomicU64,
}

impl TrackingStatus {
    /// A client that tracks the keys that it reads, or with `is_broadcast` prefixes of keys.
    pub fn new(is_broadcast: bool) -> Self {
        let (redirect, is_broken, cached) = Default::default();
        Self(Arc::new(Status { is_broadcast, redirect, is_broken, cached }))
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

    /// Whether CLIENT CACHING is for the command with this number.
    pub fn is_cached(&self, number: u64) -> bool {
        self.0.cached.load(Ordering::Relaxed) == number
    }

    /// Notes that CLIENT CACHING is for the command with this number; 0 for none.
    pub fn set_cached(&self, number: u64) {
        self.0.cached.store(number, Ordering::Relaxed);
    }

    /// Notes that the command with this number is one of CLIENT. If CLIENT CACHING is for it, it is for the next one.
    pub fn pass_over(&self, number: u64) {
        if self.is_cached(number) {
            self.set_cached(number + 1);
        }
    }
}
