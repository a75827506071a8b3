//! [`Prefixes`]: the prefixes of the keys that clients track in BCAST mode.

use std::collections::{BTreeMap, HashMap};

/// The prefixes of all clients.
///
/// Those of a key are found by their lengths, of which there are few: each is looked up, however many prefixes there are.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    clients: HashMap<Box<[u8]>, Vec<u32>>,
    /// The number of prefixes of each length.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    /// The number of prefixes.
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Adds a client to a prefix.
    pub(super) fn add(&mut self, prefix: &[u8], client: u32) {
        match self.clients.get_mut(prefix) {
            Some(clients) if clients.contains(&client) => {}
            Some(clients) => clients.push(client),
            None => {
                self.clients.insert(prefix.into(), vec![client]);
                *self.lengths.entry(prefix.len()).or_default() += 1;
            }
        }
    }

    /// Removes a client from a prefix.
    pub(super) fn remove(&mut self, prefix: &[u8], client: u32) {
        let Some(clients) = self.clients.get_mut(prefix) else { return };
        clients.retain(|other| *other != client);
        if clients.is_empty() {
            self.clients.remove(prefix);
            self.remove_length(prefix.len());
        }
    }

    fn remove_length(&mut self, length: usize) {
        if let Some(count) = self.lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }

    /// The prefixes of a key, each with its clients, the shortest first.
    pub(super) fn of<'a, 'k>(&'a self, key: &'k [u8]) -> impl Iterator<Item = (&'k [u8], &'a [u32])> {
        let prefixes = self.lengths.range(..=key.len()).map(|(length, _)| &key[..*length]);
        prefixes.filter_map(|prefix| Some((prefix, &**self.clients.get(prefix)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_of_a_key_are_found_the_shortest_first() {
        let mut prefixes = Prefixes::default();
        for (prefix, client) in [("", 1), ("a", 2), ("ab", 3), ("ab", 4), ("ab", 3), ("b", 5), ("abc", 6)] {
            prefixes.add(prefix.as_bytes(), client);
        }
        let of = |prefixes: &Prefixes, key: &'static str| -> Vec<(String, Vec<u32>)> {
            let found = prefixes.of(key.as_bytes());
            found.map(|(prefix, clients)| (String::from_utf8_lossy(prefix).into(), clients.to_vec())).collect()
        };
        let expected = [("", vec![1]), ("a", vec![2]), ("ab", vec![3, 4])].map(|(prefix, ids)| (prefix.into(), ids));
        assert_eq!(of(&prefixes, "ab"), expected);
        for (prefix, client) in [("ab", 3), ("ab", 4), ("", 1), ("nosuch", 1)] {
            prefixes.remove(prefix.as_bytes(), client);
        }
        assert_eq!(of(&prefixes, "ab"), [("a".into(), vec![2])]);
        assert_eq!(prefixes.len(), 3);
    }
}
