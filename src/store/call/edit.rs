//! [`Edit`]: a value that is changed in place.

use std::ops::Deref;

use kvstore_protocol::CommandError;

use super::Call;
use crate::store::{
    change::Event,
    shard::{Expiry, Found, Write},
    value::Editable,
};

/// The value of a key, taken out of its entry for as long as the command changes it.
///
/// When this is dropped, a changed value is put back, wherever its entry is by then, the change is told, and the memory is
/// counted. A collection that was left empty is removed, and its key with it.
pub(crate) struct Edit<'e, 'c, T: Editable> {
    call: &'e mut Call<'c>,
    key: usize,
    value: T,
    /// Whether it was taken out of its entry, and is not a copy of a short one.
    is_external: bool,
    event: Event,
    is_changed: bool,
}

/// Whether a result says that something was changed.
pub(crate) trait Changed {
    fn is_change(&self) -> bool;
}

impl Changed for () {
    fn is_change(&self) -> bool {
        true
    }
}

impl Changed for bool {
    fn is_change(&self) -> bool {
        *self
    }
}

impl Changed for usize {
    fn is_change(&self) -> bool {
        *self > 0
    }
}

impl<T> Changed for Option<T> {
    fn is_change(&self) -> bool {
        self.is_some()
    }
}

impl<T, E> Changed for Result<T, E> {
    fn is_change(&self) -> bool {
        self.is_ok()
    }
}

impl<'c> Call<'c> {
    /// The value of a key, to change it; `None` if there is none. `event` is told if it is changed.
    ///
    /// # Errors
    /// `WRONGTYPE` if it has another type.
    pub(crate) fn edit<T: Editable>(
        &mut self,
        key: usize,
        event: Event,
    ) -> Result<Option<Edit<'_, 'c, T>>, CommandError> {
        let Some(found) = self.find_to_write(key) else { return Ok(None) };
        self.open(key, found, event).map(Some)
    }

    /// The same; an empty value if there is none. It is stored if it is changed.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(crate) fn edit_or_create<T: Editable + Default>(
        &mut self,
        key: usize,
        event: Event,
    ) -> Result<Edit<'_, 'c, T>, CommandError> {
        match self.find_to_write(key) {
            Some(found) => self.open(key, found, event),
            None => {
                let (value, is_external) = (T::default(), false);
                Ok(Edit { call: self, key, value, is_external, event, is_changed: false })
            }
        }
    }

    #[inline]
    fn open<T: Editable>(&mut self, key: usize, found: Found, event: Event) -> Result<Edit<'_, 'c, T>, CommandError> {
        let shard = self.shards.at_mut(self.keys[key].shard);
        let entry = shard.entry(found);
        T::read(entry)?;
        if entry.has_field_links() {
            let earliest = entry.earliest_field_expiry();
            if earliest.is_some_and(|at| at < self.now()) {
                self.remove_expired_fields(key, found)?;
            }
        }
        let shard = self.shards.at_mut(self.keys[key].shard);
        let (value, is_external) = match shard.take_external(found) {
            Some(value) => (T::from_external(value), true),
            None => {
                let (kind, bytes) = shard.entry(found).inline().unwrap_or_default();
                (T::from_inline(kind, bytes), false)
            }
        };
        Ok(Edit { call: self, key, value, is_external, event, is_changed: false })
    }
}

impl<T: Editable> Edit<'_, '_, T> {
    /// Changes the value. The result says whether there was a change: a number of changes, a flag, what was removed.
    pub(crate) fn update<R: Changed>(&mut self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value);
        self.is_changed |= result.is_change();
        result
    }

    /// Declares, before the first change, how many bytes it copies, or entries it visits: see [`Call::afford`].
    ///
    /// # Errors
    /// One that no client sees.
    pub(crate) fn afford(&mut self, work: usize) -> Result<(), CommandError> {
        self.call.afford(work)
    }

    /// The same for what is answered: see [`Call::afford_answer`].
    ///
    /// # Errors
    /// Those of [`Call::afford_answer`].
    pub(crate) fn afford_answer(&mut self, bytes: usize) -> Result<(), CommandError> {
        self.call.afford_answer(bytes)
    }

    /// Whether the command may make a string of so many bytes.
    #[inline]
    pub(crate) fn admits_string(&self, length: usize) -> bool {
        self.call.admits_string(length)
    }

    /// Has another event told if it is changed.
    pub(crate) fn set_event(&mut self, event: Event) {
        self.event = event;
    }

    fn put_back(&mut self) {
        let Self { call, key, value, is_external, event, is_changed } = self;
        if *is_changed && value.is_empty() {
            call.tell(*key, *event);
            call.remove(*key, Event::DEL);
        } else if *is_external && let Some(value) = value.take_external() {
            call.put_external(*key, value, is_changed.then_some(*event));
        } else if *is_changed {
            let write = Write { is_edited: true, has_room_to_grow: true, ..Write::new(Expiry::Keep) };
            value.take(|value| call.write(*key, value, write, *event));
        }
    }
}

impl<T: Editable> Deref for Edit<'_, '_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Editable> Drop for Edit<'_, '_, T> {
    fn drop(&mut self) {
        self.put_back();
    }
}
