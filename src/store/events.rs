//! [`EventClasses`]: the keyspace events that are published, and how they are.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use bytes::Bytes;

use super::{
    change::Event,
    notices::Origin,
    observers::{Interests, Observers},
    state::StoreState,
};

/// The setting `notify-keyspace-events`.
#[derive(Debug)]
pub(super) struct EventClasses {
    /// A bit for each of [`LETTERS`].
    letters: AtomicU16,
    observers: Arc<Observers>,
}

/// The letters of the setting, in the order in which it is shown. The first ten are the classes that `A` stands for.
const LETTERS: &[u8; 14] = b"g$lshzxetdnKEm";

/// The classes that `A` stands for.
const ALL: u16 = (1 << 10) - 1;

const KEYSPACE: u16 = 1 << 11;
const KEYEVENT: u16 = 1 << 12;

impl EventClasses {
    /// None.
    pub(super) fn new(observers: Arc<Observers>) -> Self {
        Self { letters: AtomicU16::new(0), observers }
    }

    /// Whether the events of a class are published.
    pub(super) fn has(&self, event: Event) -> bool {
        event.class().and_then(|class| bit(class as u8)).is_some_and(|bit| self.get() & bit != 0)
    }

    /// Sets the letters, which [`parse`](Self::parse) has found.
    pub(super) fn set(&self, letters: u16) {
        self.letters.store(letters, Ordering::Relaxed);
        let (where_to, which) = (KEYSPACE | KEYEVENT, !(KEYSPACE | KEYEVENT));
        self.observers.set(Interests::EVENTS, letters & where_to != 0 && letters & which != 0);
    }

    /// Parses the setting.
    pub(super) fn parse(text: &[u8]) -> Option<u16> {
        text.iter().try_fold(0, |letters, letter| Some(letters | if *letter == b'A' { ALL } else { bit(*letter)? }))
    }

    /// Shows the setting.
    pub(super) fn show(&self) -> String {
        let mut letters = self.get();
        let mut text = String::new();
        if letters & ALL == ALL {
            letters &= !ALL;
            text.push('A');
        }
        let set = LETTERS.iter().filter(|letter| bit(**letter).is_some_and(|bit| letters & bit != 0));
        text.extend(set.map(|letter| *letter as char));
        text
    }

    fn get(&self) -> u16 {
        self.letters.load(Ordering::Relaxed)
    }
}

fn bit(letter: u8) -> Option<u16> {
    LETTERS.iter().position(|known| *known == letter).map(|index| 1 << index)
}

impl StoreState {
    /// Publishes an event, to the channels of the key and of the event.
    pub(super) fn publish_event(&self, database: usize, key: &Bytes, event: Event, origin: Option<&Origin>) {
        let letters = self.events.get();
        let publish = |channel: &[u8], message: &[u8]| match origin {
            Some(origin) => self.pub_sub.publish_after(&origin.push, channel, message),
            None => self.pub_sub.publish(channel, message),
        };
        if letters & KEYSPACE != 0 {
            publish(&[format!("__keyspace@{database}__:").as_bytes(), key].concat(), event.name().as_bytes());
        }
        if letters & KEYEVENT != 0 {
            publish(format!("__keyevent@{database}__:{}", event.name()).as_bytes(), key);
        }
    }
}
