//! [`NameMap`]: a table from command names to something, read once or twice for every command.

/// A map from command names to values that ignores the case of the names.
///
/// Built once and read for every command, so a lookup allocates nothing and touches one or two cache lines.
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
    /// Indices into `entries` plus one, found by open addressing; zero is an empty place.
    places: Box<[u16]>,
    entries: Vec<(Box<[u8]>, T)>,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { places: vec![0; 4].into(), entries: Vec::new() }
    }
}

impl<T> NameMap<T> {
    /// The value of `name`.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let mask = self.places.len() - 1;
        let mut at = hash(name) as usize & mask;
        loop {
            let (known, value) = match self.places[at] {
                0 => return None,
                place => &self.entries[usize::from(place) - 1],
            };
            if known.eq_ignore_ascii_case(name) {
                return Some(value);
            }
            at = (at + 1) & mask;
        }
    }

    /// Sets the value of `name` and returns the one it replaces.
    ///
    /// # Panics
    /// When the map holds 65,535 names already.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: T) -> Option<T> {
        let name = name.as_ref();
        if let Some(known) = self.entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Some(std::mem::replace(&mut known.1, value));
        }
        self.entries.push((name.into(), value));
        // At most a quarter full, so that most names are found, or found missing, at the first place.
        if self.entries.len() * 4 > self.places.len() {
            self.places = vec![0; self.entries.len().next_power_of_two() * 8].into();
            for index in 0..self.entries.len() {
                self.place(index);
            }
        } else {
            self.place(self.entries.len() - 1);
        }
        None
    }

    /// The names and their values in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &T)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
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
        let mask = self.places.len() - 1;
        let mut at = hash(&self.entries[index].0) as usize & mask;
        while self.places[at] != 0 {
            at = (at + 1) & mask;
        }
        self.places[at] = u16::try_from(index + 1).expect("fewer than 65,536 names");
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

/// Mixes the length with the first and the last eight bytes, letters in one case. The names are known when the table is
/// built, so a peer cannot make it slower than its fullest run.
#[inline]
fn hash(name: &[u8]) -> u32 {
    const LETTERS: u64 = 0xdfdf_dfdf_dfdf_dfdf;
    let (first, last) = if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
    } else {
        let byte = |at: usize| u64::from(name.get(at).copied().unwrap_or(0));
        (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
    };
    let mixed = (first & LETTERS).rotate_left(5) ^ (last & LETTERS) ^ name.len() as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32
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
    fn a_second_insert_replaces_the_value() {
        let mut map = NameMap::default();
        assert_eq!(map.insert("GET", 1), None);
        assert_eq!(map.insert("get", 2), Some(1));
        assert_eq!((map.len(), map.get(b"GET")), (1, Some(&2)));
    }
}
