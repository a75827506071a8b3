//! [`Heap`]: the entries of a shard: their records, and the arenas of what is external to these.

mod entry;

use super::{
    expiry_wheel::{Due, ExpiryWheel},
    record::{
        EPOCH, Flag, Header, INDEX, INDEX_AND_LINKS, Links, MAX_INLINE_KEY, OfFields, Tail, index_at, set_index_at,
    },
};
use crate::store::{
    memory::{Arena, GRANULE, Relocated, Slab},
    value::{Kind, NewValue, Value},
};

pub(crate) use entry::Entry;

/// The expiry of an entry that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// The entry has no expiry.
    Never,
    /// The entry keeps the expiry that it has.
    Keep,
    /// The entry expires at this time, in milliseconds since the Unix epoch.
    At(u64),
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) expiry: Expiry,
    /// Whether the value is a string that was modified in place: OBJECT ENCODING shows it.
    pub(crate) is_edited: bool,
    /// Whether a new record gets room for a longer value, because the value is likely to grow.
    pub(crate) has_room_to_grow: bool,
}

impl Write {
    pub(crate) const fn new(expiry: Expiry) -> Self {
        Self { expiry, is_edited: false, has_room_to_grow: false }
    }
}

/// The entries of a shard, by handle.
#[derive(Debug)]
pub(super) struct Heap {
    slab: Slab,
    values: Arena<Value>,
    keys: Arena<Box<[u8]>>,
    expiry_wheel: ExpiryWheel,
    /// The hashes with fields that expire, by the first of them.
    field_wheel: ExpiryWheel<OfFields>,
    /// The epoch of new entries, and of those that the running snapshot has saved. Without one it is that of all entries.
    epoch: u8,
    /// The memory of the external keys and values, in bytes.
    external: usize,
    /// How many bytes an allocation takes.
    allocated: fn(usize) -> usize,
}

/// The result of writing an entry.
#[derive(Debug)]
pub(super) struct Written {
    /// The handle of the entry now.
    pub(super) handle: u32,
    /// Another entry that was moved.
    pub(super) relocated: Option<Relocated>,
    /// The value before, if it was external.
    pub(super) replaced: Option<Value>,
}

/// The length of a record that is written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// What it needs. One that is a little longer stays.
    Enough,
    /// A new record gets room for a longer value.
    WithRoomToGrow,
    /// What it needs and no more: an index does not change its length.
    Exact,
}

impl Written {
    fn in_place(handle: u32) -> Self {
        Self { handle, relocated: None, replaced: None }
    }
}

impl Heap {
    pub(super) fn new(allocated: fn(usize) -> usize) -> Self {
        Self {
            slab: Slab::default(),
            values: Arena::default(),
            keys: Arena::default(),
            expiry_wheel: ExpiryWheel::default(),
            field_wheel: ExpiryWheel::default(),
            epoch: 0,
            external: 0,
            allocated,
        }
    }

    /// Creates an entry. `now` is the time, for an entry with an expiry.
    pub(super) fn create(
        &mut self,
        key: &[u8],
        value: NewValue<'_>,
        Write { expiry, is_edited, .. }: Write,
        (accessed, now): (u32, u64),
    ) -> u32 {
        let is_external = key.len() > MAX_INLINE_KEY;
        let key_len = if is_external { INDEX } else { key.len() };
        let header = Header::new(key_len, 0, accessed).in_epoch(self.epoch).with_value(value.kind(), room_for(&value));
        let header = header.with(Flag::EXTERNAL_KEY, is_external).with(Flag::EDITED, is_edited);
        let handle = self.slab.allocate(header.with(Flag::EXPIRES, matches!(expiry, Expiry::At(_))).granules());
        if is_external {
            self.external += (self.allocated)(key.len());
            let index = self.keys.push(key.into(), handle);
            set_index_at(self.slab.get_mut(handle), header.key(), index);
        } else {
            self.slab.get_mut(handle)[header.key()].copy_from_slice(key);
        }
        self.fill(handle, header, value, now);
        self.set_expiry(handle, expiry, now);
        handle
    }

    /// Removes an entry, and returns its value if that was external.
    pub(super) fn remove(&mut self, handle: u32) -> (Option<Value>, Option<Relocated>) {
        let header = self.header(handle);
        if header.is(Flag::EXPIRES) {
            self.expiry_wheel.remove(&mut self.slab, handle);
        }
        if header.is(Flag::EXTERNAL_KEY) {
            self.remove_key(handle, header);
        }
        self.unlink_fields(handle, header);
        let value = header.is(Flag::EXTERNAL_VALUE).then(|| self.remove_value(handle, header));
        (value, self.free(handle))
    }

    /// Replaces the value of an entry. `now` is the time, for an expiry that is set.
    pub(super) fn write(&mut self, handle: u32, value: NewValue<'_>, write: Write, now: u64) -> Written {
        if let Some((kind, bytes)) = value.inline()
            && self.overwrite_inline(handle, kind, bytes, write)
        {
            return Written::in_place(handle);
        }
        let Write { expiry, is_edited, has_room_to_grow } = write;
        self.clear_expiry(handle, expiry);
        let before = self.header(handle).with(Flag::EDITED, is_edited);
        self.unlink_fields(handle, before);
        let is_external = before.is(Flag::EXTERNAL_VALUE);
        let written = match value {
            NewValue::External(value) if is_external => {
                let index = index_at(self.slab.get(handle), before.value());
                let header = before.with_value(Kind::String, room_for_external(&value));
                self.external += value.memory(self.allocated);
                let replaced = std::mem::replace(self.values.get_mut(index), value);
                self.external -= replaced.memory(self.allocated);
                let written = self.resize(handle, header, expiry);
                if header.has_field_links() {
                    OfFields::unlink(self.slab.get_mut(written.handle));
                    self.link_fields(written.handle, now);
                }
                Written { replaced: Some(replaced), ..written }
            }
            value => {
                let replaced = is_external.then(|| self.remove_value(handle, before));
                let header = before.with(Flag::EXTERNAL_VALUE, false).with_value(value.kind(), room_for(&value));
                let length = match &value {
                    NewValue::External(_) => Length::Exact,
                    _ if has_room_to_grow => Length::WithRoomToGrow,
                    _ => Length::Enough,
                };
                let written = self.resize_to(handle, header, expiry, length);
                self.fill(written.handle, header, value, now);
                Written { replaced, ..written }
            }
        };
        self.set_expiry(written.handle, expiry, now);
        written
    }

    /// Replaces an inline value where nothing else changes, as most SETs do. Otherwise does nothing and returns false.
    #[inline]
    fn overwrite_inline(
        &mut self,
        handle: u32,
        kind: Kind,
        bytes: &[u8],
        Write { expiry, is_edited, .. }: Write,
    ) -> bool {
        let record = self.slab.get_mut(handle);
        let before = Header::read(record);
        let header = before.with_value(kind, bytes.len()).with(Flag::EDITED, is_edited);
        let has_more = before.is(Flag::EXPIRES) || before.is(Flag::EXTERNAL_VALUE) || matches!(expiry, Expiry::At(_));
        if has_more || !header.fits(record.len() / GRANULE) {
            return false;
        }
        header.write(record);
        record[header.value()].copy_from_slice(bytes);
        true
    }

    /// Sets the expiry of an entry.
    pub(super) fn expire_at(&mut self, handle: u32, expiry: Expiry, now: u64) -> Written {
        self.clear_expiry(handle, expiry);
        let written = self.resize(handle, self.header(handle), expiry);
        self.set_expiry(written.handle, expiry, now);
        written
    }

    /// Takes an external value out, for a command that changes it, and leaves an empty one in its place.
    pub(super) fn take_external(&mut self, handle: u32) -> Option<Value> {
        let header = self.header(handle);
        let index = header.is(Flag::EXTERNAL_VALUE).then(|| index_at(self.slab.get(handle), header.value()))?;
        let value = std::mem::take(self.values.get_mut(index));
        self.external -= value.memory(self.allocated);
        Some(value)
    }

    /// Puts an external value back that was taken out.
    pub(super) fn put_external(&mut self, handle: u32, value: Value, now: u64) {
        let header = self.header(handle);
        let index = index_at(self.slab.get(handle), header.value());
        self.external += value.memory(self.allocated);
        *self.values.get_mut(index) = value;
        if header.has_field_links() {
            self.link_fields(handle, now);
        }
    }

    /// Sets when active expiry looks at the fields of a hash next: at the earliest expiry.
    #[cold]
    fn link_fields(&mut self, handle: u32, now: u64) {
        let record = self.slab.get(handle);
        let index = index_at(record, Header::read(record).value());
        match (OfFields::is_linked(record), self.values.get(index).earliest_field_expiry()) {
            (false, Some(at)) => self.field_wheel.insert(&mut self.slab, handle, at, now),
            (true, Some(at)) => self.field_wheel.change(&mut self.slab, handle, at),
            (true, None) => self.field_wheel.remove(&mut self.slab, handle),
            (false, None) => {}
        }
    }

    /// Has active expiry look at the fields of a hash at another time.
    pub(super) fn postpone_fields(&mut self, handle: u32, at: u64) {
        if OfFields::is_linked(self.slab.get(handle)) {
            self.field_wheel.change(&mut self.slab, handle, at);
        }
    }

    #[inline]
    fn unlink_fields(&mut self, handle: u32, header: Header) {
        if header.has_field_links() && OfFields::is_linked(self.slab.get(handle)) {
            self.field_wheel.remove(&mut self.slab, handle);
        }
    }

    /// Sets the time of the last access.
    #[inline]
    pub(super) fn touch(&mut self, handle: u32, accessed: u32) {
        let record = self.slab.get_mut(handle);
        Header { accessed, ..Header::read(record) }.write(record);
    }

    /// The same, and marks the value as modified in place.
    pub(super) fn mark_edited(&mut self, handle: u32, accessed: u32) {
        let record = self.slab.get_mut(handle);
        Header { accessed, ..Header::read(record) }.with(Flag::EDITED, true).write(record);
    }

    /// Begins a new epoch: all entries are of the old one.
    pub(super) fn begin_epoch(&mut self) {
        self.epoch ^= EPOCH;
    }

    /// Whether an entry is of the old epoch.
    pub(super) fn is_old(&self, handle: u32) -> bool {
        self.header(handle).epoch() != self.epoch
    }

    /// Moves an entry to the current epoch. Returns whether it was of the old one.
    pub(super) fn enter_epoch(&mut self, handle: u32) -> bool {
        let record = self.slab.get_mut(handle);
        let header = Header::read(record);
        let is_old = header.epoch() != self.epoch;
        if is_old {
            header.in_epoch(self.epoch).write(record);
        }
        is_old
    }

    #[inline]
    pub(super) fn entry(&self, handle: u32) -> Entry<'_> {
        Entry::new(self, self.slab.get(handle))
    }

    pub(super) fn allocated(&self) -> fn(usize) -> usize {
        self.allocated
    }

    /// Whether nothing more should be stored.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.slab.is_full()
    }

    /// Lets the heap be full from `chunks` chunks on.
    #[cfg(test)]
    pub(super) fn set_full_from(&mut self, chunks: usize) {
        self.slab.set_full_from(chunks);
    }

    /// The memory of the entries, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.slab.memory() + self.values.memory() + self.keys.memory() + self.external
    }

    /// The memory of the external keys and values, in bytes.
    pub(super) fn external_memory(&self) -> usize {
        self.external
    }

    /// Prefetches the record of an entry.
    #[inline]
    pub(super) fn prefetch(&self, handle: u32) {
        self.slab.prefetch(handle);
    }

    #[inline]
    pub(super) fn has_external_values(&self) -> bool {
        !self.values.is_empty()
    }

    /// Prefetches the value of an entry if that is external.
    #[inline]
    pub(super) fn prefetch_value(&self, handle: u32) {
        if let Some(value) = self.entry(handle).external() {
            value.prefetch();
        }
    }

    /// The entry that is moved when the next record of the same length is freed.
    pub(super) fn last_like(&self, handle: u32) -> Option<u32> {
        self.slab.last_like(handle)
    }

    /// All entries.
    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.slab.iter().map(|handle| self.entry(handle))
    }

    /// The entry at an index among all of them.
    pub(super) fn nth(&self, index: usize) -> Option<Entry<'_>> {
        self.slab.nth(index).map(|handle| self.entry(handle))
    }

    pub(super) fn expiry_wheel(&self) -> &ExpiryWheel {
        &self.expiry_wheel
    }

    /// The number of hashes with fields that expire.
    pub(super) fn hashes_with_expiries(&self) -> usize {
        self.field_wheel.len()
    }

    /// The same as [`next_due`](Self::next_due) for hashes with fields that have expired.
    pub(super) fn next_due_fields(&mut self, now: u64) -> Option<Due> {
        self.field_wheel.next_due(&mut self.slab, now)
    }

    /// The next step of active expiry; `None` if nothing has expired until `now`.
    pub(super) fn next_due(&mut self, now: u64) -> Option<Due> {
        self.expiry_wheel.next_due(&mut self.slab, now)
    }

    #[inline]
    fn header(&self, handle: u32) -> Header {
        Header::read(self.slab.get(handle))
    }

    /// The external key whose index these bytes are. Not inlined, so that the search for other keys needs few registers.
    #[inline(never)]
    fn external_key(&self, bytes: &[u8]) -> &[u8] {
        self.keys.get(index_at(bytes, 0..INDEX))
    }

    /// Removes the expiry of an entry that is written without one.
    fn clear_expiry(&mut self, handle: u32, expiry: Expiry) {
        if expiry == Expiry::Never && self.header(handle).is(Flag::EXPIRES) {
            self.expiry_wheel.remove(&mut self.slab, handle);
        }
    }

    /// Writes the header and the value into a record that has room for them.
    fn fill(&mut self, handle: u32, header: Header, value: NewValue<'_>, now: u64) {
        let record = self.slab.get_mut(handle);
        header.with(Flag::EXTERNAL_VALUE, value.is_external()).write(record);
        match value {
            NewValue::Inline(bytes) | NewValue::Packed(_, bytes) => record[header.value()].copy_from_slice(bytes),
            NewValue::External(value) => {
                self.external += value.memory(self.allocated);
                set_index_at(record, header.value(), self.values.push(value, handle));
                if usize::from(header.value_len) == INDEX_AND_LINKS {
                    OfFields::unlink(record);
                    self.link_fields(handle, now);
                }
            }
        }
    }

    /// Fits a record to a header, with room for an expiry if there will be one: in place if it fits, otherwise in a new
    /// record.
    fn resize(&mut self, handle: u32, header: Header, expiry: Expiry) -> Written {
        self.resize_to(handle, header, expiry, Length::Enough)
    }

    /// The same to a length.
    fn resize_to(&mut self, handle: u32, header: Header, expiry: Expiry, length: Length) -> Written {
        let record = self.slab.get_mut(handle);
        let expires = header.is(Flag::EXPIRES);
        let needed = header.with(Flag::EXPIRES, expires || matches!(expiry, Expiry::At(_)));
        let granules = record.len() / GRANULE;
        let stays = if length == Length::Exact { granules == needed.granules() } else { needed.fits(granules) };
        if stays {
            header.write(record);
            return Written::in_place(handle);
        }
        let to_grow = length == Length::WithRoomToGrow;
        let moved = self.slab.allocate(if to_grow { needed.granules_to_grow() } else { needed.granules() });
        let (from, to) = self.slab.get_two(handle, moved);
        let before = Header::read(from);
        let length = header.value().end.min(before.value().end);
        to[..length].copy_from_slice(&from[..length]);
        header.write(to);
        if header.has_field_links() && !before.has_field_links() {
            OfFields::unlink(to);
        }
        if expires {
            Tail::read(from).write(to);
        }
        self.update_references(moved);
        Written { handle: moved, relocated: self.free(handle), replaced: None }
    }

    /// Sets the expiry of an entry that has room for one.
    fn set_expiry(&mut self, handle: u32, expiry: Expiry, now: u64) {
        let Expiry::At(at) = expiry else { return };
        if self.header(handle).is(Flag::EXPIRES) {
            self.expiry_wheel.change(&mut self.slab, handle, at);
        } else {
            self.expiry_wheel.insert(&mut self.slab, handle, at, now);
        }
    }

    /// Frees a record that nothing refers to any more.
    fn free(&mut self, handle: u32) -> Option<Relocated> {
        let from = self.slab.free(handle)?;
        self.update_references(handle);
        Some(Relocated { from, to: handle })
    }

    /// Updates everything that refers to a record that was moved, except the table.
    fn update_references(&mut self, handle: u32) {
        let record = self.slab.get(handle);
        let header = Header::read(record);
        if header.is(Flag::EXTERNAL_KEY) {
            self.keys.set_owner(index_at(record, header.key()), handle);
        }
        if header.is(Flag::EXTERNAL_VALUE) {
            self.values.set_owner(index_at(record, header.value()), handle);
        }
        if header.is(Flag::EXPIRES) {
            self.expiry_wheel.relocate(&mut self.slab, handle);
        }
        if header.has_field_links() && OfFields::is_linked(self.slab.get(handle)) {
            self.field_wheel.relocate(&mut self.slab, handle);
        }
    }

    fn remove_value(&mut self, handle: u32, header: Header) -> Value {
        let index = index_at(self.slab.get(handle), header.value());
        let (value, owner) = self.values.remove(index);
        self.external -= value.memory(self.allocated);
        if let Some(owner) = owner {
            let record = self.slab.get_mut(owner);
            set_index_at(record, Header::read(record).value(), index);
        }
        value
    }

    fn remove_key(&mut self, handle: u32, header: Header) {
        let index = index_at(self.slab.get(handle), header.key());
        let (key, owner) = self.keys.remove(index);
        self.external -= (self.allocated)(key.len());
        if let Some(owner) = owner {
            let record = self.slab.get_mut(owner);
            set_index_at(record, Header::read(record).key(), index);
        }
    }
}

/// The number of bytes that a value takes in its record.
fn room_for(value: &NewValue<'_>) -> usize {
    match value {
        NewValue::Inline(bytes) | NewValue::Packed(_, bytes) => bytes.len(),
        NewValue::External(value) => room_for_external(value),
    }
}

/// The number of bytes that the index of an external value takes, with the links of one whose fields may expire.
fn room_for_external(value: &Value) -> usize {
    if value.has_expiring_fields() { INDEX_AND_LINKS } else { INDEX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::value::MAX_INLINE;

    const NOW: u64 = 1_700_000_000_000;

    fn long(number: u8) -> Vec<u8> {
        vec![number; 300]
    }

    /// An entry with an external key, an external value and an expiry.
    fn create(heap: &mut Heap, number: u8) -> u32 {
        let how = Write::new(Expiry::At(NOW + u64::from(number)));
        heap.create(&long(number), NewValue::from(&long(number)[..]), how, (0, NOW))
    }

    fn shown(heap: &Heap, handle: u32) -> (Vec<u8>, Vec<u8>, Option<u64>) {
        let entry = heap.entry(handle);
        (entry.key().to_vec(), entry.string().expect("a string").to_vec(), entry.expires_at())
    }

    #[test]
    fn external_parts_follow_their_entry_when_others_are_removed() {
        let mut heap = Heap::new(|size| size);
        let [one, two, three] = [1, 2, 3].map(|number| create(&mut heap, number));
        let (value, relocated) = heap.remove(one);
        assert!(matches!(value, Some(Value::String(string)) if string[..] == long(1)));
        assert_eq!(relocated, Some(Relocated { from: three, to: one }));
        assert_eq!(shown(&heap, one), (long(3), long(3), Some(NOW + 3)));
        assert_eq!(shown(&heap, two), (long(2), long(2), Some(NOW + 2)));
        assert_eq!(heap.next_due(NOW), None);
        assert_eq!((heap.remove(two).1, heap.remove(one).1), (None, None));
        assert_eq!((heap.iter().count(), heap.expiry_wheel().len()), (0, 0));
    }

    #[test]
    fn an_entry_moves_when_its_value_changes_its_length() {
        let mut heap = Heap::new(|size| size);
        let handle = heap.create(b"key", NewValue::Inline(b"a"), Write::new(Expiry::Never), (7, NOW));
        let other = heap.create(b"yek", NewValue::Inline(b"b"), Write::new(Expiry::Never), (7, NOW));
        let longest = [b'x'; MAX_INLINE];
        let written = heap.write(handle, NewValue::Inline(&longest), Write::new(Expiry::At(NOW + 9)), NOW);
        assert_eq!(written.relocated, Some(Relocated { from: other, to: handle }));
        assert_eq!(shown(&heap, written.handle), (b"key".to_vec(), longest.to_vec(), Some(NOW + 9)));
        assert_eq!(shown(&heap, handle), (b"yek".to_vec(), b"b".to_vec(), None));
        let longer = [b'x'; MAX_INLINE + 1];
        let grown = heap.write(written.handle, NewValue::from(&longer[..]), Write::new(Expiry::Keep), NOW);
        assert_eq!(heap.entry(grown.handle).inline().map(|(_, bytes)| bytes), None);
        let shrunk = heap.write(grown.handle, NewValue::Inline(b""), Write::new(Expiry::Keep), NOW);
        assert!(shrunk.replaced.is_some());
        assert_eq!(shown(&heap, shrunk.handle), (b"key".to_vec(), Vec::new(), Some(NOW + 9)));
        assert_eq!(heap.entry(shrunk.handle).accessed(), 7);
    }

    #[test]
    fn a_string_that_grows_moves_seldom() {
        let mut heap = Heap::new(|size| size);
        let mut handle = heap.create(b"key", NewValue::Inline(b""), Write::new(Expiry::At(NOW + 9)), (0, NOW));
        let mut moves = 0;
        for length in 1..=MAX_INLINE {
            let bytes: Vec<u8> = (1..=length).map(|length| length as u8).collect();
            let write = Write { has_room_to_grow: true, ..Write::new(Expiry::Keep) };
            let written = heap.write(handle, NewValue::Inline(&bytes), write, NOW);
            moves += usize::from(std::mem::replace(&mut handle, written.handle) != written.handle);
        }
        assert!((3..12).contains(&moves), "moved {moves} times");
        let bytes = (1..=MAX_INLINE).map(|length| length as u8).collect();
        assert_eq!(shown(&heap, handle), (b"key".to_vec(), bytes, Some(NOW + 9)));
    }

    #[test]
    fn a_value_that_changes_its_length_a_little_stays() {
        let mut heap = Heap::new(|size| size);
        let handle = heap.create(b"key", NewValue::Inline(&[b'x'; 60]), Write::new(Expiry::Never), (0, NOW));
        for length in [61, 55, 60, 58] {
            let written = heap.write(handle, NewValue::Inline(&[b'y'; 61][..length]), Write::new(Expiry::Never), NOW);
            assert_eq!(
                (written.handle, heap.entry(handle).inline().map(|(_, bytes)| bytes.len())),
                (handle, Some(length))
            );
        }
    }
}
