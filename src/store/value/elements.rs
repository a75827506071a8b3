//! [`Elements`]: the elements of a large hash, set or sorted set, found by their names.
//!
//! An element is a record of a slab, and a table finds its handle:
//!
//! ```text
//! length of the name (1) | name | data | free
//! ```
//!
//! The data is what the collection stores with the name: nothing for a set. A name that is too long for a record is external:
//! four bytes in its place are its index in an arena.

use std::ops::Range;

use crate::store::memory::{Arena, GRANULE, Hasher, MAX_GRANULES, Matcher, Position, Records, Relocated, Slab, Table};

/// The longest name that is stored in its record.
const MAX_INLINE_NAME: usize = 254;

/// The length that marks an external name.
const EXTERNAL: u8 = u8::MAX;

/// The number of bytes of an index in an arena.
pub(super) const INDEX: usize = 4;

/// The most bytes of data.
pub(super) const MAX_DATA: usize = 256;

const _: () = assert!(1 + MAX_INLINE_NAME + MAX_DATA <= MAX_GRANULES * GRANULE);

/// Elements with different names. Each has a handle, which changes when it is moved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements {
    hasher: Hasher,
    table: Table,
    records: NamedRecords,
}

/// The records of the elements.
#[derive(Clone, Debug, Default)]
struct NamedRecords {
    slab: Slab,
    names: Arena<Box<[u8]>>,
    /// The memory of the external names, in bytes.
    external: usize,
}

/// Where an element is after its data was changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// The handle of the element now.
    pub(crate) handle: u32,
    /// Another element that was moved.
    pub(crate) relocated: Option<Relocated>,
}

impl Elements {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.table.memory() + self.records.slab.memory() + self.records.names.memory() + self.records.external
    }

    /// The handle of the element with this name.
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        let (position, ()) = self.table.find(self.hasher.hash(name), &WithName { records: &self.records, name })?;
        Some(position.handle())
    }

    /// Inserts an element whose name is not there. Returns its handle.
    ///
    /// # Panics
    /// If the data is longer than [`MAX_DATA`].
    pub(crate) fn insert(&mut self, name: &[u8], data: &[u8]) -> u32 {
        let handle = self.records.create(name, data);
        let hash = self.hasher.hash(name);
        self.table.insert(hash, handle, &Hashed { hasher: &self.hasher, records: &self.records });
        handle
    }

    /// Removes an element. Another one may be moved.
    pub(crate) fn remove(&mut self, handle: u32) -> Option<Relocated> {
        let (hash, position) = self.position(handle);
        // The table first: the record that is moved gets the handle of the removed one.
        self.table.remove(hash, position);
        self.records.remove_name(handle);
        self.free(handle)
    }

    #[inline]
    pub(crate) fn name(&self, handle: u32) -> &[u8] {
        self.records.name(handle)
    }

    /// The data, and the free bytes behind it.
    #[inline]
    pub(crate) fn data(&self, handle: u32) -> &[u8] {
        let record = self.records.slab.get(handle);
        &record[name_range(record).end..]
    }

    /// Overwrites the data from an offset on, where it is at least as long.
    #[inline]
    pub(crate) fn overwrite_data(&mut self, handle: u32, offset: usize, data: &[u8]) {
        let record = self.records.slab.get_mut(handle);
        let start = name_range(record).end + offset;
        record[start..start + data.len()].copy_from_slice(data);
    }

    /// Replaces the data: in place if the length of the record suits it, otherwise in a new record.
    ///
    /// # Panics
    /// If the data is longer than [`MAX_DATA`].
    pub(crate) fn replace_data(&mut self, handle: u32, data: &[u8]) -> Moved {
        let record = self.records.slab.get(handle);
        let (start, granules) = (name_range(record).end, record.len() / GRANULE);
        let needed = (start + data.len()).div_ceil(GRANULE);
        if needed <= granules && needed * 4 >= granules * 3 {
            self.overwrite_data(handle, 0, data);
            return Moved { handle, relocated: None };
        }
        let (hash, position) = self.position(handle);
        let moved = self.records.slab.allocate(needed);
        let (from, to) = self.records.slab.get_two(handle, moved);
        to[..start].copy_from_slice(&from[..start]);
        to[start..start + data.len()].copy_from_slice(data);
        self.records.update_owner(moved);
        self.table.set(position, moved);
        debug_assert_eq!(self.hasher.hash(self.name(moved)), hash);
        Moved { handle: moved, relocated: self.free(handle) }
    }

    /// The handle of the element at an index, in no order. Elements that are inserted or removed change it.
    pub(crate) fn nth(&self, index: usize) -> Option<u32> {
        self.records.slab.nth(index)
    }

    /// The handles, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.records.slab.iter()
    }

    /// Calls `visit` with the handles in the bucket that `cursor` names, and returns the next cursor, 0 after the last. An
    /// element that is there from the first call to the last is visited at least once.
    pub(crate) fn scan(&self, cursor: u64, visit: impl FnMut(u32)) -> u64 {
        self.table.scan(cursor, visit)
    }

    /// The hash of an element, and where its handle is in the table.
    fn position(&self, handle: u32) -> (u64, Position) {
        let hash = self.hasher.hash(self.name(handle));
        (hash, self.table.position(hash, handle).expect("the table has the handle of every element"))
    }

    /// Frees a record that the table does not have any more.
    fn free(&mut self, handle: u32) -> Option<Relocated> {
        let from = self.records.slab.free(handle)?;
        self.records.update_owner(handle);
        let hash = self.hasher.hash(self.name(handle));
        let position = self.table.position(hash, from).expect("the table has the handle of every element");
        self.table.set(position, handle);
        Some(Relocated { from, to: handle })
    }
}

impl NamedRecords {
    fn create(&mut self, name: &[u8], data: &[u8]) -> u32 {
        let is_external = name.len() > MAX_INLINE_NAME;
        let start = 1 + if is_external { INDEX } else { name.len() };
        let handle = self.slab.allocate((start + data.len()).div_ceil(GRANULE));
        if is_external {
            self.external += name.len();
            let index = self.names.push(name.into(), handle);
            let record = self.slab.get_mut(handle);
            record[0] = EXTERNAL;
            record[1..start].copy_from_slice(&index.to_le_bytes());
        } else {
            let record = self.slab.get_mut(handle);
            record[0] = name.len() as u8;
            record[1..start].copy_from_slice(name);
        }
        self.slab.get_mut(handle)[start..start + data.len()].copy_from_slice(data);
        handle
    }

    #[inline]
    fn name(&self, handle: u32) -> &[u8] {
        let record = self.slab.get(handle);
        let bytes = &record[name_range(record)];
        if record[0] == EXTERNAL { self.names.get(index_of(bytes)) } else { bytes }
    }

    /// The index of an external name.
    fn external_name(&self, handle: u32) -> Option<u32> {
        let record = self.slab.get(handle);
        (record[0] == EXTERNAL).then(|| index_of(&record[name_range(record)]))
    }

    /// Tells an external name that its record was moved.
    fn update_owner(&mut self, handle: u32) {
        if let Some(index) = self.external_name(handle) {
            self.names.set_owner(index, handle);
        }
    }

    /// Drops the name of a record that is freed, if it is external.
    fn remove_name(&mut self, handle: u32) {
        let Some(index) = self.external_name(handle) else { return };
        let (name, owner) = self.names.remove(index);
        self.external -= name.len();
        if let Some(owner) = owner {
            self.slab.get_mut(owner)[1..1 + INDEX].copy_from_slice(&index.to_le_bytes());
        }
    }
}

/// The range of the name in a record, or of its index.
#[inline]
fn name_range(record: &[u8]) -> Range<usize> {
    let length = if record[0] == EXTERNAL { INDEX } else { usize::from(record[0]) };
    1..1 + length
}

/// The index that these bytes begin with.
#[inline]
pub(super) fn index_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("an index has four bytes"))
}

/// Recognizes the record of a name.
struct WithName<'a, 'n> {
    records: &'a NamedRecords,
    name: &'n [u8],
}

impl Matcher for WithName<'_, '_> {
    type Facts = ();

    #[inline]
    fn matches(&self, handle: u32) -> Option<()> {
        (self.records.name(handle) == self.name).then_some(())
    }
}

/// The records, as the table sees them.
struct Hashed<'a> {
    hasher: &'a Hasher,
    records: &'a NamedRecords,
}

impl Records for Hashed<'_> {
    #[inline]
    fn hash(&self, handle: u32) -> u64 {
        self.hasher.hash(self.records.name(handle))
    }

    #[inline]
    fn prefetch(&self, handle: u32) {
        self.records.slab.prefetch(handle);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn name(number: u8) -> Vec<u8> {
        // Some are external.
        [&[number][..], &vec![b'n'; usize::from(number % 8) * 50]].concat()
    }

    fn data(number: u8) -> Vec<u8> {
        vec![number; usize::from(number)]
    }

    proptest! {
        #[test]
        fn elements_are_those_of_a_map(
            steps in prop::collection::vec((any::<u8>(), any::<u8>(), 0..4_u8), 0..400)
        ) {
            let (mut elements, mut model) = (Elements::default(), HashMap::new());
            for (key, value, action) in steps {
                match (elements.find(&name(key)), action) {
                    (Some(handle), 0) => {
                        model.remove(&name(key));
                        elements.remove(handle);
                    }
                    (Some(handle), _) => {
                        model.insert(name(key), data(value));
                        let moved = elements.replace_data(handle, &data(value));
                        prop_assert_eq!(elements.name(moved.handle), &name(key)[..]);
                    }
                    (None, _) => {
                        model.insert(name(key), data(value));
                        elements.insert(&name(key), &data(value));
                    }
                }
                prop_assert_eq!(elements.len(), model.len());
            }
            prop_assert_eq!(elements.iter().count(), model.len());
            for index in 0..model.len() {
                let handle = elements.nth(index).expect("an element");
                let data = &model[elements.name(handle)];
                prop_assert!(elements.data(handle).starts_with(data));
                prop_assert_eq!(elements.find(elements.name(handle)), Some(handle));
            }
            for handle in elements.iter().map(|handle| elements.name(handle).to_vec()).collect::<Vec<_>>() {
                let handle = elements.find(&handle).expect("an element");
                elements.remove(handle);
            }
            prop_assert_eq!((elements.len(), elements.records.external), (0, 0));
        }

        #[test]
        fn a_scan_visits_what_stays(count in 1..600_usize, kept in 1..20_usize) {
            let mut elements = Elements::default();
            (0..count).for_each(|number| _ = elements.insert(&number.to_le_bytes(), b""));
            let (mut seen, mut cursor, mut next) = (Vec::new(), 0, count);
            loop {
                cursor = elements.scan(cursor, |handle| seen.push(elements.name(handle).to_vec()));
                if cursor == 0 {
                    break;
                }
                // Others come and go meanwhile.
                for _ in 0..7 {
                    elements.insert(&next.to_le_bytes(), b"");
                    next += 1;
                }
                for number in (0..next).filter(|number| number % 3 == 0 && number % kept != 0).take(next / 50) {
                    elements.find(&number.to_le_bytes()).map(|handle| elements.remove(handle));
                }
            }
            for number in (0..count).filter(|number| number % kept == 0) {
                prop_assert!(seen.contains(&number.to_le_bytes().to_vec()));
            }
        }
    }
}
