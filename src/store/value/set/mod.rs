//! [`Set`]: members, each once.
//!
//! A small set of integers is a sorted array, another small set is packed, a large one is a table.

mod algebra;

use kvstore_protocol::{CommandError, parse_integer};

use super::{
    DataType, Editable, Elements, Kind, NewValue, PackedLimit, Thresholds, Value,
    packed::{EditEntries, Encoded, Entries, IntSet, IntSetRef, Packed, PackedRef},
};
use crate::store::shard::Entry;

pub(crate) use algebra::{difference, intersection, union};

/// A set that is changed.
#[derive(Debug)]
pub(crate) enum Set {
    Integers(IntSet),
    Packed(Packed),
    Table(Box<Elements>),
}

/// A set that is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SetRef<'a> {
    Integers(IntSetRef<'a>),
    Packed(Entries<'a>),
    Table(&'a Elements),
}

/// Up to which size a set is small.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetLimits {
    /// The most integers.
    pub(crate) integers: usize,
    pub(crate) packed: PackedLimit,
}

impl From<&Thresholds> for SetLimits {
    fn from(thresholds: &Thresholds) -> Self {
        Self { integers: thresholds.set_integers(), packed: thresholds.set_limit() }
    }
}

impl Set {
    /// The set, to read it.
    #[inline]
    pub(crate) fn as_ref(&self) -> SetRef<'_> {
        match self {
            Self::Integers(integers) => SetRef::Integers(integers.as_ref()),
            Self::Packed(packed) => SetRef::Packed(packed.entries()),
            Self::Table(table) => SetRef::Table(table),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Inserts a member. Returns whether it is new.
    pub(crate) fn insert(&mut self, member: &[u8], limits: SetLimits) -> bool {
        match self {
            Self::Integers(integers) => match parse_integer(member) {
                Some(integer) if integers.as_ref().contains(integer) => false,
                Some(integer) if integers.as_ref().len() < limits.integers => integers.insert(integer),
                parsed => {
                    self.leave_integers(parsed.is_none() && limits.packed.admits(member), limits);
                    self.insert(member, limits)
                }
            },
            Self::Packed(packed) => {
                if packed.entries().find(&Encoded::from(member), 1).is_some() {
                    return false;
                }
                if packed.entries().len() < limits.packed.entries && limits.packed.admits(member) {
                    packed.push_back(member);
                    return true;
                }
                self.become_table();
                self.insert(member, limits)
            }
            Self::Table(table) => {
                let is_new = table.find(member).is_none();
                if is_new {
                    table.insert(member, b"");
                }
                is_new
            }
        }
    }

    /// Removes a member. Returns whether there was one.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Integers(integers) => parse_integer(member).is_some_and(|integer| integers.remove(integer)),
            Self::Packed(packed) => {
                let position = packed.entries().find(&Encoded::from(member), 1);
                position.map(|position| packed.remove(position, 1)).is_some()
            }
            Self::Table(table) => table.find(member).map(|handle| table.remove(handle)).is_some(),
        }
    }

    /// Removes the member at an index, after `visit` has seen it.
    pub(crate) fn take_nth<R>(&mut self, index: usize, visit: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let seen = self.as_ref().nth(index, visit)?;
        match self {
            Self::Integers(integers) => _ = integers.as_ref().get(index).map(|integer| integers.remove(integer)),
            Self::Packed(packed) => _ = packed.entries().at(index).map(|position| packed.remove(position, 1)),
            Self::Table(table) => _ = table.nth(index).map(|handle| table.remove(handle)),
        }
        Some(seen)
    }

    /// Stores integers as another small set if there may be one, otherwise as a table.
    fn leave_integers(&mut self, may_be_packed: bool, limits: SetLimits) {
        let SetRef::Integers(integers) = self.as_ref() else { return };
        let longest = integers.iter().next().into_iter().chain(integers.iter().next_back());
        let longest = longest.map(|integer| itoa::Buffer::new().format(integer).len()).max().unwrap_or(0);
        if may_be_packed && integers.len() < limits.packed.entries && longest <= limits.packed.value {
            let mut packed = Packed::default();
            self.as_ref().for_each(|member| packed.push_back(member));
            *self = Self::Packed(packed);
        } else {
            self.become_table();
        }
    }

    fn become_table(&mut self) {
        let mut table = Box::<Elements>::default();
        self.as_ref().for_each(|member| _ = table.insert(member, b""));
        *self = Self::Table(table);
    }
}

impl<'a> SetRef<'a> {
    /// The number of members.
    #[inline]
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Integers(integers) => integers.len(),
            Self::Packed(entries) => entries.len(),
            Self::Table(table) => table.len(),
        }
    }

    #[inline]
    pub(crate) fn contains(self, member: &[u8]) -> bool {
        match self {
            Self::Integers(integers) => parse_integer(member).is_some_and(|integer| integers.contains(integer)),
            Self::Packed(entries) => entries.find(&Encoded::from(member), 1).is_some(),
            Self::Table(table) => table.find(member).is_some(),
        }
    }

    /// Visits every member.
    pub(crate) fn for_each(self, mut visit: impl FnMut(&[u8])) {
        match self {
            Self::Integers(integers) => {
                integers.iter().for_each(|integer| visit(itoa::Buffer::new().format(integer).as_bytes()));
            }
            Self::Packed(entries) => entries.iter().for_each(|member| visit(&member.text())),
            Self::Table(table) => table.iter().for_each(|handle| visit(table.name(handle))),
        }
    }

    /// Calls `read` with the member at an index, in no order.
    pub(crate) fn nth<R>(self, index: usize, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self {
            Self::Integers(integers) => {
                integers.get(index).map(|integer| read(itoa::Buffer::new().format(integer).as_bytes()))
            }
            Self::Packed(entries) => entries.at(index).map(|position| read(&entries.element(position).text())),
            Self::Table(table) => table.nth(index).map(|handle| read(table.name(handle))),
        }
    }

    /// Visits some members from `cursor` on, and returns the next cursor, 0 after the last. A small set is visited whole.
    pub(crate) fn scan(self, cursor: u64, mut visit: impl FnMut(&[u8])) -> u64 {
        match self {
            Self::Table(table) => table.scan(cursor, |handle| visit(table.name(handle))),
            small => {
                small.for_each(visit);
                0
            }
        }
    }
}

impl DataType for Set {
    type Ref<'a> = SetRef<'a>;

    #[inline]
    fn read(entry: Entry<'_>) -> Result<SetRef<'_>, CommandError> {
        match (entry.packed(), entry.external()) {
            (Some((Kind::IntSet, bytes)), _) => Ok(SetRef::Integers(IntSetRef::new(bytes))),
            (Some((Kind::Set, bytes)), _) => Ok(SetRef::Packed(PackedRef::new(bytes).entries())),
            (_, Some(Value::Set(table))) => Ok(SetRef::Table(table)),
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

impl Editable for Set {
    fn from_inline(kind: Kind, bytes: &[u8]) -> Self {
        match kind {
            Kind::IntSet => Self::Integers(IntSet::from(bytes)),
            _ => Self::Packed(Packed::from(bytes)),
        }
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::Packed(Kind::IntSet, bytes) => Self::Integers(IntSet::from(bytes)),
            Value::Packed(Kind::Set, bytes) => Self::Packed(Packed::from(bytes)),
            Value::Set(table) => Self::Table(table),
            other => unreachable!("a {} is not edited as a set", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Integers(integers) => integers.take_external(),
            Self::Packed(packed) => packed.take_external(Kind::Set),
            Self::Table(table) => Some(Value::Set(std::mem::take(table))),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Integers(integers) => integers.take(store),
            Self::Packed(packed) => packed.take(Kind::Set, store),
            Self::Table(table) => store(NewValue::External(Value::Set(std::mem::take(table)))),
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::Integers(IntSet::default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: SetLimits = SetLimits { integers: 8, packed: PackedLimit { entries: 6, value: 10 } };

    fn members(set: SetRef<'_>) -> BTreeSet<Vec<u8>> {
        let mut members = BTreeSet::new();
        set.for_each(|member| assert!(members.insert(member.to_vec())));
        members
    }

    fn encoding(members: &[&str]) -> &'static str {
        let mut set = Set::default();
        members.iter().for_each(|member| _ = set.insert(member.as_bytes(), LIMITS));
        match set {
            Set::Integers(_) => "intset",
            Set::Packed(_) => "listpack",
            Set::Table(_) => "hashtable",
        }
    }

    proptest! {
        #[test]
        fn a_set_is_a_set(steps in prop::collection::vec(("-?[0-9]{1,2}|[a-c]{0,12}", 0..4_u8, 0..100_usize), 0..60)) {
            let (mut set, mut model) = (Set::default(), BTreeSet::new());
            for (member, action, index) in steps {
                let member = member.into_bytes();
                match action {
                    0 => prop_assert_eq!(set.remove(&member), model.remove(&member)),
                    1 if !model.is_empty() => {
                        let taken = set.take_nth(index % model.len(), <[u8]>::to_vec).expect("a member");
                        prop_assert!(model.remove(&taken));
                    }
                    _ => prop_assert_eq!(set.insert(&member, LIMITS), model.insert(member.clone())),
                }
                prop_assert_eq!(set.as_ref().contains(&member), model.contains(&member));
                prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            }
            prop_assert_eq!(members(set.as_ref()), model);
        }
    }

    #[test]
    fn the_encoding_depends_on_the_members_and_the_limits() {
        assert_eq!(encoding(&["1", "2", "-3"]), "intset");
        assert_eq!(encoding(&["1", "2", "3", "4", "5", "6", "7", "8"]), "intset");
        assert_eq!(encoding(&["1", "2", "3", "4", "5", "6", "7", "8", "9"]), "hashtable");
        assert_eq!(encoding(&["1", "a"]), "listpack");
        assert_eq!(encoding(&["a", "b", "c", "d", "e", "f"]), "listpack");
        assert_eq!(encoding(&["a", "b", "c", "d", "e", "f", "g"]), "hashtable");
        assert_eq!(encoding(&["1", "2", "3", "4", "5", "6", "a"]), "hashtable");
        assert_eq!(encoding(&["1", "aaaaaaaaaaa"]), "hashtable");
        assert_eq!(encoding(&["1", "2", "01"]), "listpack");
    }
}
