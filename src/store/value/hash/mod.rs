//! [`Hash`]: fields and their values.
//!
//! A small hash is packed: each field is followed by its value. A large one is a table.

mod table;

use kvstore_protocol::CommandError;

use super::{
    DataType, Editable, Kind, NewValue, PackedLimit, Value,
    packed::{EditEntries, Encoded, Entries, Packed, PackedRef, Position},
};
use crate::store::shard::Entry;

pub(crate) use table::HashTable;

/// A hash that is changed.
#[derive(Debug)]
pub(crate) enum Hash {
    Packed(Packed),
    Table(Box<HashTable>),
}

/// A hash that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HashRef<'a> {
    Packed(Entries<'a>),
    Table(&'a HashTable),
}

impl Hash {
    /// The hash, to read it.
    #[inline]
    pub(crate) fn as_ref(&self) -> HashRef<'_> {
        match self {
            Self::Packed(packed) => HashRef::Packed(packed.entries()),
            Self::Table(table) => HashRef::Table(table),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Sets a field. Returns whether it is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8], limit: PackedLimit) -> bool {
        let position = self.position(field);
        self.set_at(position, field, value, limit)
    }

    /// Sets a field to what `compute` makes of its value, and returns that. An error changes nothing.
    ///
    /// # Errors
    /// Those of `compute`.
    pub(crate) fn compute<V: AsRef<[u8]>, E>(
        &mut self,
        field: &[u8],
        limit: PackedLimit,
        compute: impl FnOnce(Option<&[u8]>) -> Result<V, E>,
    ) -> Result<V, E> {
        let position = self.position(field);
        let value = match (&*self, position) {
            (Self::Packed(packed), Some(position)) => {
                let value = packed.entries().next(position).map(|value| packed.entries().element(value).text());
                compute(value.as_deref())?
            }
            (Self::Packed(_), None) => compute(None)?,
            (Self::Table(table), _) => compute(table.get(field))?,
        };
        self.set_at(position, field, value.as_ref(), limit);
        Ok(value)
    }

    /// Where a field of a packed hash is.
    fn position(&self, field: &[u8]) -> Option<Position> {
        match self {
            Self::Packed(packed) => packed.entries().find(&Encoded::from(field), 2),
            Self::Table(_) => None,
        }
    }

    fn set_at(&mut self, position: Option<Position>, field: &[u8], value: &[u8], limit: PackedLimit) -> bool {
        if let Self::Packed(packed) = self {
            let is_small = limit.admits(field) && limit.admits(value);
            if is_small && let Some(is_new) = set_packed(packed, position, field, value, limit) {
                return is_new;
            }
            self.unpack();
        }
        let Self::Table(table) = self else { unreachable!("the hash was unpacked") };
        table.set(field, value)
    }

    /// Removes a field. Returns whether there was one.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Self::Packed(packed) => {
                let Some(position) = packed.entries().find(&Encoded::from(field), 2) else { return false };
                packed.remove(position, 2);
                true
            }
            Self::Table(table) => table.remove(field),
        }
    }

    fn unpack(&mut self) {
        let Self::Packed(packed) = self else { return };
        let mut table = Box::<HashTable>::default();
        HashRef::Packed(packed.entries()).for_each(|field, value| _ = table.set(field, value));
        *self = Self::Table(table);
    }
}

/// Sets a field of a packed hash; `None` if it is new and there is no room for it.
fn set_packed(
    packed: &mut Packed,
    position: Option<Position>,
    field: &[u8],
    value: &[u8],
    limit: PackedLimit,
) -> Option<bool> {
    let entries = packed.entries();
    match position {
        Some(position) => {
            let old = entries.next(position)?;
            packed.replace(old, value);
            Some(false)
        }
        None if entries.len() / 2 < limit.entries => {
            packed.insert_pair_before(entries.end(), field, value);
            Some(true)
        }
        None => None,
    }
}

impl<'a> HashRef<'a> {
    /// The number of fields.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Packed(entries) => entries.len() / 2,
            Self::Table(table) => table.len(),
        }
    }

    /// Calls `read` with the value of a field.
    #[inline]
    pub(crate) fn get<R>(self, field: &[u8], read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self {
            Self::Packed(entries) => {
                let position = entries.find(&Encoded::from(field), 2)?;
                Some(read(&entries.element(entries.next(position)?).text()))
            }
            Self::Table(table) => table.get(field).map(read),
        }
    }

    pub(crate) fn contains(self, field: &[u8]) -> bool {
        self.get(field, |_| ()).is_some()
    }

    /// Visits every field and its value.
    pub(crate) fn for_each(self, mut visit: impl FnMut(&[u8], &[u8])) {
        match self {
            Self::Packed(entries) => {
                let mut elements = entries.iter();
                while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    visit(&field.text(), &value.text());
                }
            }
            Self::Table(table) => table.iter().for_each(|(field, value)| visit(field, value)),
        }
    }

    /// Calls `read` with the field at an index and its value, in no order.
    pub(crate) fn nth<R>(self, index: usize, read: impl FnOnce(&[u8], &[u8]) -> R) -> Option<R> {
        match self {
            Self::Packed(entries) => {
                let field = entries.at(index * 2)?;
                Some(read(&entries.element(field).text(), &entries.element(entries.next(field)?).text()))
            }
            Self::Table(table) => table.nth(index).map(|(field, value)| read(field, value)),
        }
    }

    /// Visits some fields from `cursor` on, and returns the next cursor, 0 after the last. A small hash is visited whole.
    pub(crate) fn scan(self, cursor: u64, visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match self {
            Self::Packed(_) => {
                self.for_each(visit);
                0
            }
            Self::Table(table) => table.scan(cursor, visit),
        }
    }
}

impl DataType for Hash {
    type Ref<'a> = HashRef<'a>;

    #[inline]
    fn read(entry: Entry<'_>) -> Result<HashRef<'_>, CommandError> {
        match (entry.packed(), entry.external()) {
            (Some((Kind::Hash, bytes)), _) => Ok(HashRef::Packed(PackedRef::new(bytes).entries())),
            (_, Some(Value::Hash(table))) => Ok(HashRef::Table(table)),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

impl Editable for Hash {
    fn from_inline(_: Kind, bytes: &[u8]) -> Self {
        Self::Packed(Packed::from(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Packed(Kind::Hash, bytes) => Self::Packed(Packed::from(bytes)),
            Value::Hash(table) => Self::Table(table),
            other => unreachable!("a {} is not edited as a hash", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Packed(packed) => packed.take_external(Kind::Hash),
            Self::Table(table) => Some(Value::Hash(std::mem::take(table))),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Packed(packed) => packed.take(Kind::Hash, store),
            Self::Table(table) => store(NewValue::External(Value::Hash(std::mem::take(table)))),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const LIMIT: PackedLimit = PackedLimit { entries: 8, value: 16 };

    fn pairs(hash: HashRef<'_>) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut pairs = BTreeMap::new();
        hash.for_each(|field, value| _ = pairs.insert(field.to_vec(), value.to_vec()));
        pairs
    }

    proptest! {
        #[test]
        fn a_hash_is_a_map(steps in prop::collection::vec(("[0-9a-c]{0,2}", "[0-9]{0,20}", 0..4_u8), 0..60)) {
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            for (field, value, action) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                if action == 0 {
                    prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some());
                } else {
                    prop_assert_eq!(hash.set(&field, &value, LIMIT), model.insert(field.clone(), value).is_none());
                }
                prop_assert_eq!(hash.as_ref().get(&field, <[u8]>::to_vec), model.get(&field).cloned());
            }
            prop_assert_eq!((hash.len(), hash.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(pairs(hash.as_ref()), model.clone());
            let mut nth = BTreeMap::new();
            for index in 0..hash.len() {
                hash.as_ref().nth(index, |field, value| nth.insert(field.to_vec(), value.to_vec()));
            }
            prop_assert_eq!(nth, model);
        }
    }

    #[test]
    fn a_hash_is_packed_up_to_its_limits() {
        let is_packed = |hash: &Hash| matches!(hash, Hash::Packed(_));
        let mut hash = Hash::default();
        for number in 0..8 {
            hash.set(&[number], b"v", LIMIT);
        }
        hash.set(&[0], b"another", LIMIT);
        assert!(is_packed(&hash));
        hash.set(&[8], b"v", LIMIT);
        assert!(!is_packed(&hash) && hash.len() == 9);
        for (field, value) in [(&[b'f'; 17][..], &b"v"[..]), (b"f", &[b'v'; 17])] {
            let mut hash = Hash::default();
            hash.set(&[b'f'; 16], &[b'v'; 16], LIMIT);
            assert!(is_packed(&hash));
            hash.set(field, value, LIMIT);
            assert!(!is_packed(&hash));
        }
    }
}
