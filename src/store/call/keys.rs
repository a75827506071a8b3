//! The entries of the keys of a call: reading, storing, removing.

use kvstore_protocol::{ByteString, Command, CommandError, catalog::Flags};

use super::{Call, Lookup};
use crate::store::{
    change::Event,
    shard::{Entry, Expiry, Found, Write},
    value::{DataType, Editable, NewValue, Value},
};

impl<'c> Call<'c> {
    /// The number of keys.
    #[inline]
    pub(crate) fn keys(&self) -> usize {
        self.keys.len()
    }

    /// Whether two of the keys are the same key of the same database.
    pub(crate) fn are_same(&self, first: usize, second: usize) -> bool {
        let (one, other) = (&self.keys[first], &self.keys[second]);
        (one.database, one.name) == (other.database, other.name)
    }

    /// The entry, for a client that reads it: counts a hit or a miss, and is an access.
    #[inline(always)]
    pub(crate) fn read(&mut self, key: usize) -> Option<Entry<'_>> {
        let found = self.find(key, true);
        let shard = self.shards.at(self.keys[key].shard);
        shard.count(found.is_some());
        found.map(|found| shard.entry(found))
    }

    /// The value, for a client that reads it.
    ///
    /// # Errors
    /// `WRONGTYPE` if it has another type.
    #[inline(always)]
    pub(crate) fn get<T: DataType>(&mut self, key: usize) -> Result<Option<T::Ref<'_>>, CommandError> {
        self.read(key).map(T::read).transpose()
    }

    /// The values of all keys together. Each is counted as a hit or a miss, and is an access.
    pub(crate) fn get_all<T: DataType>(&mut self) -> impl Iterator<Item = Result<Option<T::Ref<'_>>, CommandError>> {
        (0..self.keys()).for_each(|key| _ = self.read(key));
        if self.row.flags().has(Flags::WRITE) {
            // An expired entry may have been removed, and then others were moved.
            (0..self.keys()).for_each(|key| _ = self.find_to_write(key, false));
        }
        let call = &*self;
        call.keys.iter().zip(&*call.lookups).map(move |(slot, lookup)| {
            lookup.found.map(|found| T::read(call.shards.peek(slot.shard).entry(found))).transpose()
        })
    }

    /// The entry, for a client that reads it: counts a hit or a miss, but is no access.
    #[inline]
    pub(crate) fn peek(&mut self, key: usize) -> Option<Entry<'_>> {
        let found = self.find(key, false);
        let shard = self.shards.at(self.keys[key].shard);
        shard.count(found.is_some());
        found.map(|found| shard.entry(found))
    }

    /// The entry, for a command that modifies it: is an access.
    #[inline(always)]
    pub(crate) fn entry(&mut self, key: usize) -> Option<Entry<'_>> {
        let found = self.find_to_write(key, true)?;
        Some(self.shards.at(self.keys[key].shard).entry(found))
    }

    /// Whether there is an entry.
    #[inline]
    pub(crate) fn exists(&mut self, key: usize) -> bool {
        self.find_to_write(key, true).is_some()
    }

    /// Whether there is an entry that has expired, and is not removed yet.
    pub(crate) fn has_expired(&mut self, key: usize) -> bool {
        let now = self.now();
        let slot = &self.keys[key];
        let found = self.shards.peek(slot.shard).find(slot.hash, slot.name);
        found.is_some_and(|(_, facts)| facts.expires_at.is_some_and(|at| at <= now))
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
        self.write(key, value, Write::new(expiry), event);
        if matches!(expiry, Expiry::At(_)) && self.commit.is_observed() && self.exists(key) {
            self.tell(key, Event::EXPIRE);
        }
    }

    /// Stores an entry that was taken or copied from another key, with its expiry.
    pub(crate) fn put_entry(&mut self, key: usize, entry: OwnedEntry, event: Event) {
        let write = Write { is_edited: entry.is_edited, ..Write::new(entry.expires_at.map_or(Expiry::Never, Expiry::At)) };
        match entry.value {
            OwnedValue::Inline(string) => self.write(key, NewValue::Inline(&string), write, event),
            OwnedValue::External(value) => self.write(key, NewValue::External(value), write, event),
        }
    }

    /// Stores a value that was made to be edited, for a key that has none.
    pub(crate) fn create<T: Editable>(&mut self, key: usize, value: T, event: Event) {
        let write = Write { is_edited: true, has_room_to_grow: true, ..Write::new(Expiry::Never) };
        value.with(|value| self.write(key, value, write, event));
    }

    /// Moves the entry of one key to another, which is replaced. The events are those of the two keys.
    pub(crate) fn move_entry(&mut self, from: usize, to: usize, events: (Event, Event)) {
        if let Some(entry) = self.take(from, events.0) {
            self.put_entry(to, entry, events.1);
        }
    }

    #[inline]
    pub(super) fn write(&mut self, key: usize, value: NewValue<'_>, write: Write, event: Event) {
        let now = match write.expiry {
            Expiry::At(at) => {
                let now = self.now();
                if at <= now {
                    self.remove(key, Event::DEL);
                    return;
                }
                now
            }
            Expiry::Never | Expiry::Keep => 0,
        };
        let found = self.find_to_write(key, false);
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        let lru_clock = self.commit.lru_clock;
        let found = match found {
            None => shard.insert(slot.hash, slot.name, value, write, (lru_clock, now)),
            Some(found) => {
                let (found, replaced) = shard.write(found, value, write, now);
                shard.touch(found, lru_clock);
                self.commit.garbage.add(replaced);
                found
            }
        };
        self.lookups[key].remember(Some(found), shard.version());
        self.tell(key, event);
    }

    /// Removes the entry, and returns whether there was one.
    #[inline]
    pub(crate) fn remove(&mut self, key: usize, event: Event) -> bool {
        let Some(found) = self.find_to_write(key, false) else { return false };
        self.remove_found(key, found, event);
        true
    }

    /// Takes the entry out.
    pub(crate) fn take(&mut self, key: usize, event: Event) -> Option<OwnedEntry> {
        let found = self.find_to_write(key, false)?;
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        let entry = shard.entry(found);
        let (is_edited, expires_at) = (entry.is_edited(), entry.expires_at());
        let inline = entry.inline_string().map(ByteString::copy_from);
        let value = shard.remove(slot.hash, found);
        self.lookups[key].remember(None, shard.version());
        self.tell(key, event);
        let value = inline.map(OwnedValue::Inline).or(value.map(OwnedValue::External))?;
        Some(OwnedEntry { value, is_edited, expires_at })
    }

    /// Sets the expiry of the entry. One that has passed removes the entry.
    pub(crate) fn expire_at(&mut self, key: usize, expiry: Expiry) {
        let Some(found) = self.find_to_write(key, false) else { return };
        let (now, event) = match expiry {
            Expiry::At(at) => {
                let now = self.now();
                if at <= now {
                    self.remove(key, Event::DEL);
                    return;
                }
                (now, Event::EXPIRE)
            }
            Expiry::Never | Expiry::Keep => (0, Event::PERSIST),
        };
        if event == Event::PERSIST && self.shards.at(self.keys[key].shard).entry(found).expires_at().is_none() {
            return;
        }
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        let found = shard.expire_at(found, expiry, now);
        self.lookups[key].remember(Some(found), shard.version());
        self.tell(key, event);
    }

    fn remove_found(&mut self, key: usize, found: Found, event: Event) {
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        let removed = shard.remove(slot.hash, found);
        self.lookups[key].remember(None, shard.version());
        self.commit.garbage.add(removed);
        self.tell(key, event);
    }

    /// Where the entry is. `touches` says whether this is an access.
    #[inline(always)]
    fn find(&mut self, key: usize, touches: bool) -> Option<Found> {
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        let lookup = &mut self.lookups[key];
        if lookup.is_known && lookup.version == shard.version() {
            return self.found_again(key, touches);
        }
        let Some((found, facts)) = shard.find(slot.hash, slot.name) else {
            lookup.remember(None, shard.version());
            return None;
        };
        lookup.remember(Some(found), shard.version());
        if let Some(at) = facts.expires_at
            && at <= self.now()
        {
            return self.hide(key, found);
        }
        if touches && facts.accessed != self.commit.lru_clock {
            self.touch(key, found);
        }
        Some(found)
    }

    /// The same, not inlined: for commands that write. Those that read are the shortest and most frequent.
    #[inline(never)]
    pub(super) fn find_to_write(&mut self, key: usize, touches: bool) -> Option<Found> {
        self.find(key, touches)
    }

    #[cold]
    fn found_again(&mut self, key: usize, touches: bool) -> Option<Found> {
        let found = self.lookups[key].found;
        if let (Some(found), true) = (found, touches) {
            self.touch(key, found);
        }
        found
    }

    #[inline(never)]
    fn touch(&mut self, key: usize, found: Found) {
        if self.touches() {
            let lru_clock = self.commit.lru_clock;
            self.shards.at(self.keys[key].shard).touch(found, lru_clock);
        }
    }

    /// Hides an expired entry from a command that reads, and removes it for one that writes.
    #[cold]
    fn hide(&mut self, key: usize, found: Found) -> Option<Found> {
        let slot = &self.keys[key];
        let shard = self.shards.at(slot.shard);
        if !self.row.flags().has(Flags::WRITE) {
            self.lookups[key].remember(None, shard.version());
            return None;
        }
        shard.count_expired();
        self.remove_found(key, found, Event::EXPIRED);
        if self.commit.is_observed() {
            self.commit.record(slot.database as usize, Command::new("DEL").arg(slot.name));
        }
        None
    }
}

impl Lookup {
    #[inline]
    fn remember(&mut self, found: Option<Found>, version: u32) {
        *self = Self { is_known: true, version, found };
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
    Inline(ByteString),
    External(Value),
}

/// Copies an entry.
impl From<Entry<'_>> for OwnedEntry {
    fn from(entry: Entry<'_>) -> Self {
        let value = match entry.value() {
            NewValue::Inline(bytes) => OwnedValue::Inline(ByteString::copy_from(bytes)),
            NewValue::External(value) => OwnedValue::External(value),
        };
        Self { value, is_edited: entry.is_edited(), expires_at: entry.expires_at() }
    }
}
