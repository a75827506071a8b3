//! [`HashTable`]: a large hash.

use smallvec::SmallVec;

use super::expiries::Expiries;
use crate::store::{
    memory::{Arena, Relocated},
    value::elements::{Elements, INDEX, MAX_DATA, index_of},
};

/// The longest value that is stored in the record of its field.
const MAX_INLINE_VALUE: usize = 253;

/// The same for a field with an expiry.
const MAX_INLINE_EXPIRING: usize = MAX_DATA - EXPIRY - 1;

/// The length that marks an external value.
const EXTERNAL: u8 = u8::MAX;

/// The length that marks an expiry, which is in front of the value.
const EXPIRING: u8 = u8::MAX - 1;

/// The number of bytes of an expiry, with its mark.
const EXPIRY: usize = 1 + 8;

/// Fields and their values. The data of an element is its value with its length (1) in front, or the index of an external
/// one; in front of that, if it has one, its expiry in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashTable {
    fields: Elements,
    values: Arena<Box<[u8]>>,
    /// The memory of the external values, in bytes.
    external: usize,
    /// There since a field was given an expiry.
    expiries: Option<Box<Expiries>>,
}

/// A field with its value and its expiry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableField<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) expires_at: Option<u64>,
}

impl HashTable {
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let expiries = self.expiries.as_ref().map_or(0, |expiries| expiries.memory());
        size_of::<Self>() + self.fields.memory() + self.values.memory() + self.external + expiries
    }

    /// Whether fields may have an expiry.
    #[inline]
    pub(crate) fn has_expiries(&self) -> bool {
        self.expiries.is_some()
    }

    /// The value of a field that did not expire before `now`.
    #[inline]
    pub(crate) fn get(&self, field: &[u8], now: u64) -> Option<&[u8]> {
        self.fields.find(field).and_then(|handle| self.live_value(handle, now))
    }

    /// The expiry of a field that did not expire before `now`, or that it has none.
    pub(crate) fn expiry_of(&self, field: &[u8], now: u64) -> Option<Option<u64>> {
        let expires_at = self.expiry(self.fields.find(field)?);
        expires_at.is_none_or(|at| at >= now).then_some(expires_at)
    }

    /// The earliest expiry of a field.
    pub(crate) fn earliest_expiry(&self) -> Option<u64> {
        Some(self.expiries.as_ref()?.first()?.0)
    }

    /// The latest expiry; `None` if a field has none.
    pub(crate) fn latest_expiry(&self) -> Option<u64> {
        self.expiries.as_ref().filter(|expiries| expiries.len() == self.len())?.latest()
    }

    /// The number of fields that expired before `now`, but at most so many.
    pub(crate) fn count_expired(&self, now: u64, most: usize) -> usize {
        self.expiries.as_ref().map_or(0, |expiries| expiries.count_before(now, most))
    }

    /// Sets a field. One that is there keeps its expiry, or loses it. Returns whether it is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8], keeps_expiry: bool) -> bool {
        match self.fields.find(field) {
            Some(handle) => {
                let expires_at = if keeps_expiry { self.expiry(handle) } else { None };
                self.replace(handle, value, expires_at)
            }
            None => self.insert(field, value),
        }
    }

    /// Sets or removes the expiry of a field, if it is there.
    pub(crate) fn set_expiry(&mut self, field: &[u8], expires_at: Option<u64>) {
        let Some(handle) = self.fields.find(field) else { return };
        match (self.expiry(handle), expires_at) {
            (before, after) if before == after => {}
            // The record stays as it is but for the time.
            (Some(before), Some(after)) => {
                self.fields.overwrite_data(handle, 1, &after.to_le_bytes());
                let expiries = self.expiries.get_or_insert_default();
                expiries.remove(before, handle);
                expiries.insert(after, handle);
            }
            _ => {
                let value = SmallVec::<[u8; MAX_DATA]>::from_slice(self.value(handle));
                self.replace(handle, &value, expires_at);
            }
        }
    }

    /// Removes a field. Returns whether there was one.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        let Some(handle) = self.fields.find(field) else { return false };
        self.remove_field(handle);
        true
    }

    /// Removes at most so many fields that expired before `now`, and returns their names.
    pub(crate) fn take_expired(&mut self, now: u64, most: usize) -> Vec<Box<[u8]>> {
        let mut names = Vec::new();
        while names.len() < most
            && let Some((at, handle)) = self.expiries.as_ref().and_then(|expiries| expiries.first())
            && at < now
        {
            names.push(self.fields.name(handle).into());
            self.remove_field(handle);
        }
        names
    }

    /// The field at an index, in no order.
    pub(crate) fn nth(&self, index: usize) -> Option<TableField<'_>> {
        self.fields.nth(index).map(|handle| self.field(handle))
    }

    /// The fields, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = TableField<'_>> {
        self.fields.iter().map(|handle| self.field(handle))
    }

    /// Visits the fields that did not expire before `now`, and their values, in no order.
    pub(crate) fn for_each(&self, now: u64, mut visit: impl FnMut(&[u8], &[u8])) {
        self.fields.iter().for_each(|handle| self.visit(handle, now, &mut visit));
    }

    /// The same for the fields in the bucket that `cursor` names. Returns the next cursor, 0 after the last.
    pub(crate) fn scan(&self, cursor: u64, now: u64, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        self.fields.scan(cursor, |handle| self.visit(handle, now, &mut visit))
    }

    #[inline]
    fn visit(&self, handle: u32, now: u64, visit: &mut impl FnMut(&[u8], &[u8])) {
        if let Some(value) = self.live_value(handle, now) {
            visit(self.fields.name(handle), value);
        }
    }

    fn field(&self, handle: u32) -> TableField<'_> {
        TableField { name: self.fields.name(handle), value: self.value(handle), expires_at: self.expiry(handle) }
    }

    /// The value of a field, unless it expired before `now`.
    #[inline]
    fn live_value(&self, handle: u32, now: u64) -> Option<&[u8]> {
        let data = self.fields.data(handle);
        match data[0] {
            EXPIRING => self.live_value_of_expiring(data, now),
            _ => Some(self.value_in(data)),
        }
    }

    #[cold]
    fn live_value_of_expiring<'a>(&'a self, data: &'a [u8], now: u64) -> Option<&'a [u8]> {
        (expiry_in(data) >= now).then(|| self.value_in(&data[EXPIRY..]))
    }

    fn value(&self, handle: u32) -> &[u8] {
        self.value_in(&self.fields.data(handle)[self.start_of_value(handle)..])
    }

    /// The value that data without an expiry has.
    #[inline]
    fn value_in<'a>(&'a self, data: &'a [u8]) -> &'a [u8] {
        match data[0] {
            EXTERNAL => self.values.get(index_of(&data[1..])),
            length => &data[1..1 + usize::from(length)],
        }
    }

    /// The expiry of a field.
    #[inline]
    fn expiry(&self, handle: u32) -> Option<u64> {
        let data = self.fields.data(handle);
        (data[0] == EXPIRING).then(|| expiry_in(data))
    }

    /// Where the value, or its index, begins in the data.
    #[inline]
    fn start_of_value(&self, handle: u32) -> usize {
        if self.fields.data(handle)[0] == EXPIRING { EXPIRY } else { 0 }
    }

    fn insert(&mut self, field: &[u8], value: &[u8]) -> bool {
        if value.len() <= MAX_INLINE_VALUE {
            self.fields.insert(field, &inline(None, value));
        } else {
            // The handle is known once there is a record.
            let handle = self.fields.insert(field, &[EXTERNAL; 1 + INDEX]);
            let index = self.add_value(value, handle);
            self.set_index(handle, index);
        }
        true
    }

    fn replace(&mut self, handle: u32, value: &[u8], expires_at: Option<u64>) -> bool {
        let most = if expires_at.is_some() { MAX_INLINE_EXPIRING } else { MAX_INLINE_VALUE };
        match (self.external_value(handle), value.len() <= most) {
            (Some(index), false) => {
                self.external = self.external + value.len() - self.values.get(index).len();
                *self.values.get_mut(index) = value.into();
                if self.expiry(handle) != expires_at {
                    let handle = self.write(handle, expires_at, &external(expires_at, index));
                    self.values.set_owner(index, handle);
                }
            }
            (None, false) => {
                let handle = self.write(handle, expires_at, &external(expires_at, u32::MAX));
                let index = self.add_value(value, handle);
                self.set_index(handle, index);
            }
            (_, true) => {
                self.remove_value(handle);
                self.write(handle, expires_at, &inline(expires_at, value));
            }
        }
        false
    }

    /// Replaces the data of a field, which has this expiry. Returns the handle of the field now.
    fn write(&mut self, handle: u32, expires_at: Option<u64>, data: &[u8]) -> u32 {
        if let Some(before) = self.expiry(handle)
            && let Some(expiries) = &mut self.expiries
        {
            expiries.remove(before, handle);
        }
        let moved = self.fields.replace_data(handle, data);
        if let Some(at) = expires_at {
            self.expiries.get_or_insert_default().insert(at, moved.handle);
        }
        self.relocate(moved.relocated);
        moved.handle
    }

    fn remove_field(&mut self, handle: u32) {
        if let Some(at) = self.expiry(handle)
            && let Some(expiries) = &mut self.expiries
        {
            expiries.remove(at, handle);
        }
        self.remove_value(handle);
        let relocated = self.fields.remove(handle);
        self.relocate(relocated);
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
            self.set_index(owner, index);
        }
        self.fields.overwrite_data(handle, self.start_of_value(handle), &[0]);
    }

    /// Sets the index of an external value in its record.
    fn set_index(&mut self, handle: u32, index: u32) {
        self.fields.overwrite_data(handle, self.start_of_value(handle), &external_at(index));
    }

    /// The index of an external value.
    fn external_value(&self, handle: u32) -> Option<u32> {
        let data = &self.fields.data(handle)[self.start_of_value(handle)..];
        (data[0] == EXTERNAL).then(|| index_of(&data[1..]))
    }

    /// Updates what refers to the record of a field that was moved.
    fn relocate(&mut self, relocated: Option<Relocated>) {
        let Some(Relocated { from, to }) = relocated else { return };
        if let Some(index) = self.external_value(to) {
            self.values.set_owner(index, to);
        }
        if let Some(at) = self.expiry(to)
            && let Some(expiries) = &mut self.expiries
        {
            expiries.relocate(at, from, to);
        }
    }
}

/// The expiry at the start of the data of a field that has one.
fn expiry_in(data: &[u8]) -> u64 {
    u64::from_le_bytes(*data[1..].first_chunk().expect("an expiry has eight bytes"))
}

type Data = SmallVec<[u8; MAX_DATA]>;

/// The data of a field with an inline value.
fn inline(expires_at: Option<u64>, value: &[u8]) -> Data {
    let mut data = start(expires_at);
    data.push(value.len() as u8);
    data.extend_from_slice(value);
    data
}

/// The data of a field with an external value.
fn external(expires_at: Option<u64>, index: u32) -> Data {
    let mut data = start(expires_at);
    data.extend_from_slice(&external_at(index));
    data
}

/// What is in front of a value.
#[inline]
fn start(expires_at: Option<u64>) -> Data {
    let mut data = Data::new();
    if let Some(at) = expires_at {
        data.push(EXPIRING);
        data.extend_from_slice(&at.to_le_bytes());
    }
    data
}

fn external_at(index: u32) -> [u8; 1 + INDEX] {
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

    /// The fields of a table.
    fn fields(table: &HashTable) -> HashMap<Vec<u8>, (Vec<u8>, Option<u64>)> {
        table.iter().map(|field| (field.name.to_vec(), (field.value.to_vec(), field.expires_at))).collect()
    }

    proptest! {
        #[test]
        fn a_table_is_a_map(steps in prop::collection::vec((any::<u8>(), 0..600_usize, 0..8_u8), 0..300)) {
            let (mut table, mut model) = (HashTable::default(), HashMap::new());
            for (key, length, action) in steps {
                let (field, value) = (field(key % 64), vec![key; length]);
                match action {
                    0 => prop_assert_eq!(table.remove(&field), model.remove(&field).is_some()),
                    1 | 2 => {
                        let expires_at = (action == 1).then_some(1 + length as u64 / 4);
                        table.set_expiry(&field, expires_at);
                        if let Some((_, expiry)) = model.get_mut(&field) {
                            *expiry = expires_at;
                        }
                    }
                    3 => {
                        let expiry = model.get(&field).and_then(|(_, expiry)| *expiry);
                        prop_assert_eq!(table.set(&field, &value, true), model.insert(field, (value, expiry)).is_none());
                    }
                    _ => prop_assert_eq!(table.set(&field, &value, false), model.insert(field, (value, None)).is_none()),
                }
                prop_assert_eq!(table.len(), model.len());
                for (field, (value, expiry)) in &model {
                    prop_assert_eq!(table.get(field, 0), Some(&value[..]));
                    prop_assert_eq!(table.expiry_of(field, 0), Some(*expiry));
                    prop_assert_eq!(table.get(field, 100).is_some(), expiry.is_none_or(|at| at >= 100));
                }
                let expiries = || model.values().map(|(_, expiry)| *expiry);
                prop_assert_eq!(table.earliest_expiry(), expiries().flatten().min());
                prop_assert_eq!(table.latest_expiry(), expiries().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()));
            }
            prop_assert_eq!(&fields(&table), &model);
            let expired = model.values().filter(|(_, expiry)| expiry.is_some_and(|at| at < 70)).count();
            prop_assert_eq!(table.count_expired(70, usize::MAX), expired);
            prop_assert_eq!(table.take_expired(70, usize::MAX).len(), expired);
            model.retain(|_, (_, expiry)| expiry.is_none_or(|at| at >= 70));
            prop_assert_eq!(&fields(&table), &model);
            model.keys().for_each(|field| _ = table.remove(field));
            prop_assert_eq!((table.len(), table.external, table.earliest_expiry()), (0, 0, None));
        }
    }

    #[test]
    fn at_most_so_many_expired_fields_are_taken_and_the_earliest_first() {
        let mut table = HashTable::default();
        for number in 0..10_u8 {
            table.set(&[number], b"v", false);
            table.set_expiry(&[number], Some(100 - u64::from(number)));
        }
        let names = |names: Vec<Box<[u8]>>| names.concat();
        assert_eq!(names(table.take_expired(97, 3)), [9, 8, 7]);
        assert_eq!(names(table.take_expired(97, 30)), [6, 5, 4]);
        assert_eq!((table.take_expired(97, 30).len(), table.len()), (0, 4));
    }
}
