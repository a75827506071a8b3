//! [`Members`]: the subscribers of one channel or pattern.

use std::sync::Arc;

use kvstore_protocol::{PackedPush, Push};
use smallvec::SmallVec;

use super::subscriber::Subscriber;

/// The subscribers of one channel or pattern, by their numbers. Most have one, which needs no allocation.
#[derive(Debug, Default)]
pub(super) struct Members(SmallVec<[Arc<Subscriber>; 2]>);

impl Members {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a subscriber. A new one mostly has the highest number.
    pub(super) fn add(&mut self, subscriber: &Arc<Subscriber>) {
        if let Err(index) = self.position(subscriber) {
            self.0.insert(index, subscriber.clone());
        }
    }

    pub(super) fn remove(&mut self, subscriber: &Subscriber) {
        if let Ok(index) = self.position(subscriber) {
            self.0.remove(index);
        }
    }

    /// Sends a message to each. Returns their number.
    pub(super) fn deliver(&self, message: PackedPush, origin: Option<&Push>) -> usize {
        if let Some((last, others)) = self.0.split_last() {
            others.iter().for_each(|subscriber| subscriber.deliver(message.clone(), origin));
            last.deliver(message, origin);
        }
        self.len()
    }

    fn position(&self, subscriber: &Subscriber) -> Result<usize, usize> {
        self.0.binary_search_by_key(&subscriber.id(), |member| member.id())
    }
}
