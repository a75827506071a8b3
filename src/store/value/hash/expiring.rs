//! [`ExpiringFields`]: a small hash some of whose fields expire.
//!
//! Each field is followed by its value and by its expiry in milliseconds since the Unix epoch, 0 for none. The fields are in the order
//! of their expiries, and those without one come last, as in Redis's listpackex. So those that have expired are in front.

use smallvec::SmallVec;

use crate::store::value::{
    PackedLimit,
    packed::{EditEntries, Element, Encoded, Entries, Packed, Position},
};

/// The number of elements of a field: itself, its value, its expiry.
pub(super) const TRIPLE: usize = 3;

/// The most fields, whatever the setting is: the number of elements takes two bytes.
const MAX_FIELDS: usize = Packed::MAX_LEN / TRIPLE;

/// The expiry of a field without one.
const NONE: i64 = 0;

/// The fields, of which those that expired before a time are hidden.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpiringFields<'a> {
    entries: Entries<'a>,
    now: u64,
}

/// A field, its value, and its expiry in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExpiringField<'a> {
    pub(crate) name: Element<'a>,
    pub(crate) value: Element<'a>,
    pub(crate) expires_at: Option<u64>,
}

impl<'a> ExpiringFields<'a> {
    /// All fields: none is hidden.
    #[inline]
    pub(crate) fn new(entries: Entries<'a>) -> Self {
        Self { entries, now: 0 }
    }

    /// The fields that have not expired before `now`.
    #[inline]
    pub(crate) fn at(self, now: u64) -> Self {
        Self { now, ..self }
    }

    /// The elements of all fields, hidden or not.
    pub(crate) fn entries(self) -> Entries<'a> {
        self.entries
    }

    /// The number of fields, hidden or not.
    pub(crate) fn len(self) -> usize {
        self.entries.len() / TRIPLE
    }

    /// The value of a field, and its expiry.
    #[inline]
    pub(crate) fn get(self, field: &[u8]) -> Option<(Element<'a>, Option<u64>)> {
        let value = self.entries.next(find(self.entries, field)?)?;
        let expires_at = expiry(self.entries.element(self.entries.next(value)?));
        (!self.hides(expires_at)).then(|| (self.entries.element(value), expires_at))
    }

    /// The fields in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = ExpiringField<'a>> {
        let mut elements = self.entries.iter();
        let fields = std::iter::from_fn(move || {
            let (name, value) = (elements.next()?, elements.next()?);
            Some(ExpiringField { name, value, expires_at: expiry(elements.next()?) })
        });
        fields.skip_while(move |field| self.hides(field.expires_at))
    }

    /// The number of fields that are hidden.
    pub(crate) fn hidden(self) -> usize {
        match self.earliest() {
            earliest @ Some(_) if self.hides(earliest) => self.len() - self.iter().count(),
            _ => 0,
        }
    }

    /// The field at an index among all of them, hidden or not.
    pub(crate) fn nth(self, index: usize) -> Option<ExpiringField<'a>> {
        let name = self.entries.at(index * TRIPLE)?;
        let value = self.entries.next(name)?;
        let expires_at = expiry(self.entries.element(self.entries.next(value)?));
        Some(ExpiringField { name: self.entries.element(name), value: self.entries.element(value), expires_at })
    }

    /// The earliest expiry.
    pub(crate) fn earliest(self) -> Option<u64> {
        self.nth(0)?.expires_at
    }

    /// The latest expiry; `None` if a field has none.
    pub(crate) fn latest(self) -> Option<u64> {
        expiry(self.entries.element(self.entries.prev(self.entries.end())?))
    }

    #[inline]
    fn hides(self, expires_at: Option<u64>) -> bool {
        expires_at.is_some_and(|at| at < self.now)
    }
}

fn expiry(element: Element<'_>) -> Option<u64> {
    element.as_integer().and_then(|at| u64::try_from(at).ok()).filter(|at| *at != 0)
}

fn encoded(expires_at: Option<u64>) -> Encoded<'static> {
    Encoded::from(expires_at.map_or(NONE, |at| at as i64))
}

/// Where a field is.
#[inline]
pub(super) fn find(entries: Entries<'_>, field: &[u8]) -> Option<Position> {
    entries.find(&Encoded::from(field), TRIPLE)
}

/// Whether a hash may have one field more.
pub(super) fn has_room(entries: Entries<'_>, limit: PackedLimit) -> bool {
    entries.len() / TRIPLE < most_fields(limit)
}

/// The most fields of a packed hash with expiries.
pub(super) fn most_fields(limit: PackedLimit) -> usize {
    limit.entries.min(MAX_FIELDS)
}

/// The elements of a hash without expiries, with room for them; `None` if they are too many.
pub(super) fn from_pairs(pairs: Entries<'_>) -> Option<Packed> {
    if pairs.len() / 2 > MAX_FIELDS {
        return None;
    }
    let (mut packed, mut elements) = (Packed::default(), pairs.iter());
    while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
        let end = packed.entries().end();
        packed.insert_all_before(end, [field.into(), value.into(), encoded(None)]);
    }
    Some(packed)
}

/// Inserts a field that is not there, in front of those that expire at its time or later.
pub(super) fn insert(packed: &mut Packed, field: &[u8], value: &[u8], expires_at: Option<u64>) {
    let entries = packed.entries();
    let position = expires_at.and_then(|at| first_from(entries, at)).unwrap_or(entries.end());
    packed.insert_all_before(position, [field.into(), value.into(), encoded(expires_at)]);
}

/// The first field that expires at this time, or later, or never.
fn first_from(entries: Entries<'_>, at: u64) -> Option<Position> {
    let mut position = entries.first();
    while let Some(name) = position {
        let time = entries.next(entries.next(name)?)?;
        if expiry(entries.element(time)).is_none_or(|other| other >= at) {
            return Some(name);
        }
        position = entries.next(time);
    }
    None
}

/// Replaces the value of a field.
pub(super) fn set_value(packed: &mut Packed, field: Position, value: &[u8]) {
    if let Some(old) = packed.entries().next(field) {
        packed.replace(old, value);
    }
}

/// Sets or removes the expiry of a field, which changes its place.
pub(super) fn set_expiry(packed: &mut Packed, position: Position, expires_at: Option<u64>) {
    let entries = packed.entries();
    let Some(value) = entries.next(position) else { return };
    if entries.next(value).is_some_and(|time| expiry(entries.element(time)) == expires_at) {
        return;
    }
    let copy = |position| SmallVec::<[u8; 64]>::from_slice(&entries.element(position).text());
    let (field, value) = (copy(position), copy(value));
    packed.remove(position, TRIPLE);
    insert(packed, &field, &value, expires_at);
}

/// Removes at most so many fields that expired before `now`, and returns their names.
pub(super) fn take_expired(packed: &mut Packed, now: u64, most: usize) -> Vec<Box<[u8]>> {
    let fields = ExpiringFields::new(packed.entries()).iter();
    let expired = fields.take_while(|field| field.expires_at.is_some_and(|at| at < now)).take(most);
    let names: Vec<Box<[u8]>> = expired.map(|field| field.name.text()[..].into()).collect();
    packed.remove_front(names.len() * TRIPLE);
    names
}
