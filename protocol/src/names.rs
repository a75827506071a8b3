//! [`NameMap`]: a table from command names to something, read once or twice for every command.

/// A map from command names to values that ignores the case of the names.
///
/// Built once and read for every command, so a lookup allocates nothing and touches two or three cache lines.
///
/// ```
/// use kvstore_protocol::NameMap;
///
/// let barriers: NameMap<u8> = [("AUTH", 1), ("SELECT", 2)].into_iter().collect();
/// assert_eq!(barriers.get(b"select"), Some(&2));
/// assert_eq!(barriers.get(b"GET"), None);
/// ```
#[derive(Clone, Debug)]
pub struct NameMap<T> {
    /// The number of the first entry of each mark, counted from 1; 0 where there is none. A power of two of them, of which
    /// most are empty: a name that is not here mostly ends at one of those.
    firsts: Box<[u32]>,
    entries: Vec<Entry<T>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    name: Box<[u8]>,
    value: T,
    /// The number of another entry of the same mark.
    next: u32,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { firsts: vec![0; 8].into(), entries: Vec::new() }
    }
}

impl<T> NameMap<T> {
    /// The value of `name`.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let mut number = self.firsts[mark(name, self.firsts.len())];
        loop {
            let entry = self.entries.get((number as usize).checked_sub(1)?)?;
            if entry.name.len() == name.len() && is_same(&entry.name, name) {
                return Some(&entry.value);
            }
            number = entry.next;
        }
    }

    /// The value of `name`, to be changed. Looks at every name: this is for building.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        self.entries.iter_mut().find(|entry| entry.name.eq_ignore_ascii_case(name)).map(|entry| &mut entry.value)
    }

    /// Sets the value of `name` and returns the one it replaces.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: T) -> Option<T> {
        let name = name.as_ref();
        if let Some(known) = self.get_mut(name) {
            return Some(std::mem::replace(known, value));
        }
        self.entries.push(Entry { name: name.into(), value, next: 0 });
        if self.entries.len() * 4 > self.firsts.len() {
            self.firsts = vec![0; self.entries.len().next_power_of_two() * 8].into();
            (0..self.entries.len()).for_each(|index| self.place(index));
        } else {
            self.place(self.entries.len() - 1);
        }
        None
    }

    /// The names and their values in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.entries.iter().map(|entry| (&*entry.name, &entry.value))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        let first = &mut self.firsts[mark(&entry.name, self.firsts.len())];
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

/// A number below `marks`, a power of two, that names of either case share: made of their length and three of their letters.
/// The names are known when the table is built, so a peer cannot make it slower than its longest chain.
#[inline]
fn mark(name: &[u8], marks: usize) -> usize {
    let letter = |index: usize| name.get(index).map_or(0, |letter| usize::from(letter & 31));
    let (middle, last) = (name.len() / 2, name.len().wrapping_sub(1));
    let mixed = letter(0) | letter(middle) << 5 | letter(last) << 10 | name.len() << 15;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) & (marks - 1)
}

/// Whether two names of one length are the same. For names this short, `eq_ignore_ascii_case` of slices takes some thirty
/// instructions more for each GET.
#[inline]
fn is_same(known: &[u8], name: &[u8]) -> bool {
    known.iter().zip(name).all(|(known, byte)| known.eq_ignore_ascii_case(byte))
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
