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

    /// Sends a message to each. Returns the number of those that are not closed.
    pub(super) fn deliver(&self, message: PackedPush, origin: Option<&Push>) -> usize {
        let Some((last, others)) = self.0.split_last() else { return 0 };
        let received = others.iter().filter(|subscriber| subscriber.deliver(message.clone(), origin)).count();
        received + usize::from(last.deliver(message, origin))
    }

    fn position(&self, subscriber: &Subscriber) -> Result<usize, usize> {
        self.0.binary_search_by_key(&subscriber.id(), |member| member.id())
    }
}
