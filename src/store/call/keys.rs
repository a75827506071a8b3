//! The entries of the keys of a call: reading, storing, removing.

use kvstore_protocol::{ByteString, CommandError};

use super::{Call, KeySlot, LONG_WORK, Lookup};
use crate::{
    server::NoTouch,
    store::{
        change::Event,
        observers::Interests,
        shard::{Entry, Expiry, Found, Shard, Write},
        value::{DataType, Editable, HashRef, Kind, NewValue, Value},
    },
};

impl<'c> Call<'c> {
    /// The number of keys.
    #[inline]
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// The name of a key.
    pub(crate) fn key_name(&self, key: usize) -> &'c [u8] {
        self.keys[key].name
    }

    /// Whether two of the keys are the same key of the same database.
    pub(crate) fn are_same(&self, first: usize, second: usize) -> bool {
        let (one, other) = (&self.keys[first], &self.keys[second]);
        (one.database, one.name) == (other.database, other.name)
    }

    /// The entry, for a client that reads it: counts a hit or a miss, and is an access. An expired one is hidden.
    #[inline(always)]
    pub(crate) fn read(&self, key: usize) -> Option<Entry<'_>> {
        let (slot, shard) = self.slot(key);
        let entry = self.search(slot, shard);
        shard.count(entry.is_some());
        if entry.is_none() {
            self.note_miss(slot);
        }
        self.accessed(slot, entry)
    }

    /// The value, for a client that reads it.
    ///
    /// # Errors
    /// `WRONGTYPE` if it has another type.
    #[inline(always)]
    pub(crate) fn get<T: DataType>(&self, key: usize) -> Result<Option<T::Ref<'_>>, CommandError> {
        match self.read(key) {
            Some(entry) => self.shown::<T>(entry).map(Some),
            None => Ok(None),
        }
    }

    /// The value, before the command decides what it does: no hit, no miss, no access.
    ///
    /// # Errors
    /// `WRONGTYPE` if it has another type.
    pub(crate) fn find<T: DataType>(&self, key: usize) -> Result<Option<T::Ref<'_>>, CommandError> {
        let (slot, shard) = self.slot(key);
        self.search(slot, shard).map(|entry| self.shown::<T>(entry)).transpose()
    }

    /// The entry, for a client that reads it: counts a hit or a miss, but is no access.
    #[inline]
    pub(crate) fn peek(&self, key: usize) -> Option<Entry<'_>> {
        let (slot, shard) = self.slot(key);
        let entry = self.search(slot, shard);
        shard.count(entry.is_some());
        if entry.is_none() {
            self.note_miss(slot);
        }
        entry
    }

    /// The value of an entry, without what has expired of it.
    #[inline(always)]
    pub(crate) fn shown<'s, T: DataType>(&self, entry: Entry<'s>) -> Result<T::Ref<'s>, CommandError> {
        T::read(entry).map(|value| T::hide_expired(value, || self.now()))
    }

    /// Takes back that a key was counted as a hit or a miss.
    pub(super) fn take_back_count(&self, slot: &KeySlot<'_>) {
        let (lookup, shard) = (slot.lookup.get(), self.shards.at(slot.shard));
        if lookup.is_valid(shard) {
            shard.take_back_count(lookup.live().is_some());
        }
    }

    /// Notes that a client has read a key that is missing.
    #[inline]
    fn note_miss(&self, slot: &KeySlot<'_>) {
        if self.commit.interests.has(Interests::EVENTS) {
            self.store.note_miss(self.commit, slot.database as usize, slot.name);
        }
    }

    /// The entry, for a command that modifies it: is an access.
    #[inline(always)]
    pub(crate) fn entry(&self, key: usize) -> Option<Entry<'_>> {
        let (slot, shard) = self.slot(key);
        self.accessed(slot, self.search(slot, shard))
    }

    /// Whether there is an entry.
    #[inline]
    pub(crate) fn exists(&self, key: usize) -> bool {
        self.entry(key).is_some()
    }

    /// Whether there is an entry that has expired, and is not removed yet.
    pub(crate) fn has_expired(&self, key: usize) -> bool {
        let (slot, shard) = self.slot(key);
        self.search(slot, shard).is_none() && slot.lookup.get().is_expired
    }

    /// Stores a value without an expiry.
    #[inline]
    pub(crate) fn set<'v>(&mut self, key: usize, value: impl Into<NewValue<'v>>, event: Event) {
        self.write(key, value.into(), Write::new(Expiry::Never), event);
    }

    /// Stores a value. An existing entry keeps its expiry.
    #[inline]
    pub(crate) fn replace<'v>(&mut self, key: usize, value: impl Into<NewValue<'v>>, event: Event) {
        self.write(key, value.into(), Write::new(Expiry::Keep), event);
    }

    /// Stores a value with an expiry. One that has passed removes the entry instead.
    #[inline]
    pub(crate) fn put(&mut self, key: usize, value: NewValue<'_>, expiry: Expiry, event: Event) {
        if self.is_past(expiry) {
            self.remove(key, Event::DEL);
            return;
        }
        self.write(key, value, Write::new(expiry), event);
        if matches!(expiry, Expiry::At(_)) {
            self.tell(key, Event::EXPIRE);
        }
    }

    /// Stores an entry that was taken or copied from another key, with its expiry.
    pub(crate) fn put_entry(&mut self, key: usize, entry: OwnedEntry, event: Event) {
        let write =
            Write { is_edited: entry.is_edited, ..Write::new(entry.expires_at.map_or(Expiry::Never, Expiry::At)) };
        // One that was there is removed first, without an event.
        if self.commit.is_observed() && self.find_to_write(key).is_some() {
            self.tell_new(key, event);
        }
        match entry.value {
            OwnedValue::Inline(Kind::String, bytes) => self.write(key, NewValue::Inline(&bytes), write, event),
            OwnedValue::Inline(kind, bytes) => self.write(key, NewValue::Packed(kind, &bytes), write, event),
            OwnedValue::External(value) => self.write(key, NewValue::External(value), write, event),
        }
    }

    /// Sets the time of the last access of an entry to so many seconds ago.
    pub(crate) fn set_idle(&mut self, key: usize, seconds: u64) {
        let accessed = u64::from(self.commit.lru_clock).saturating_sub(seconds);
        if let Some(found) = self.find_to_write(key) {
            self.shards.at_mut(self.keys[key].shard).touch(found, accessed as u32);
        }
    }

    /// Stores the result of a command, whatever the key has, without an expiry. An empty collection removes the entry.
    pub(crate) fn put_result<T: Editable>(&mut self, key: usize, value: T, event: Event) {
        if value.is_empty() {
            self.remove(key, Event::DEL);
        } else {
            self.create(key, value, event);
        }
    }

    /// Stores a value that was made to be edited, for a key that has none.
    pub(crate) fn create<T: Editable>(&mut self, key: usize, mut value: T, event: Event) {
        let write = Write { is_edited: true, has_room_to_grow: true, ..Write::new(Expiry::Never) };
        value.take(|value| self.write(key, value, write, event));
    }

    /// Moves the entry of one key to another, which is replaced. The events are those of the two keys.
    pub(crate) fn move_entry(&mut self, from: usize, to: usize, events: (Event, Event)) {
        if let Some(entry) = self.take(from, events.0) {
            self.put_entry(to, entry, events.1);
        }
    }

    /// Puts an external value back that was taken out. `event` is told if it was changed.
    #[inline]
    pub(super) fn put_external(&mut self, key: usize, value: Value, event: Option<Event>) {
        let Some(found) = self.find_to_write(key) else { return };
        let shard = self.shards.at_mut(self.keys[key].shard);
        if let Some(event) = event
            && value.has_expiring_fields() != shard.entry(found).has_field_links()
        {
            let write = Write { is_edited: true, ..Write::new(Expiry::Keep) };
            self.write(key, NewValue::External(value), write, event);
            return;
        }
        shard.put_external(found, value);
        if let Some(event) = event {
            shard.mark_edited(found, self.commit.lru_clock);
            self.tell(key, event);
        }
    }

    #[inline]
    pub(super) fn write(&mut self, key: usize, value: NewValue<'_>, write: Write, event: Event) {
        let now = if matches!(write.expiry, Expiry::At(_)) || value.has_expiring_fields() { self.now() } else { 0 };
        let found = self.find_to_write(key);
        let slot = &self.keys[key];
        let shard = self.shards.at_mut(slot.shard);
        let (lru_clock, is_new) = (self.commit.lru_clock, found.is_none());
        let found = match found {
            None => shard.insert(slot.hash, slot.name, value, write, (lru_clock, now)),
            Some(found) => {
                let (found, replaced) = shard.write(found, value, write, now);
                shard.touch(found, lru_clock);
                self.commit.leftovers.add(replaced);
                found
            }
        };
        slot.lookup.set(Lookup::found(found, shard));
        if is_new && self.commit.is_observed() {
            self.tell_new(key, event);
        }
        self.tell(key, event);
    }

    /// Removes the entry, and returns whether there was one.
    #[inline]
    pub(crate) fn remove(&mut self, key: usize, event: Event) -> bool {
        let Some(found) = self.find_to_write(key) else { return false };
        self.remove_found(key, found, event);
        true
    }

    /// Takes the entry out.
    pub(crate) fn take(&mut self, key: usize, event: Event) -> Option<OwnedEntry> {
        let found = self.find_to_write(key)?;
        let slot = &self.keys[key];
        let shard = self.shards.at_mut(slot.shard);
        let entry = shard.entry(found);
        let (is_edited, expires_at) = (entry.is_edited(), entry.expires_at());
        let inline = entry.inline().map(|(kind, bytes)| OwnedValue::Inline(kind, ByteString::copy_from(bytes)));
        let value = shard.take(slot.hash, found);
        slot.lookup.set(Lookup::missing(shard));
        self.tell(key, event);
        let value = inline.or(value.map(OwnedValue::External))?;
        Some(OwnedEntry { value, is_edited, expires_at })
    }

    /// Sets the expiry of the entry. One that has passed removes the entry.
    pub(crate) fn expire_at(&mut self, key: usize, expiry: Expiry) {
        let Some(found) = self.find_to_write(key) else { return };
        if self.is_past(expiry) {
            self.remove_found(key, found, Event::DEL);
            return;
        }
        let (now, event) = match expiry {
            Expiry::At(_) => (self.now(), Event::EXPIRE),
            Expiry::Never | Expiry::Keep => (0, Event::PERSIST),
        };
        if event == Event::PERSIST && self.shards.at(self.keys[key].shard).entry(found).expires_at().is_none() {
            return;
        }
        let slot = &self.keys[key];
        let shard = self.shards.at_mut(slot.shard);
        let found = shard.expire_at(found, expiry, now);
        slot.lookup.set(Lookup::found(found, shard));
        self.tell(key, event);
    }

    /// Whether an expiry that is to be set has passed already.
    #[inline]
    pub(crate) fn is_past(&self, expiry: Expiry) -> bool {
        matches!(expiry, Expiry::At(at) if at <= self.now())
    }

    fn remove_found(&mut self, key: usize, found: Found, event: Event) {
        let slot = &self.keys[key];
        let shard = self.shards.at_mut(slot.shard);
        let removed = shard.remove(slot.hash, found);
        slot.lookup.set(Lookup::missing(shard));
        self.commit.leftovers.add(removed);
        self.tell(key, event);
    }

    /// A key, and its shard.
    #[inline(always)]
    fn slot(&self, key: usize) -> (&KeySlot<'c>, &Shard) {
        let slot = &self.keys[key];
        (slot, self.shards.at(slot.shard))
    }

    /// The entry, if it has not expired. It is searched for once, and found again if entries were moved.
    #[inline(always)]
    fn search<'s>(&self, slot: &KeySlot<'_>, shard: &'s Shard) -> Option<Entry<'s>> {
        let lookup = slot.lookup.get();
        if lookup.is_valid(shard) {
            lookup.live().map(|found| shard.entry(found))
        } else {
            self.search_shard(slot, shard)
        }
    }

    #[inline(always)]
    fn search_shard<'s>(&self, slot: &KeySlot<'_>, shard: &'s Shard) -> Option<Entry<'s>> {
        let Some((found, entry)) = shard.find(slot.hash, slot.name) else {
            slot.lookup.set(Lookup::missing(shard));
            return None;
        };
        // Taken again, so that what is known of it is not kept for the few that may expire.
        let is_expired = entry.may_expire() && shard.entry(found).has_expired(self.now());
        slot.lookup.set(Lookup { is_expired, ..Lookup::found(found, shard) });
        if is_expired { None } else { Some(entry) }
    }

    /// Notes an access to an entry. Its time is set after the command.
    #[inline(always)]
    fn accessed<'s>(&self, slot: &KeySlot<'_>, entry: Option<Entry<'s>>) -> Option<Entry<'s>> {
        if let Some(entry) = &entry
            && entry.accessed() != self.commit.lru_clock
        {
            self.note_access(slot);
        }
        entry
    }

    #[cold]
    fn note_access(&self, slot: &KeySlot<'_>) {
        slot.lookup.set(Lookup { is_accessed: true, ..slot.lookup.get() });
        self.commit.has_accesses.set(true);
    }

    /// Sets the access times of the entries that were read, unless the client has turned that off.
    #[cold]
    pub(in super::super) fn touch_accessed(&mut self) {
        self.commit.has_accesses.set(false);
        if self.session.extensions().get::<NoTouch>().is_some() {
            return;
        }
        for slot in self.keys {
            let lookup = slot.lookup.take();
            let shard = self.shards.at_mut(slot.shard);
            if lookup.is_accessed
                && lookup.is_valid(shard)
                && let Some(found) = lookup.found
            {
                shard.touch(found, self.commit.lru_clock);
            }
        }
    }

    /// Where the entry is, for a command that writes it. An expired one is removed. Not inlined: commands that read are the
    /// shortest and most frequent.
    #[inline(never)]
    pub(super) fn find_to_write(&mut self, key: usize) -> Option<Found> {
        let (slot, shard) = self.slot(key);
        let mut lookup = slot.lookup.get();
        if !lookup.is_valid(shard) {
            self.search_shard(slot, shard);
            lookup = slot.lookup.get();
        }
        let Lookup { found, is_expired, .. } = lookup;
        if is_expired && let Some(found) = found {
            self.remove_expired(key, found);
            return None;
        }
        found
    }

    #[cold]
    fn remove_expired(&mut self, key: usize, found: Found) {
        let (now, slot) = (self.now(), &self.keys[key]);
        let shard = self.shards.at_mut(slot.shard);
        let entry = shard.entry(found);
        let changes = if entry.has_key_expired(now) {
            shard.count_expired();
            self.remove_found(key, found, Event::EXPIRED);
            1
        } else {
            let fields = entry.external().and_then(HashRef::of).map_or(0, HashRef::len);
            shard.count_expired_fields(fields);
            self.tell(key, Event::HEXPIRED);
            self.remove_found(key, found, Event::DEL);
            2
        };
        self.commit.record_expired(slot.database as usize, slot.name, changes);
    }

    /// Removes the fields of a hash that have expired, if others are left, before the hash is changed.
    ///
    /// # Errors
    /// One that no client sees, if they are many.
    #[cold]
    pub(super) fn remove_expired_fields(&mut self, key: usize, found: Found) -> Result<(), CommandError> {
        let (now, slot) = (self.now(), &self.keys[key]);
        let hash = self.shards.at(slot.shard).entry(found).external().and_then(HashRef::of);
        self.afford_elements(hash.map_or(0, |hash| hash.count_expired(now, LONG_WORK)))?;
        let names = self.shards.at_mut(slot.shard).remove_expired_fields(found, now, usize::MAX);
        self.tell(key, Event::HEXPIRED);
        self.commit.record_expired_fields(slot.database as usize, slot.name, names);
        Ok(())
    }
}

impl Lookup {
    fn missing(shard: &Shard) -> Self {
        Self { is_known: true, version: shard.version(), ..Self::default() }
    }

    #[inline(always)]
    fn found(found: Found, shard: &Shard) -> Self {
        Self { found: Some(found), ..Self::missing(shard) }
    }

    #[inline(always)]
    fn is_valid(self, shard: &Shard) -> bool {
        self.is_known && self.version == shard.version()
    }

    /// Where the entry is, if it has not expired.
    fn live(self) -> Option<Found> {
        self.found.filter(|_| !self.is_expired)
    }
}

/// An entry without its key, on its way from one key to another.
#[derive(Debug)]
pub(crate) struct OwnedEntry {
    value: OwnedValue,
    is_edited: bool,
    expires_at: Option<u64>,
}

/// The value of an [`OwnedEntry`].
#[derive(Debug)]
enum OwnedValue {
    Inline(Kind, ByteString),
    External(Value),
}

impl OwnedEntry {
    /// A value that was not modified in place, with an expiry in milliseconds since the Unix epoch.
    pub(crate) fn new(value: NewValue<'_>, expires_at: Option<u64>) -> Self {
        let value = match value {
            NewValue::Inline(bytes) => OwnedValue::Inline(Kind::String, ByteString::copy_from(bytes)),
            NewValue::Packed(kind, bytes) => OwnedValue::Inline(kind, ByteString::copy_from(bytes)),
            NewValue::External(value) => OwnedValue::External(value),
        };
        Self { value, is_edited: false, expires_at }
    }
}

/// Copies an entry.
impl From<Entry<'_>> for OwnedEntry {
    fn from(entry: Entry<'_>) -> Self {
        Self { is_edited: entry.is_edited(), ..Self::new(entry.value(), entry.expires_at()) }
    }
}
