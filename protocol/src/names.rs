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
    /// For each length of names a bit for each letter that one starts with: most names that are not here end at it.
    starts: [u32; LENGTHS],
    /// A power of two of places, found by open addressing, at most a quarter of them taken.
    places: Box<[Place]>,
    entries: Vec<(Box<[u8]>, T)>,
}

/// A name, and the number of its entry, counted from 1; 0 where there is none.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    folded: Folded,
    entry: u32,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { starts: [0; LENGTHS], places: vec![Place::default(); 4].into(), entries: Vec::new() }
    }
}

impl<T> NameMap<T> {
    /// The value of `name`.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        let (length, letter) = start(name);
        if self.starts[length] & letter == 0 {
            return None;
        }
        let folded = Folded::of(name);
        let mask = self.places.len() - 1;
        let mut at = folded.hash() & mask;
        loop {
            let place = &self.places[at];
            let (known, value) = self.entries.get((place.entry as usize).checked_sub(1)?)?;
            // What is folded is a whole name, unless it is long.
            if place.folded == folded && (name.len() <= Folded::WHOLE || known.eq_ignore_ascii_case(name)) {
                return Some(value);
            }
            at = (at + 1) & mask;
        }
    }

    /// The value of `name`, to be changed. Looks at every name: this is for building.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        self.entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Sets the value of `name` and returns the one it replaces.
    pub fn insert(&mut self, name: impl AsRef<[u8]>, value: T) -> Option<T> {
        let name = name.as_ref();
        if let Some(known) = self.get_mut(name) {
            return Some(std::mem::replace(known, value));
        }
        self.entries.push((name.into(), value));
        let (length, letter) = start(name);
        self.starts[length] |= letter;
        if self.entries.len() * 4 > self.places.len() {
            self.places = vec![Place::default(); self.entries.len().next_power_of_two() * 8].into();
            (0..self.entries.len()).for_each(|index| self.place(index));
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
        let folded = Folded::of(&self.entries[index].0);
        let mut at = folded.hash() & mask;
        while self.places[at].entry > 0 {
            at = (at + 1) & mask;
        }
        self.places[at] = Place { folded, entry: index as u32 + 1 };
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

/// From this length on names share a set of first letters.
const LENGTHS: usize = 32;

/// The length of a name, and the bit of its first letter in either case.
#[inline]
fn start(name: &[u8]) -> (usize, u32) {
    let letter = name.first().copied().unwrap_or_default();
    (name.len().min(LENGTHS - 1), 1 << (letter & 31))
}

/// The first and the last bytes of a name, eight of each at most, in capitals, and its length: compared at once instead
/// of byte by byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Folded {
    first: u64,
    last: u64,
    len: u32,
}

impl Folded {
    /// Up to this length nothing of a name is left out.
    const WHOLE: usize = 16;

    #[inline]
    fn of(name: &[u8]) -> Self {
        // Eight bytes at most are one number.
        let whole = match (name, name.first_chunk(), name.last_chunk()) {
            ([a, b, c], ..) => u32::from_le_bytes([*a, *b, *c, 0]).into(),
            (_, Some(first), Some(last)) if name.len() <= 8 => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            ([a, b], ..) => u16::from_le_bytes([*a, *b]).into(),
            ([a], ..) => (*a).into(),
            _ => return Self::of_long(name),
        };
        Self { first: capitals(whole), last: 0, len: name.len() as u32 }
    }

    /// The first eight bytes, and the last; of no name, nothing.
    #[cold]
    #[inline(never)]
    fn of_long(name: &[u8]) -> Self {
        let eight = |bytes: Option<&[u8; 8]>| capitals(bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes)));
        Self { first: eight(name.first_chunk()), last: eight(name.last_chunk()), len: name.len() as u32 }
    }

    /// The names are known when the table is built, so a peer cannot make it slower than its fullest run.
    #[inline]
    fn hash(self) -> usize {
        let mixed = self.first.rotate_left(5) ^ self.last ^ u64::from(self.len);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
    }
}

/// Eight bytes with `a` to `z` turned into capitals, all at once: a byte is one of them when adding what lacks to 0x80
/// carries into its highest bit from `a` on, and not yet from the one after `z` on.
#[inline]
fn capitals(bytes: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHEST: u64 = 0x80 * ONES;
    let low = bytes & !HIGHEST;
    let from_a = low + (0x80 - u64::from(b'a')) * ONES;
    let after_z = low + (0x7f - u64::from(b'z')) * ONES;
    bytes - ((from_a & !after_z & !bytes & HIGHEST) >> 2)
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
        for byte in 0..=255_u8 {
            let folded = capitals(u64::from_le_bytes([byte; 8])).to_le_bytes();
            assert_eq!(folded, [byte.to_ascii_uppercase(); 8]);
        }
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
