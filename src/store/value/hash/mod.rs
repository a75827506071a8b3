//! [`Hash`]: fields and their values.
//!
//! A small hash is packed: each field is followed by its value. A large one is a table. Fields may have an expiry:
//!
//! - `expiring` a packed hash with them, whose fields are in their order; `expiries` those of a table, by time
//! - A hash has these once a field was given an expiry. Any other pays nothing for them.
//! - What reads for a client hides fields that have expired. What writes finds none: they are removed before.

mod draw;
mod expiries;
mod expiring;
mod table;

use kvstore_protocol::CommandError;

use super::{
    DataType, Editable, Kind, NewValue, PackedLimit, Value,
    packed::{EditEntries, Encoded, Entries, Packed, PackedRef, Position},
};
use crate::store::shard::Entry;

pub(crate) use expiring::ExpiringFields;
pub(crate) use table::{HashTable, TableField};

/// A hash that is changed.
#[derive(Debug)]
pub(crate) enum Hash {
    Packed(Packed),
    /// Packed, with expiries.
    Expiring(Packed),
    Table(Box<HashTable>),
}

/// A hash that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HashRef<'a> {
    Packed(Entries<'a>),
    Expiring(ExpiringFields<'a>),
    /// A table, of which the fields that expired before a time are hidden.
    Table(&'a HashTable, u64),
}

/// The latest expiry of a field, in milliseconds since the Unix epoch: the latest that Redis reads.
pub(crate) const MAX_FIELD_EXPIRY: u64 = (1 << 48) - 2;

/// What happens to the expiry of a field that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldExpiry {
    Keep,
    Clear,
}

impl Hash {
    /// The hash, to read it.
    #[inline]
    pub(crate) fn as_ref(&self) -> HashRef<'_> {
        match self {
            Self::Packed(packed) => HashRef::Packed(packed.entries()),
            Self::Expiring(packed) => HashRef::Expiring(ExpiringFields::new(packed.entries())),
            Self::Table(table) => HashRef::Table(table, 0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether a hash of so many fields with expiries may be packed.
    pub(crate) fn admits_expiring(fields: usize, limit: PackedLimit) -> bool {
        fields <= expiring::most_fields(limit)
    }

    /// Sets a field, which has no expiry then. Returns whether it is new.
    pub(crate) fn set(&mut self, field: &[u8], value: &[u8], limit: PackedLimit) -> bool {
        let position = self.position(field);
        self.set_at(position, field, value, FieldExpiry::Clear, limit)
    }

    /// Sets a field, which keeps the expiry that it has. Returns whether it is new.
    pub(crate) fn set_value(&mut self, field: &[u8], value: &[u8], limit: PackedLimit) -> bool {
        let position = self.position(field);
        self.set_at(position, field, value, FieldExpiry::Keep, limit)
    }

    /// Sets a field to what `compute` makes of its value, and returns that. It keeps its expiry. An error changes nothing.
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
            (Self::Packed(packed) | Self::Expiring(packed), Some(position)) => {
                let value = packed.entries().next(position).map(|value| packed.entries().element(value).text());
                compute(value.as_deref())?
            }
            (Self::Packed(_) | Self::Expiring(_), None) => compute(None)?,
            (Self::Table(table), _) => compute(table.get(field, 0))?,
        };
        self.set_at(position, field, value.as_ref(), FieldExpiry::Keep, limit);
        Ok(value)
    }

    /// Sets the expiry of a field that is there, in milliseconds since the Unix epoch, or removes it.
    pub(crate) fn set_expiry(&mut self, field: &[u8], expires_at: Option<u64>) {
        if let Self::Packed(packed) = self {
            if expires_at.is_none() {
                return;
            }
            match expiring::from_pairs(packed.entries()) {
                Some(packed) => *self = Self::Expiring(packed),
                None => self.unpack(),
            }
        }
        match self {
            Self::Packed(_) => {}
            Self::Expiring(packed) => {
                if let Some(position) = expiring::find(packed.entries(), field) {
                    expiring::set_expiry(packed, position, expires_at);
                }
            }
            Self::Table(table) => table.set_expiry(field, expires_at),
        }
    }

    /// Where a field of a packed hash is.
    fn position(&self, field: &[u8]) -> Option<Position> {
        match self {
            Self::Packed(packed) => packed.entries().find(&Encoded::from(field), 2),
            Self::Expiring(packed) => expiring::find(packed.entries(), field),
            Self::Table(_) => None,
        }
    }

    fn set_at(
        &mut self,
        position: Option<Position>,
        field: &[u8],
        value: &[u8],
        expiry: FieldExpiry,
        limit: PackedLimit,
    ) -> bool {
        if let Self::Packed(packed) = self {
            let is_small = limit.admits(field) && limit.admits(value);
            if is_small && let Some(is_new) = set_packed(packed, position, field, value, limit) {
                return is_new;
            }
            self.unpack();
        }
        if let Self::Expiring(packed) = self {
            let is_small = limit.admits(field) && limit.admits(value);
            if is_small && let Some(is_new) = set_expiring(packed, position, field, value, expiry, limit) {
                return is_new;
            }
            self.unpack();
        }
        let Self::Table(table) = self else { unreachable!("the hash was unpacked") };
        table.set(field, value, expiry == FieldExpiry::Keep)
    }

    /// Removes a field. Returns whether there was one.
    pub(crate) fn remove(&mut self, field: &[u8]) -> bool {
        match self {
            Self::Packed(packed) => {
                let Some(position) = packed.entries().find(&Encoded::from(field), 2) else { return false };
                packed.remove(position, 2);
                true
            }
            Self::Expiring(packed) => {
                let Some(position) = expiring::find(packed.entries(), field) else { return false };
                packed.remove(position, expiring::TRIPLE);
                true
            }
            Self::Table(table) => table.remove(field),
        }
    }

    /// Removes at most so many fields that expired before `now`, and returns their names.
    pub(crate) fn take_expired(&mut self, now: u64, most: usize) -> Vec<Box<[u8]>> {
        match self {
            Self::Packed(_) => Vec::new(),
            Self::Expiring(packed) => expiring::take_expired(packed, now, most),
            Self::Table(table) => table.take_expired(now, most),
        }
    }

    fn unpack(&mut self) {
        let mut table = Box::<HashTable>::default();
        match self {
            Self::Packed(packed) => {
                HashRef::Packed(packed.entries()).for_each(|field, value| _ = table.set(field, value, false));
            }
            Self::Expiring(packed) => {
                for field in ExpiringFields::new(packed.entries()).iter() {
                    let name = field.name.text();
                    table.set(&name, &field.value.text(), false);
                    table.set_expiry(&name, field.expires_at);
                }
            }
            Self::Table(_) => return,
        }
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

/// The same for one with expiries.
fn set_expiring(
    packed: &mut Packed,
    position: Option<Position>,
    field: &[u8],
    value: &[u8],
    expiry: FieldExpiry,
    limit: PackedLimit,
) -> Option<bool> {
    match position {
        Some(position) => {
            expiring::set_value(packed, position, value);
            if expiry == FieldExpiry::Clear {
                expiring::set_expiry(packed, position, None);
            }
            Some(false)
        }
        None if expiring::has_room(packed.entries(), limit) => {
            expiring::insert(packed, field, value, None);
            Some(true)
        }
        None => None,
    }
}

impl<'a> HashRef<'a> {
    /// The hash that an external value is, if it is one.
    pub(crate) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Packed(Kind::Hash, bytes) => Some(Self::Packed(PackedRef::new(bytes).entries())),
            Value::Packed(Kind::ExpiringHash, bytes) => {
                Some(Self::Expiring(ExpiringFields::new(PackedRef::new(bytes).entries())))
            }
            Value::Hash(table) => Some(Self::Table(table, 0)),
            _ => None,
        }
    }

    /// The hash without the fields that expired before a time, which is asked for if some fields may have an expiry.
    #[inline]
    pub(crate) fn at(self, now: impl FnOnce() -> u64) -> Self {
        match self {
            Self::Expiring(fields) => Self::Expiring(fields.at(now())),
            Self::Table(table, _) if table.has_expiries() => Self::Table(table, now()),
            other => other,
        }
    }

    /// The number of fields, also of those that are hidden.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Packed(entries) => entries.len() / 2,
            Self::Expiring(fields) => fields.len(),
            Self::Table(table, _) => table.len(),
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
            Self::Expiring(fields) => fields.get(field).map(|(value, _)| read(&value.text())),
            Self::Table(table, now) => table.get(field, now).map(read),
        }
    }

    pub(crate) fn contains(self, field: &[u8]) -> bool {
        self.get(field, |_| ()).is_some()
    }

    /// The expiry of a field, in milliseconds since the Unix epoch, or that it has none; `None` if there is no such field.
    pub(crate) fn expiry_of(self, field: &[u8]) -> Option<Option<u64>> {
        match self {
            Self::Packed(_) => self.contains(field).then_some(None),
            Self::Expiring(fields) => fields.get(field).map(|(_, expires_at)| expires_at),
            Self::Table(table, now) => table.expiry_of(field, now),
        }
    }

    /// The earliest expiry of a field.
    pub(crate) fn earliest_expiry(self) -> Option<u64> {
        match self {
            Self::Packed(_) => None,
            Self::Expiring(fields) => fields.earliest(),
            Self::Table(table, _) => table.earliest_expiry(),
        }
    }

    /// The latest expiry of a field; `None` if one has none.
    pub(crate) fn latest_expiry(self) -> Option<u64> {
        match self {
            Self::Packed(_) => None,
            Self::Expiring(fields) => fields.latest(),
            Self::Table(table, _) => table.latest_expiry(),
        }
    }

    /// The number of fields that expired before `now`, but at most so many.
    pub(crate) fn count_expired(self, now: u64, most: usize) -> usize {
        match self {
            Self::Packed(_) => 0,
            Self::Expiring(fields) => fields.at(now).hidden().min(most),
            Self::Table(table, _) => table.count_expired(now, most),
        }
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
            Self::Expiring(fields) => fields.iter().for_each(|field| visit(&field.name.text(), &field.value.text())),
            Self::Table(table, now) => table.for_each(now, visit),
        }
    }

    /// Visits every field, its value and its expiry.
    pub(crate) fn for_each_expiring(self, mut visit: impl FnMut(&[u8], &[u8], Option<u64>)) {
        match self {
            Self::Packed(_) => self.for_each(|field, value| visit(field, value, None)),
            Self::Expiring(fields) => {
                fields.iter().for_each(|field| visit(&field.name.text(), &field.value.text(), field.expires_at));
            }
            Self::Table(table, _) => table.iter().for_each(|field| visit(field.name, field.value, field.expires_at)),
        }
    }

    /// Visits some fields from `cursor` on, and returns the next cursor, 0 after the last. A small hash is visited whole.
    pub(crate) fn scan(self, cursor: u64, visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match self {
            Self::Packed(_) | Self::Expiring(_) => {
                self.for_each(visit);
                0
            }
            Self::Table(table, now) => table.scan(cursor, now, visit),
        }
    }
}

impl DataType for Hash {
    type Ref<'a> = HashRef<'a>;

    #[inline]
    fn read(entry: Entry<'_>) -> Result<HashRef<'_>, CommandError> {
        match (entry.packed(), entry.external()) {
            (Some((Kind::Hash, bytes)), _) => Ok(HashRef::Packed(PackedRef::new(bytes).entries())),
            (_, Some(value)) => HashRef::of(value).ok_or(CommandError::WRONG_TYPE),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }

    #[inline]
    fn hide_expired<'a>(value: Self::Ref<'a>, now: impl FnOnce() -> u64) -> Self::Ref<'a> {
        value.at(now)
    }
}

impl Editable for Hash {
    fn from_inline(_: Kind, bytes: &[u8]) -> Self {
        Self::Packed(Packed::from(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Packed(Kind::Hash, bytes) => Self::Packed(Packed::from(bytes)),
            Value::Packed(Kind::ExpiringHash, bytes) => Self::Expiring(Packed::from(bytes)),
            Value::Hash(table) => Self::Table(table),
            other => unreachable!("a {} is not edited as a hash", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Packed(packed) => packed.take_external(Kind::Hash),
            Self::Expiring(packed) => Some(take_expiring(packed)),
            Self::Table(table) => Some(Value::Hash(std::mem::take(table))),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Packed(packed) => packed.take(Kind::Hash, store),
            Self::Expiring(packed) => store(NewValue::External(take_expiring(packed))),
            Self::Table(table) => store(NewValue::External(Value::Hash(std::mem::take(table)))),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The value of a packed hash with expiries, which is external however short it is.
fn take_expiring(packed: &mut Packed) -> Value {
    Value::Packed(Kind::ExpiringHash, std::mem::take(packed).into_boxed())
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
            let (mut drawn, drawable) = (BTreeMap::new(), hash.as_ref().drawable());
            for index in 0..drawable.len() {
                drawable.nth(index, |field, value| drawn.insert(field.to_vec(), value.to_vec()));
            }
            prop_assert_eq!(drawn, model);
        }

        #[test]
        fn fields_of_packed_hashes_and_tables_expire_alike(
            steps in prop::collection::vec(("[a-f]", "[0-9]{0,17}", 0..6_u8, 1..20_u64), 0..60), now in 0..22_u64
        ) {
            let (mut hash, mut model) = (Hash::default(), BTreeMap::new());
            for (field, value, action, at) in steps {
                let (field, value) = (field.into_bytes(), value.into_bytes());
                match action {
                    0 => prop_assert_eq!(hash.remove(&field), model.remove(&field).is_some()),
                    1 | 2 => {
                        let expires_at = (action == 1).then_some(at);
                        hash.set_expiry(&field, expires_at);
                        if let Some((_, expiry)) = model.get_mut(&field) {
                            *expiry = expires_at;
                        }
                    }
                    3 => {
                        let expiry = model.get(&field).and_then(|(_, expiry)| *expiry);
                        let is_new = model.insert(field.clone(), (value.clone(), expiry)).is_none();
                        prop_assert_eq!(hash.set_value(&field, &value, LIMIT), is_new);
                    }
                    _ => {
                        let is_new = model.insert(field.clone(), (value.clone(), None)).is_none();
                        prop_assert_eq!(hash.set(&field, &value, LIMIT), is_new);
                    }
                }
            }
            let expiries = || model.values().map(|(_, expiry)| *expiry);
            let whole = hash.as_ref();
            prop_assert_eq!(whole.earliest_expiry(), expiries().flatten().min());
            prop_assert_eq!(whole.latest_expiry(), expiries().collect::<Option<Vec<u64>>>().and_then(|all| all.into_iter().max()));
            let mut found = BTreeMap::new();
            whole.for_each_expiring(|field, value, expiry| _ = found.insert(field.to_vec(), (value.to_vec(), expiry)));
            prop_assert_eq!(&found, &model);
            let live: BTreeMap<_, _> = model.iter().filter(|(_, (_, expiry))| expiry.is_none_or(|at| at >= now)).collect();
            let (seen, expired) = (whole.at(|| now), model.len() - live.len());
            prop_assert_eq!(pairs(seen), live.iter().map(|(field, (value, _))| ((*field).clone(), value.clone())).collect());
            prop_assert_eq!((seen.drawable().len(), whole.count_expired(now, 99)), (live.len(), expired));
            let mut drawn = BTreeMap::new();
            for index in 0..live.len() {
                seen.drawable().nth(index, |field, value| drawn.insert(field.to_vec(), value.to_vec()));
            }
            prop_assert_eq!(drawn, pairs(seen));
            for field in model.keys() {
                prop_assert_eq!(seen.expiry_of(field), live.get(field).map(|(_, expiry)| *expiry));
                prop_assert_eq!(seen.contains(field), live.contains_key(field));
            }
            prop_assert_eq!(hash.take_expired(now, usize::MAX).len(), expired);
            prop_assert_eq!(pairs(hash.as_ref()), live.into_iter().map(|(field, (value, _))| (field.clone(), value.clone())).collect());
        }
    }

    #[test]
    fn a_packed_hash_with_expiries_is_in_their_order() {
        let mut hash = Hash::default();
        for (field, expires_at) in
            [("a", None), ("b", Some(7)), ("c", Some(5)), ("d", Some(9)), ("e", Some(7)), ("f", None)]
        {
            hash.set(field.as_bytes(), b"v", LIMIT);
            hash.set_expiry(field.as_bytes(), expires_at);
        }
        let order = |hash: &Hash| {
            let mut order = String::new();
            hash.as_ref().for_each(|field, _| order.push_str(std::str::from_utf8(field).unwrap()));
            order
        };
        assert_eq!(order(&hash), "cebdaf");
        hash.set(b"e", b"w", LIMIT);
        hash.set_value(b"b", b"w", LIMIT);
        hash.set_expiry(b"a", Some(6));
        assert_eq!(order(&hash), "cabdfe");
        assert!(matches!(hash, Hash::Expiring(_)) && hash.as_ref().latest_expiry().is_none());
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
