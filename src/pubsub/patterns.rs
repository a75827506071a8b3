//! [`Patterns`]: the patterns that connections are subscribed to, and which of them match a channel.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

use kvstore_protocol::Pattern;

use super::{
    members::Members,
    subscriber::Subscriber,
    topics::{Name, Stripe, shrink},
};

/// Patterns, by the bytes before their first special character.
///
/// A pattern can match a channel only if these bytes are at the start of the channel. So of 10,000 patterns such as
/// `news:123:*` a few are looked at. All patterns that begin with a star are.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    by_prefix: BTreeMap<Box<[u8]>, Stripe>,
    len: usize,
}

impl Patterns {
    /// The number of patterns.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a subscriber to a pattern. Returns its name.
    pub(super) fn add(&mut self, pattern: &[u8], subscriber: &Arc<Subscriber>) -> Name {
        let patterns = match self.by_prefix.get_mut(prefix(pattern)) {
            Some(patterns) => patterns,
            None => self.by_prefix.entry(prefix(pattern).into()).or_default(),
        };
        let name = match patterns.get_key_value(pattern) {
            Some((name, _)) => name.clone(),
            None => {
                self.len += 1;
                Name::from(pattern)
            }
        };
        patterns.entry(name.clone()).or_default().add(subscriber);
        name
    }

    /// Removes a subscriber from a pattern.
    pub(super) fn remove(&mut self, pattern: &[u8], subscriber: &Subscriber) {
        let Some(patterns) = self.by_prefix.get_mut(prefix(pattern)) else { return };
        let Some(members) = patterns.get_mut(pattern) else { return };
        members.remove(subscriber);
        if !members.is_empty() {
            return;
        }
        patterns.remove(pattern);
        self.len -= 1;
        if patterns.is_empty() {
            self.by_prefix.remove(prefix(pattern));
        } else {
            shrink(patterns);
        }
    }

    /// Calls `visit` with each pattern that matches a channel.
    pub(super) fn for_each_match(&self, channel: &[u8], mut visit: impl FnMut(&Name, &Members)) {
        self.for_each_prefix(channel, |patterns| {
            for (name, members) in patterns {
                if Pattern::new(&**name).matches(channel) {
                    visit(name, members);
                }
            }
        });
    }

    /// Calls `visit` with the patterns of each prefix that the channel begins with, the longest first.
    ///
    /// The prefixes of the channel are in order among all prefixes, and others are between them. From one of the others, the
    /// search goes on at what it has in common with the channel: no prefix of the channel between the two is longer.
    fn for_each_prefix(&self, channel: &[u8], mut visit: impl FnMut(&Stripe)) {
        let mut below = Included(channel);
        while let Some((prefix, patterns)) = self.by_prefix.range::<[u8], _>((Unbounded, below)).next_back() {
            let common = common_len(prefix, channel);
            if common < prefix.len() {
                below = Included(&channel[..common]);
                continue;
            }
            visit(patterns);
            below = Excluded(&channel[..common]);
        }
    }
}

/// The bytes before the first special character of a pattern.
fn prefix(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| b"*?[\\".contains(byte));
    &pattern[..end.unwrap_or(pattern.len())]
}

fn common_len(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;
    use kvstore_protocol::{Session, mailbox::mailbox};

    use super::*;
    use crate::pubsub::hub::Hub;

    fn subscriber() -> Arc<Subscriber> {
        Arc::new(Subscriber::new(1, Arc::new(Hub::new()), &Session::default(), mailbox(1).0))
    }

    fn matches(patterns: &Patterns, channel: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        patterns.for_each_match(channel.as_bytes(), |name, members| {
            assert_eq!(members.len(), 1);
            assert!(found.insert(String::from_utf8_lossy(name).into_owned()), "a pattern is visited once");
        });
        found
    }

    #[test]
    fn the_patterns_that_match_are_those_of_a_naive_search() {
        let (mut rng, subscriber) = (Rng::with_seed(7), subscriber());
        let mut text = move |letters: &[&str], len: usize| {
            (0..rng.usize(..=len)).map(|_| letters[rng.usize(..letters.len())]).collect::<String>()
        };
        let (mut patterns, mut known) = (Patterns::default(), BTreeSet::new());
        for round in 0..3000 {
            let pattern = text(&["a", "b", "ab", "a", "*", "?", "[ab]", "\\a"], 5);
            if round % 3 == 2 {
                patterns.remove(pattern.as_bytes(), &subscriber);
                known.remove(&pattern);
            } else {
                patterns.add(pattern.as_bytes(), &subscriber);
                known.insert(pattern);
            }
            assert_eq!(patterns.len(), known.len());
            let channel = text(&["a", "b", "c"], 7);
            let is_match = |pattern: &&String| Pattern::new(pattern.as_bytes()).matches(channel.as_bytes());
            let expected: BTreeSet<String> = known.iter().filter(is_match).cloned().collect();
            assert_eq!(matches(&patterns, &channel), expected, "{channel}");
        }
        known.iter().for_each(|pattern| patterns.remove(pattern.as_bytes(), &subscriber));
        assert!(patterns.len() == 0 && patterns.by_prefix.is_empty());
    }

    #[test]
    fn few_of_many_patterns_are_looked_at() {
        let (mut patterns, subscriber) = (Patterns::default(), subscriber());
        (0..10_000).for_each(|number| drop(patterns.add(format!("news:{number}:*").as_bytes(), &subscriber)));
        patterns.add(b"*", &subscriber);
        let mut looked_at = 0;
        patterns.for_each_prefix(b"news:1234:art", |found| looked_at += found.len());
        assert_eq!(looked_at, 2);
        assert_eq!(matches(&patterns, "news:1234:art"), ["*", "news:1234:*"].map(String::from).into());
    }
}
