//! [`HashTable`]: a large hash.

use crate::store::{
    memory::{Arena, Relocated},
    value::elements::{Elements, INDEX, index_of},
};

/// The longest value that is stored in the record of its field.
const MAX_INLINE_VALUE: usize = 254;

/// The length that marks an external value.
const EXTERNAL: u8 = u8::MAX;

/// Fields and their values. The data of an element is its value with its length (1) in front, or the index of an external
/// one.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashTable {
    fields: Elements,
    values: Arena<Box<[u8]>>,
    /// The memory of the external values, in bytes.
    external: usize,
}

impl HashTable {
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        size_of::<Self>() + self.fields.memory() + self.values.memory() + self.external
    }

    #[inline]
    pub(crate) fn get(&self, field: &[u8]) -> Option<&[u8]> {
        self.fields.find(field).map(|handle| self.value(handle))
    }

    /// Sets a field. Returns whether it is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        match self.fields.find(field) {
            Some(handle) => self.replace(handle, value),
            None => self.insert(field, value),
        }
    }

    /// Removes a field. Returns whether there was one.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        let Some(handle) = self.fields.find(field) else { return false };
        self.remove_value(handle);
        let relocated = self.fields.remove(handle);
        self.update_owner(relocated);
        true
    }

    /// The field at an index and its value, in no order.
    pub(crate) fn nth(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.nth(index).map(|handle| self.pair(handle))
    }

    /// The fields and their values, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|handle| self.pair(handle))
    }

    /// Visits the fields in the bucket that `cursor` names, and returns the next cursor, 0 after the last.
    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        self.fields.scan(cursor, |handle| visit(self.fields.name(handle), self.value(handle)))
    }

    fn pair(&self, handle: u32) -> (&[u8], &[u8]) {
        (self.fields.name(handle), self.value(handle))
    }

    #[inline]
    fn value(&self, handle: u32) -> &[u8] {
        let data = self.fields.data(handle);
        match data[0] {
            EXTERNAL => self.values.get(index_of(&data[1..])),
            length => &data[1..1 + usize::from(length)],
        }
    }

    fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        if value.len() <= MAX_INLINE_VALUE {
            self.fields.insert(field, &inline(value));
        } else {
            // The handle is known once there is a record.
            let handle = self.fields.insert(field, &[EXTERNAL; 1 + INDEX]);
            let index = self.add_value(value, handle);
            self.fields.overwrite_data(handle, &external(index));
        }
        true
    }

    fn replace(&mut self, handle: u32, value: &[u8]) -> bool {
        match (self.external_value(handle), value.len() <= MAX_INLINE_VALUE) {
            (Some(index), false) => {
                self.external = self.external + value.len() - self.values.get(index).len();
                *self.values.get_mut(index) = value.into();
            }
            (None, false) => {
                let moved = self.fields.replace_data(handle, &[EXTERNAL; 1 + INDEX]);
                self.update_owner(moved.relocated);
                let index = self.add_value(value, moved.handle);
                self.fields.overwrite_data(moved.handle, &external(index));
            }
            (_, true) => {
                self.remove_value(handle);
                let moved = self.fields.replace_data(handle, &inline(value));
                self.update_owner(moved.relocated);
            }
        }
        false
    }

    fn add_value(&mut self, value: &[u8], owner: u32) -> u32 {
        self.external += value.len();
        self.values.push(value.into(), owner)
    }

    /// Drops the value of a field if it is external. The field gets another, or is removed.
    fn remove_value(&mut self, handle: u32) {
        let Some(index) = self.external_value(handle) else { return };
        let (value, owner) = self.values.remove(index);
        self.external -= value.len();
        if let Some(owner) = owner {
            self.fields.overwrite_data(owner, &external(index));
        }
        self.fields.overwrite_data(handle, &[0]);
    }

    /// The index of an external value.
    fn external_value(&self, handle: u32) -> Option<u32> {
        let data = self.fields.data(handle);
        (data[0] == EXTERNAL).then(|| index_of(&data[1..]))
    }

    /// Tells an external value that the record of its field was moved.
    fn update_owner(&mut self, relocated: Option<Relocated>) {
        if let Some(Relocated { to, .. }) = relocated
            && let Some(index) = self.external_value(to)
        {
            self.values.set_owner(index, to);
        }
    }
}

/// The data of a field with an inline value.
fn inline(value: &[u8]) -> smallvec::SmallVec<[u8; 256]> {
    let mut data = smallvec::SmallVec::new();
    data.push(value.len() as u8);
    data.extend_from_slice(value);
    data
}

/// The data of a field with an external value.
fn external(index: u32) -> [u8; 1 + INDEX] {
    let [a, b, c, d] = index.to_le_bytes();
    [EXTERNAL, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn field(number: u8) -> Vec<u8> {
        vec![number; usize::from(number) * 2 + 1]
    }

    proptest! {
        #[test]
        fn a_table_is_a_map(steps in prop::collection::vec((any::<u8>(), 0..600_usize, 0..4_u8), 0..300)) {
            let (mut table, mut model) = (HashTable::default(), HashMap::new());
            for (key, length, action) in steps {
                let (field, value) = (field(key % 64), vec![key; length]);
                if action == 0 {
                    prop_assert_eq!(table.remove(&field), model.remove(&field).is_some());
                } else {
                    prop_assert_eq!(table.set(&field, &value), model.insert(field, value).is_none());
                }
                prop_assert_eq!(table.len(), model.len());
                for (field, value) in &model {
                    prop_assert_eq!(table.get(field), Some(&value[..]));
                }
            }
            let pairs: HashMap<_, _> = table.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(&pairs, &model);
            model.keys().for_each(|field| _ = table.remove(field));
            prop_assert_eq!((table.len(), table.external), (0, 0));
        }
    }
}
