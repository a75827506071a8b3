//! [`Topics`]: channels, with the subscribers of each.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};

use super::{members::Members, subscriber::Subscriber};

/// The name of a channel or pattern, shared by everything that knows it.
pub(super) type Name = Arc<[u8]>;

/// The number of locks, so that publishers on several threads seldom wait for each other.
const STRIPES: usize = 64;

/// Channels by their names. Those without subscribers are not there.
///
/// A channel stays locked while a message is sent to its subscribers, so that all of them get the messages of several
/// publishers in the same order.
#[derive(Debug)]
pub(super) struct Topics {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    len: AtomicUsize,
}

pub(super) type Stripe = HashMap<Name, Members, RandomState>;

impl Topics {
    pub(super) fn new() -> Self {
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { stripes, hasher: RandomState::default(), len: AtomicUsize::new(0) }
    }

    /// The number of channels.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Locks the channels that this one is among.
    #[inline]
    pub(super) fn lock(&self, channel: &[u8]) -> MutexGuard<'_, Stripe> {
        let hash = self.hasher.hash_one(channel);
        self.stripes[hash as usize % STRIPES].lock()
    }

    /// Adds a subscriber to a channel. Returns the name of the channel.
    pub(super) fn add(&self, channel: &[u8], subscriber: &Arc<Subscriber>) -> Name {
        let mut stripe = self.lock(channel);
        let name = match stripe.get_key_value(channel) {
            Some((name, _)) => name.clone(),
            None => {
                self.len.fetch_add(1, Ordering::Relaxed);
                Name::from(channel)
            }
        };
        stripe.entry(name.clone()).or_default().add(subscriber);
        name
    }

    /// Removes a subscriber from a channel.
    pub(super) fn remove(&self, channel: &[u8], subscriber: &Subscriber) {
        let mut stripe = self.lock(channel);
        let Some(members) = stripe.get_mut(channel) else { return };
        members.remove(subscriber);
        if members.is_empty() {
            stripe.remove(channel);
            self.len.fetch_sub(1, Ordering::Relaxed);
            shrink(&mut stripe);
        }
    }

    /// The number of subscribers of a channel.
    pub(super) fn subscribers(&self, channel: &[u8]) -> usize {
        self.lock(channel).get(channel).map_or(0, Members::len)
    }

    /// Calls `visit` with the name of each channel.
    pub(super) fn for_each(&self, mut visit: impl FnMut(&[u8])) {
        for stripe in &self.stripes {
            stripe.lock().keys().for_each(|name| visit(name));
        }
    }
}

/// Gives back the memory of many channels that are gone.
pub(super) fn shrink(stripe: &mut Stripe) {
    if stripe.capacity() > 64 && stripe.len() < stripe.capacity() / 8 {
        stripe.shrink_to_fit();
    }
}
