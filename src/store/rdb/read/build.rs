//! Values made of their elements. `None` is returned if there are none, or some are not as they should be.
//!
//! As in Redis, the number of the elements decides whether a collection in one string stays packed, not their lengths.

use std::collections::HashSet;

use super::Reader;
use crate::store::{
    rdb::Object,
    value::{
        Hash, HashTable, MAX_FIELD_EXPIRY, PackedLimit, Set, SetLimits, SortedSet,
        packed::{Element, Entries, IntSet, IntSetRef, Packed},
        parse_double,
    },
};

/// A hash of fields, each followed by its value.
pub(super) fn hash(entries: Entries<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    if entries.len() / 2 <= limit.entries {
        return has_distinct(entries, 2).then(|| Object::Hash(Hash::Packed(Packed::from(entries))));
    }
    let (mut table, mut elements) = (Box::<HashTable>::default(), entries.iter());
    while let Some(field) = elements.next() {
        is_new(table.set(&field.text(), &elements.next()?.text(), false))?;
    }
    Some(Object::Hash(Hash::Table(table)))
}

/// A hash of strings.
pub(super) fn hash_of_strings(reader: &mut Reader<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    let count = reader.length()?;
    // A large one would be packed first, and its fields searched for one after the other.
    let mut hash = if count > limit.entries as u64 { Hash::Table(Box::default()) } else { Hash::default() };
    for _ in 0..count {
        let (field, value) = (reader.string()?, reader.string()?);
        is_new(hash.set(&field, &value, limit))?;
    }
    (hash.len() > 0).then_some(Object::Hash(hash))
}

/// A hash in a listpack of fields, values and expiries, in the order of these. The earliest expiry is told besides.
pub(super) fn expiring_hash(entries: Entries<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    let (mut elements, mut fields) = (entries.iter(), Vec::new());
    while let Some(name) = elements.next() {
        let (value, expires_at) = (elements.next()?, elements.next()?.as_integer()?);
        fields.push((name, value, expiry(u64::try_from(expires_at).ok()?)?));
    }
    let latest_last = |(_, _, expires_at): &(_, _, Option<u64>)| expires_at.unwrap_or(u64::MAX);
    let is_packed = Hash::admits_expiring(fields.len(), limit) && fields.is_sorted_by_key(latest_last);
    if is_packed {
        return has_distinct(entries, 3).then(|| Object::Hash(Hash::Expiring(Packed::from(entries))));
    }
    let fields = fields.iter().map(|(name, value, expires_at)| Some((name.text(), value.text(), *expires_at)));
    hash_of_expiring(entries.len() as u64 / 3, fields, limit)
}

/// A hash of fields, each behind its expiry relative to the earliest one.
pub(super) fn expiring_hash_of_strings(reader: &mut Reader<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    let (earliest, count) = (u64::from_le_bytes(reader.array()?), reader.length()?);
    let fields = (0..count).map(|_| {
        let expires_at = match reader.length()? {
            0 => None,
            since_earliest => expiry(earliest.checked_add(since_earliest - 1)?)?,
        };
        Some((reader.string()?, reader.string()?, expires_at))
    });
    hash_of_expiring(count, fields, limit)
}

/// The same in the form of Valkey: the expiry is behind the value, -1 for none. Those that Redis would refuse are the latest.
pub(super) fn expiring_hash_of_valkey(reader: &mut Reader<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    let count = reader.length()?;
    let fields = (0..count).map(|_| {
        let (name, value) = (reader.string()?, reader.string()?);
        let expires_at = match i64::from_le_bytes(reader.array()?) {
            -1 => None,
            at => Some(u64::try_from(at).ok()?.clamp(1, MAX_FIELD_EXPIRY)),
        };
        Some((name, value, expires_at))
    });
    hash_of_expiring(count, fields, limit)
}

/// An expiry of a field, of which 0 stands for none. `None` if it is out of range.
fn expiry(expires_at: u64) -> Option<Option<u64>> {
    (expires_at <= MAX_FIELD_EXPIRY).then(|| (expires_at > 0).then_some(expires_at))
}

fn hash_of_expiring<T: AsRef<[u8]>>(
    count: u64,
    fields: impl Iterator<Item = Option<(T, T, Option<u64>)>>,
    limit: PackedLimit,
) -> Option<Object<'static>> {
    let is_small = usize::try_from(count).is_ok_and(|count| Hash::admits_expiring(count, limit));
    let mut hash = if is_small { Hash::default() } else { Hash::Table(Box::default()) };
    for field in fields {
        let (name, value, expires_at) = field?;
        is_new(hash.set(name.as_ref(), value.as_ref(), limit))?;
        hash.set_expiry(name.as_ref(), expires_at);
    }
    (hash.len() > 0).then_some(Object::Hash(hash))
}

pub(super) fn set(entries: Entries<'_>, limits: SetLimits) -> Option<Object<'static>> {
    if entries.len() <= limits.packed.entries {
        return has_distinct(entries, 1).then(|| Object::Set(Set::Packed(Packed::from(entries))));
    }
    set_of(entries.len() as u64, entries.iter().map(|member| Some(member.text())), limits)
}

pub(super) fn int_set(integers: IntSetRef<'_>, limits: SetLimits) -> Option<Object<'static>> {
    if (1..=limits.integers).contains(&integers.len()) {
        return Some(Object::Set(Set::Integers(IntSet::from(integers))));
    }
    set_of(integers.len() as u64, integers.iter().map(|member| Some(Element::Integer(member).text())), limits)
}

/// A set of strings.
pub(super) fn set_of_strings(reader: &mut Reader<'_>, limits: SetLimits) -> Option<Object<'static>> {
    let count = reader.length()?;
    set_of(count, (0..count).map(|_| reader.string()), limits)
}

fn set_of<T: AsRef<[u8]>>(
    count: u64,
    members: impl Iterator<Item = Option<T>>,
    limits: SetLimits,
) -> Option<Object<'static>> {
    let is_large = count > limits.integers.max(limits.packed.entries) as u64;
    let mut set = if is_large { Set::Table(Box::default()) } else { Set::default() };
    for member in members {
        is_new(set.insert(member?.as_ref(), limits))?;
    }
    (set.len() > 0).then_some(Object::Set(set))
}

/// A sorted set of members in their order, each followed by its score.
pub(super) fn sorted_set(entries: Entries<'_>, limit: PackedLimit) -> Option<Object<'static>> {
    let sorted = pairs(entries)?;
    if !has_distinct(entries, 2) || !sorted.is_sorted_by(|one, other| order(one, other).is_lt()) {
        return None;
    }
    Some(Object::SortedSet(if sorted.len() <= limit.entries {
        SortedSet::Packed(Packed::from(entries))
    } else {
        SortedSet::from_sorted(&sorted, limit)
    }))
}

/// A sorted set of strings, each followed by its score, in no order.
pub(super) fn sorted_set_of_strings<'a>(
    reader: &mut Reader<'a>,
    score: fn(&mut Reader<'a>) -> Option<f64>,
    limit: PackedLimit,
) -> Option<Object<'static>> {
    let mut members = Vec::new();
    for _ in 0..reader.length()? {
        members.push((reader.string()?, score(reader)?));
    }
    let mut sorted: Vec<_> = members.iter().map(|(member, score)| (Element::new(member), *score)).collect();
    let mut seen = HashSet::new();
    if sorted.is_empty() || !sorted.iter().all(|(member, _)| seen.insert(*member)) {
        return None;
    }
    sorted.sort_by(order);
    Some(Object::SortedSet(SortedSet::from_sorted(&sorted, limit)))
}

/// Members with their scores.
fn pairs(entries: Entries<'_>) -> Option<Vec<(Element<'_>, f64)>> {
    let (mut pairs, mut elements) = (Vec::new(), entries.iter());
    while let Some(member) = elements.next() {
        let score = match elements.next()? {
            Element::Integer(score) => score as f64,
            Element::Bytes(text) => parse_double(text)?,
        };
        pairs.push((member, score));
    }
    Some(pairs)
}

/// The order of members with scores. No score is NaN.
fn order(one: &(Element<'_>, f64), other: &(Element<'_>, f64)) -> std::cmp::Ordering {
    let scores = one.1.partial_cmp(&other.1).unwrap_or(std::cmp::Ordering::Equal);
    scores.then_with(|| one.0.text().cmp(&other.0.text()))
}

/// Whether there are elements in groups of `step`, whose first elements are different.
fn has_distinct(entries: Entries<'_>, step: usize) -> bool {
    let mut seen = HashSet::new();
    let is_whole = !entries.is_empty() && entries.len().is_multiple_of(step);
    is_whole && entries.iter().step_by(step).all(|element| seen.insert(element))
}

fn is_new(is_new: bool) -> Option<()> {
    is_new.then_some(())
}
