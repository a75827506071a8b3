//! [`Heap`]: the entries of a shard: records, and what of them lies outside.

use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{
    arena::Arena,
    expiry_wheel::{Due, ExpiryWheel},
    record::{Flag, GRANULE, Header, INDEX, MAX_INLINE_KEY, Tail, index_at, set_index_at},
    slab::Slab,
};
use crate::store::value::{MAX_INLINE, NewValue, StringRef, Value, string};

/// What becomes of the end of an entry that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    Never,
    Keep,
    /// In milliseconds since 1970.
    At(u64),
}

/// Entries, named by handles.
#[derive(Debug, Default)]
pub(super) struct Heap {
    slab: Slab,
    values: Arena<Value>,
    keys: Arena<Box<[u8]>>,
    expiry_wheel: ExpiryWheel,
}

/// A record that has another handle now, because the one before was freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Relocated {
    pub(super) from: u32,
    pub(super) to: u32,
}

/// What writing an entry leads to.
#[derive(Debug)]
pub(super) struct Written {
    /// The handle of the entry now.
    pub(super) handle: u32,
    /// Another entry that moved.
    pub(super) relocated: Option<Relocated>,
    /// What was there before, if it lay outside.
    pub(super) replaced: Option<Value>,
}

impl Written {
    fn in_place(handle: u32) -> Self {
        Self { handle, relocated: None, replaced: None }
    }
}

impl Heap {
    /// Makes an entry. `now` is the time, for one with an end.
    pub(super) fn create(
        &mut self,
        key: &[u8],
        value: NewValue<'_>,
        (expiry, is_edited): (Expiry, bool),
        accessed: u32,
        now: impl FnOnce() -> u64,
    ) -> u32 {
        let is_long = key.len() > MAX_INLINE_KEY;
        let key_len = if is_long { INDEX } else { key.len() };
        let header = Header::new(key_len, room_for(&value), accessed);
        let header = header.with(Flag::EXTERNAL_KEY, is_long).with(Flag::EDITED, is_edited);
        let handle = self.slab.allocate(header.with(Flag::EXPIRES, matches!(expiry, Expiry::At(_))).granules());
        if is_long {
            let index = self.keys.push(key.into(), handle);
            set_index_at(self.slab.get_mut(handle), header.key(), index);
        } else {
            self.slab.get_mut(handle)[header.key()].copy_from_slice(key);
        }
        self.fill(handle, header, value);
        self.set_expiry(handle, expiry, now);
        handle
    }

    /// Removes an entry, and returns its value if that lay outside.
    pub(super) fn remove(&mut self, handle: u32) -> (Option<Value>, Option<Relocated>) {
        let header = self.header(handle);
        if header.is(Flag::EXPIRES) {
            self.expiry_wheel.remove(&mut self.slab, handle);
        }
        if header.is(Flag::EXTERNAL_KEY) {
            self.remove_key(handle, header);
        }
        let value = header.is(Flag::EXTERNAL_VALUE).then(|| self.remove_value(handle, header));
        (value, self.free(handle))
    }

    /// Writes a value over that of an entry. `now` is the time for an end that is set.
    pub(super) fn write(
        &mut self,
        handle: u32,
        value: NewValue<'_>,
        (expiry, is_edited): (Expiry, bool),
        now: impl FnOnce() -> u64,
    ) -> Written {
        if let NewValue::Inline(bytes) = value
            && self.write_over(handle, bytes, (expiry, is_edited))
        {
            return Written::in_place(handle);
        }
        self.clear_expiry(handle, expiry);
        let before = self.header(handle).with(Flag::EDITED, is_edited);
        let is_external = before.is(Flag::EXTERNAL_VALUE);
        let written = match value {
            NewValue::External(value) if is_external => {
                let index = index_at(self.slab.get(handle), before.value());
                let replaced = std::mem::replace(self.values.get_mut(index), value);
                Written { replaced: Some(replaced), ..self.reshape(handle, before, expiry) }
            }
            value => {
                let replaced = is_external.then(|| self.remove_value(handle, before));
                let header = before.with(Flag::EXTERNAL_VALUE, false).with_value(room_for(&value));
                let written = self.reshape(handle, header, expiry);
                self.fill(written.handle, header, value);
                Written { replaced, ..written }
            }
        };
        self.set_expiry(written.handle, expiry, now);
        written
    }

    /// Writes a short string over another, where nothing else changes: what SET mostly does. False, and nothing, elsewhere.
    #[inline]
    fn write_over(&mut self, handle: u32, bytes: &[u8], (expiry, is_edited): (Expiry, bool)) -> bool {
        let record = self.slab.get_mut(handle);
        let before = Header::read(record);
        let header = before.with_value(bytes.len()).with(Flag::EDITED, is_edited);
        let has_more = before.is(Flag::EXPIRES) || before.is(Flag::EXTERNAL_VALUE) || matches!(expiry, Expiry::At(_));
        if has_more || !header.fits(record.len() / GRANULE) {
            return false;
        }
        header.write(record);
        record[header.value()].copy_from_slice(bytes);
        true
    }

    /// Sets when an entry ends.
    pub(super) fn expire_at(&mut self, handle: u32, expiry: Expiry, now: impl FnOnce() -> u64) -> Written {
        self.clear_expiry(handle, expiry);
        let written = self.reshape(handle, self.header(handle), expiry);
        self.set_expiry(written.handle, expiry, now);
        written
    }

    /// Adds bytes at the end of a string, and returns its length.
    ///
    /// # Errors
    /// `WRONGTYPE` when the value is none.
    pub(super) fn append(&mut self, handle: u32, tail: &[u8]) -> Result<(Written, usize), CommandError> {
        let header = self.header(handle);
        if header.is(Flag::EXTERNAL_VALUE) {
            let string = self.external_string(handle, header)?;
            string::append(string, tail);
            return Ok((Written::in_place(handle), string.len()));
        }
        let before = header.value();
        let length = before.len() + tail.len();
        if length > MAX_INLINE {
            let joined = [&self.slab.get(handle)[before], tail].concat();
            return Ok((self.write(handle, joined.into(), (Expiry::Keep, true), || 0), length));
        }
        let header = header.with_value(length).with(Flag::EDITED, true);
        let written = self.reshape_into(handle, header, Expiry::Keep, Header::granules_to_grow);
        self.slab.get_mut(written.handle)[before.end..][..tail.len()].copy_from_slice(tail);
        Ok((written, length))
    }

    /// Writes bytes over those of a string from `offset` on. Zeros fill a gap.
    ///
    /// # Errors
    /// `WRONGTYPE` when the value is none.
    pub(super) fn overwrite(&mut self, handle: u32, offset: usize, patch: &[u8]) -> Result<Written, CommandError> {
        let header = self.header(handle);
        if header.is(Flag::EXTERNAL_VALUE) {
            string::overwrite(self.external_string(handle, header)?, offset, patch);
            return Ok(Written::in_place(handle));
        }
        let mut bytes = self.slab.get(handle)[header.value()].to_vec();
        bytes.resize(bytes.len().max(offset + patch.len()), 0);
        bytes[offset..][..patch.len()].copy_from_slice(patch);
        let value = if bytes.len() > MAX_INLINE { bytes.into() } else { NewValue::Inline(&bytes) };
        Ok(self.write(handle, value, (Expiry::Keep, true), || 0))
    }

    /// Notes when an entry was last used.
    #[inline]
    pub(super) fn touch(&mut self, handle: u32, accessed: u32) {
        let record = self.slab.get_mut(handle);
        Header { accessed, ..Header::read(record) }.write(record);
    }

    #[inline]
    pub(super) fn entry(&self, handle: u32) -> Entry<'_> {
        let record = self.slab.get(handle);
        Entry { heap: self, record, header: Header::read(record) }
    }

    /// Asks for the memory of an entry.
    #[inline]
    pub(super) fn prefetch(&self, handle: u32) {
        self.slab.prefetch(handle);
    }

    /// The entry that moves when the next record of the same length is freed.
    pub(super) fn last_like(&self, handle: u32) -> Option<u32> {
        self.slab.last_like(handle)
    }

    /// All entries.
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

    /// The next thing to do for what ends until now.
    pub(super) fn next_due(&mut self, now: u64) -> Option<Due> {
        self.expiry_wheel.next_due(&mut self.slab, now)
    }

    #[inline]
    fn header(&self, handle: u32) -> Header {
        Header::read(self.slab.get(handle))
    }

    /// The key that lies where these bytes say. Apart, so that the search for other keys needs few registers.
    #[inline(never)]
    fn external_key(&self, bytes: &[u8]) -> &[u8] {
        self.keys.get(index_at(bytes, 0..INDEX))
    }

    /// Takes the end of an entry away that is to end never.
    fn clear_expiry(&mut self, handle: u32, expiry: Expiry) {
        if expiry == Expiry::Never && self.header(handle).is(Flag::EXPIRES) {
            self.expiry_wheel.remove(&mut self.slab, handle);
        }
    }

    /// Writes the header and the value of a record that has room for them.
    fn fill(&mut self, handle: u32, header: Header, value: NewValue<'_>) {
        let record = self.slab.get_mut(handle);
        header.with(Flag::EXTERNAL_VALUE, value.is_external()).write(record);
        match value {
            NewValue::Inline(bytes) => record[header.value()].copy_from_slice(bytes),
            NewValue::External(value) => set_index_at(record, header.value(), self.values.push(value, handle)),
        }
    }

    /// A string that lies outside and is about to be edited.
    fn external_string(&mut self, handle: u32, header: Header) -> Result<&mut Bytes, CommandError> {
        let record = self.slab.get_mut(handle);
        let string = self.values.get_mut(index_at(record, header.value())).as_string_mut()?;
        header.with(Flag::EDITED, true).write(record);
        Ok(string)
    }

    /// Gives a record the shape that a header says, with room for an end if there is to be one: in its place if it fits
    /// there, else in another one.
    fn reshape(&mut self, handle: u32, header: Header, expiry: Expiry) -> Written {
        self.reshape_into(handle, header, expiry, Header::granules)
    }

    /// The same. `granules` tells how long another one is.
    fn reshape_into(&mut self, handle: u32, header: Header, expiry: Expiry, granules: fn(Header) -> usize) -> Written {
        let record = self.slab.get_mut(handle);
        let expires = header.is(Flag::EXPIRES);
        let shape = header.with(Flag::EXPIRES, expires || matches!(expiry, Expiry::At(_)));
        if shape.fits(record.len() / GRANULE) {
            header.write(record);
            return Written::in_place(handle);
        }
        let moved = self.slab.allocate(granules(shape));
        let (from, to) = self.slab.get_two(handle, moved);
        let length = header.value().end.min(Header::read(from).value().end);
        to[..length].copy_from_slice(&from[..length]);
        header.write(to);
        if expires {
            Tail::read(from).write(to);
        }
        self.update_owners(moved);
        Written { handle: moved, relocated: self.free(handle), replaced: None }
    }

    /// Sets the end of an entry that has room for one.
    fn set_expiry(&mut self, handle: u32, expiry: Expiry, now: impl FnOnce() -> u64) {
        let Expiry::At(at) = expiry else { return };
        if self.header(handle).is(Flag::EXPIRES) {
            self.expiry_wheel.change(&mut self.slab, handle, at);
        } else {
            self.expiry_wheel.insert(&mut self.slab, handle, at, now());
        }
    }

    /// Frees a record that nothing refers to any more.
    fn free(&mut self, handle: u32) -> Option<Relocated> {
        let from = self.slab.free(handle)?;
        self.update_owners(handle);
        Some(Relocated { from, to: handle })
    }

    /// Tells what refers to a record, but for the table, that it has a new handle.
    fn update_owners(&mut self, handle: u32) {
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
    }

    fn remove_value(&mut self, handle: u32, header: Header) -> Value {
        let index = index_at(self.slab.get(handle), header.value());
        let (value, owner) = self.values.remove(index);
        if let Some(owner) = owner {
            let record = self.slab.get_mut(owner);
            set_index_at(record, Header::read(record).value(), index);
        }
        value
    }

    fn remove_key(&mut self, handle: u32, header: Header) {
        let index = index_at(self.slab.get(handle), header.key());
        let (_, owner) = self.keys.remove(index);
        if let Some(owner) = owner {
            let record = self.slab.get_mut(owner);
            set_index_at(record, Header::read(record).key(), index);
        }
    }
}

/// How many bytes of a record a value takes.
fn room_for(value: &NewValue<'_>) -> usize {
    match value {
        NewValue::Inline(bytes) => bytes.len(),
        NewValue::External(_) => INDEX,
    }
}

/// Whether two keys are the same: those of 8 to 16 bytes, as most are, in two steps.
#[inline]
fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if (8..=16).contains(&one.len()) {
        return one.first_chunk::<8>() == other.first_chunk() && one.last_chunk::<8>() == other.last_chunk();
    }
    one == other
}

/// A key and its value, to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    heap: &'a Heap,
    record: &'a [u8],
    header: Header,
}

impl<'a> Entry<'a> {
    #[inline]
    pub(crate) fn key(&self) -> &'a [u8] {
        let bytes = &self.record[self.header.key()];
        if self.header.is(Flag::EXTERNAL_KEY) { self.heap.external_key(bytes) } else { bytes }
    }

    #[inline(always)]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        let bytes = &self.record[self.header.key()];
        if self.header.is(Flag::EXTERNAL_KEY) { self.heap.external_key(bytes) == key } else { are_same(bytes, key) }
    }

    /// A copy of the value.
    pub(crate) fn value(&self) -> NewValue<'a> {
        self.external()
            .map_or(NewValue::Inline(&self.record[self.header.value()]), |value| NewValue::External(value.clone()))
    }

    /// The value, if it is a short string, and lies in the record.
    pub(crate) fn inline_string(&self) -> Option<&'a [u8]> {
        (!self.header.is(Flag::EXTERNAL_VALUE)).then(|| &self.record[self.header.value()])
    }

    /// The value, if it lies outside of the record. Else it is a short string.
    #[inline]
    pub(crate) fn external(&self) -> Option<&'a Value> {
        let is_external = self.header.is(Flag::EXTERNAL_VALUE);
        is_external.then(|| self.heap.values.get(index_at(self.record, self.header.value())))
    }

    /// The string.
    ///
    /// # Errors
    /// `WRONGTYPE` when the value is none.
    #[inline(always)]
    pub(crate) fn string(&self) -> Result<StringRef<'a>, CommandError> {
        match self.external() {
            None => Ok(StringRef::Inline(&self.record[self.header.value()])),
            Some(value) => value.as_string().map(StringRef::External),
        }
    }

    /// When the entry ends, in milliseconds since 1970.
    #[inline]
    pub(crate) fn expires_at(&self) -> Option<u64> {
        self.header.is(Flag::EXPIRES).then(|| Tail::read(self.record).expires_at)
    }

    /// When the value was last used, in seconds since 1970.
    #[inline]
    pub(crate) fn accessed(&self) -> u32 {
        self.header.accessed
    }

    /// Whether the value is a string that was changed in place, which OBJECT ENCODING tells.
    pub(crate) fn is_edited(&self) -> bool {
        self.header.is(Flag::EDITED)
    }

    /// The name of the type, as TYPE answers it.
    pub(crate) fn type_name(&self) -> &'static str {
        self.external().map_or(string::TYPE_NAME, Value::type_name)
    }

    /// The name of the representation, as OBJECT ENCODING answers it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self.external() {
            _ if self.is_edited() => string::EDITED_ENCODING,
            None => string::encoding(&self.record[self.header.value()]),
            Some(value) => value.encoding(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn long(number: u8) -> Vec<u8> {
        vec![number; 300]
    }

    /// An entry whose key and value lie outside, and that has an end.
    fn create(heap: &mut Heap, number: u8) -> u32 {
        let how = (Expiry::At(NOW + u64::from(number)), false);
        heap.create(&long(number), NewValue::from(&long(number)[..]), how, 0, || NOW)
    }

    fn shown(heap: &Heap, handle: u32) -> (Vec<u8>, Vec<u8>, Option<u64>) {
        let entry = heap.entry(handle);
        (entry.key().to_vec(), entry.string().expect("a string").to_vec(), entry.expires_at())
    }

    #[test]
    fn what_lies_outside_follows_its_entry_when_others_go() {
        let mut heap = Heap::default();
        let [one, two, three] = [1, 2, 3].map(|number| create(&mut heap, number));
        let (value, relocated) = heap.remove(one);
        assert_eq!((value, relocated), (Some(Value::String(long(1).into())), Some(Relocated { from: three, to: one })));
        assert_eq!(shown(&heap, one), (long(3), long(3), Some(NOW + 3)));
        assert_eq!(shown(&heap, two), (long(2), long(2), Some(NOW + 2)));
        assert_eq!(heap.next_due(NOW), None);
        assert_eq!((heap.remove(two).1, heap.remove(one).1), (None, None));
        assert_eq!((heap.iter().count(), heap.expiry_wheel().len()), (0, 0));
    }

    #[test]
    fn an_entry_moves_when_its_value_changes_its_length() {
        let mut heap = Heap::default();
        let handle = heap.create(b"key", NewValue::Inline(b"a"), (Expiry::Never, false), 7, || NOW);
        let other = heap.create(b"yek", NewValue::Inline(b"b"), (Expiry::Never, false), 7, || NOW);
        let longest = [b'x'; MAX_INLINE];
        let written = heap.write(handle, NewValue::Inline(&longest), (Expiry::At(NOW + 9), false), || NOW);
        assert_eq!(written.relocated, Some(Relocated { from: other, to: handle }));
        assert_eq!(shown(&heap, written.handle), (b"key".to_vec(), longest.to_vec(), Some(NOW + 9)));
        assert_eq!(shown(&heap, handle), (b"yek".to_vec(), b"b".to_vec(), None));
        let (grown, length) = heap.append(written.handle, b"y").expect("a string");
        assert_eq!((length, heap.entry(grown.handle).inline_string()), (MAX_INLINE + 1, None));
        let shrunk = heap.write(grown.handle, NewValue::Inline(b""), (Expiry::Keep, false), || NOW);
        assert!(shrunk.replaced.is_some());
        assert_eq!(shown(&heap, shrunk.handle), (b"key".to_vec(), Vec::new(), Some(NOW + 9)));
        assert_eq!(heap.entry(shrunk.handle).accessed(), 7);
    }

    #[test]
    fn a_string_that_grows_moves_seldom() {
        let mut heap = Heap::default();
        let mut handle = heap.create(b"key", NewValue::Inline(b""), (Expiry::At(NOW + 9), false), 0, || NOW);
        let mut moves = 0;
        for length in 1..=MAX_INLINE {
            let (written, grown) = heap.append(handle, &[length as u8]).expect("a string");
            moves += usize::from(std::mem::replace(&mut handle, written.handle) != written.handle);
            assert_eq!(grown, length);
        }
        assert!((3..12).contains(&moves), "moved {moves} times");
        let bytes = (1..=MAX_INLINE).map(|length| length as u8).collect();
        assert_eq!(shown(&heap, handle), (b"key".to_vec(), bytes, Some(NOW + 9)));
    }

    #[test]
    fn a_value_that_changes_its_length_a_little_stays() {
        let mut heap = Heap::default();
        let handle = heap.create(b"key", NewValue::Inline(&[b'x'; 60]), (Expiry::Never, false), 0, || NOW);
        for length in [61, 55, 60, 58] {
            let written = heap.write(handle, NewValue::Inline(&[b'y'; 61][..length]), (Expiry::Never, false), || NOW);
            assert_eq!((written.handle, heap.entry(handle).inline_string().map(<[u8]>::len)), (handle, Some(length)));
        }
    }

    #[test]
    fn keys_are_compared_whole_whatever_their_length() {
        for length in 0..20 {
            let key = vec![b'k'; length];
            assert!(are_same(&key, &key.clone()) && !are_same(&key, &[&key[..], b"k"].concat()));
            for at in 0..length {
                let mut other = key.clone();
                other[at] = b'x';
                assert!(!are_same(&key, &other), "{length} {at}");
            }
        }
    }
}
