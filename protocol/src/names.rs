//! [`NameMap`]: a hash map from command names to values.

use crate::folded_name::{Edges, FoldedName};

/// A map from command names to values that ignores the case of the names.
///
/// Built once and read for every command: a lookup does not allocate, and touches two or three cache lines.
///
/// ```
/// use kvstore_protocol::NameMap;
///
/// let limits: NameMap<u8> = [("AUTH", 1), ("SELECT", 2)].into_iter().collect();
/// assert_eq!(limits.get(b"select"), Some(&2));
/// assert_eq!(limits.get(b"GET"), None);
/// ```
#[derive(Clone, Debug)]
pub struct NameMap<T> {
    /// The number of the first entry of each bucket, counted from 1; 0 if the bucket is empty. The number of buckets is
    /// a power of two. Most are empty, so that the lookup of an unknown name usually ends at once.
    firsts: Box<[u32]>,
    entries: Vec<NamedValue<T>>,
}

#[derive(Clone, Debug)]
struct NamedValue<T> {
    folded: FoldedName,
    name: Box<[u8]>,
    value: T,
    /// The number of the next entry of the same bucket.
    next: u32,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { firsts: vec![0; 8].into(), entries: Vec::new() }
    }
}

impl<T> NameMap<T> {
    /// Returns the value of `name`.
    #[inline(always)]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let edges = Edges::of(name);
        let mut number = self.firsts[edges.slot(self.firsts.len())];
        loop {
            let entry = self.entries.get((number as usize).checked_sub(1)?)?;
            if entry.is(name, edges) {
                return Some(&entry.value);
            }
            number = entry.next;
        }
    }

    /// Returns the value of `name`, to change it. Searches linearly: for building the map, not for lookups.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        self.entries.iter_mut().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(|entry| &mut entry.value)
    }

    /// Sets the value of `name` and returns the one it replaces.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: T) -> Option<T> {
        let name = name.as_ref();
        if let Some(known) = self.get_mut(name) {
            return Some(std::mem::replace(known, value));
        }
        self.entries.push(NamedValue::new(name, value));
        if self.entries.len() * 4 > self.firsts.len() {
            self.firsts = vec![0; self.entries.len().next_power_of_two() * 8].into();
            (0..self.entries.len()).for_each(|index| self.place(index));
        } else {
            self.place(self.entries.len() - 1);
        }
        None
    }

    /// Returns the names and their values, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.entries.iter().map(|entry| (&*entry.name, &entry.value))
    }

    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let first = &mut self.firsts[Edges::of(&entry.name).slot(self.firsts.len())];
        entry.next = std::mem::replace(first, index as u32 + 1);
    }
}

impl<N: AsRef<[u8]>, T> FromIterator<(N, T)> for NameMap<T> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(names: I) -> Self {
        let mut map = Self::default();
        for (name, value) in names {
            map.insert(name, value);
        }
        map
    }
}

impl<T> NamedValue<T> {
    fn new(name: &[u8], value: T) -> Self {
        Self { folded: FoldedName::new(name), name: name.into(), value, next: 0 }
    }

    #[inline]
    fn is(&self, name: &[u8], edges: Edges) -> bool {
        self.folded.may_be(name, edges) && (name.len() <= Edges::ALL || self.is_whole_name(name))
    }

    #[cold]
    fn is_whole_name(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_are_found_in_any_case() {
        let names: Vec<String> = (1..40).map(|length| "AbCdEfGhIj".repeat(4)[..length].to_owned()).collect();
        let map: NameMap<usize> = names.iter().map(|name| (name, name.len())).collect();
        for name in &names {
            assert_eq!(map.get(name.to_lowercase().as_bytes()), Some(&name.len()));
        }
        assert_eq!(map.get(b""), None);
        assert_eq!(map.get(b"nosuchname"), None);
    }

    #[test]
    fn a_name_that_differs_in_any_byte_is_another() {
        for length in 1..40 {
            let name: Vec<u8> = (0..length).map(|index| b"Ab-1@[`{"[index % 8]).collect();
            let map: NameMap<()> = [(&name, ())].into_iter().collect();
            for (index, bit) in (0..length).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
                let mut other = name.clone();
                other[index] ^= 1 << bit;
                assert_eq!(map.get(&other).is_some(), other.eq_ignore_ascii_case(&name), "{}", other.escape_ascii());
            }
        }
    }

    #[test]
    fn only_the_case_of_letters_is_ignored() {
        let map: NameMap<u8> = [("a{b", 1), ("LONG-NAMES-ARE-COMPARED-WHOLE", 2)].into_iter().collect();
        assert_eq!((map.get(b"A{B"), map.get(b"A[B")), (Some(&1), None));
        assert_eq!(map.get(b"LONG-NAMES-WERE-COMPARED-WHOLE"), None);
    }

    #[test]
    fn a_second_insert_replaces_the_value() {
        let mut map = NameMap::default();
        assert_eq!(map.insert("GET", 1), None);
        assert_eq!(map.insert("get", 2), Some(1));
        assert_eq!((map.len(), map.get(b"GET")), (1, Some(&2)));
    }
}
