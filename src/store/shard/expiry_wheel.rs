//! [`ExpiryWheel`]: a hierarchical timer wheel over the entries of a shard that have an expiry.
//!
//! One wheel has the keys with an expiry, another the hashes of which a field has one, by the earliest.
//!
//! Each level has sixteen lists, for four bits of the expiry. An entry is on the level of the highest bits in which its expiry
//! differs from the current time of the wheel. When the time reaches a list, its entries cascade to a lower level one by one;
//! those of the lowest level have expired.
//!
//! The lists are linked through the records, so an expiry takes no memory outside its record, and is set, changed and removed
//! in constant time.

use std::{cmp::Reverse, marker::PhantomData};

use super::record::{Links, OfKey, Tail};
use crate::store::memory::Slab;

/// The number of bits of an expiry that choose the list of a level.
const BITS: u32 = 4;

const LEVELS: usize = (u64::BITS / BITS) as usize;
const LISTS: usize = 1 << BITS;

/// No record.
const NONE: u32 = u32::MAX;

/// The entries with an expiry, in the order of their expiries, and the sum of these.
#[derive(Debug)]
pub(super) struct ExpiryWheel<L = OfKey> {
    wheels: Option<Box<Wheels<L>>>,
    count: usize,
    total: u128,
}

#[derive(Debug)]
struct Wheels<L> {
    /// The current time of the wheel, in milliseconds since the Unix epoch.
    reached: u64,
    /// The first record of each list.
    heads: [u32; LEVELS * LISTS],
    /// For each level, one bit for each list that is not empty.
    filled: [u16; LEVELS],
    /// Where the links are in the records.
    links: PhantomData<L>,
}

/// A step of active expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The entry of this record has expired.
    Record(u32),
    /// An entry was moved to a lower level.
    Cascaded,
}

impl<L: Links> ExpiryWheel<L> {
    /// Sets the expiry of a record that has none, but room for one.
    pub(super) fn insert(&mut self, slab: &mut Slab, handle: u32, expires_at: u64, now: u64) {
        let wheels = self.wheels.get_or_insert_default();
        if self.count == 0 {
            // What has expired already is due at once.
            wheels.reached = now.min(expires_at);
        }
        wheels.link(slab, handle, expires_at);
        self.count += 1;
        self.total += u128::from(expires_at);
    }

    /// Removes the expiry of a record, which keeps the room for it.
    pub(super) fn remove(&mut self, slab: &mut Slab, handle: u32) {
        let Some(wheels) = &mut self.wheels else { return };
        let expires_at = wheels.unlink(slab, handle);
        self.count -= 1;
        self.total -= u128::from(expires_at);
    }

    /// Changes the expiry of a record that has one.
    pub(super) fn change(&mut self, slab: &mut Slab, handle: u32, expires_at: u64) {
        let Some(wheels) = &mut self.wheels else { return };
        let record = slab.get_mut(handle);
        let tail = L::tail(record);
        self.total = self.total - u128::from(tail.expires_at) + u128::from(expires_at);
        // The new expiry is usually about as far away as the old one, and the list the same.
        if L::list(record) == wheels.list(expires_at) {
            L::set_tail(record, Tail { expires_at, ..tail });
        } else {
            wheels.unlink(slab, handle);
            wheels.link(slab, handle, expires_at);
        }
    }

    /// Updates the links to a record with an expiry that was moved.
    pub(super) fn relocate(&mut self, slab: &mut Slab, handle: u32) {
        let Some(wheels) = &mut self.wheels else { return };
        let record = slab.get(handle);
        let (list, tail) = (L::list(record), L::tail(record));
        wheels.set_next(slab, list, tail.previous, handle);
        set_previous::<L>(slab, tail.next, handle);
    }

    /// The next step of active expiry; `None` if nothing has expired until `now`.
    pub(super) fn next_due(&mut self, slab: &mut Slab, now: u64) -> Option<Due> {
        let wheels = self.wheels.as_mut()?;
        let (start, Reverse(level), list) = wheels.earliest()?;
        if start > now {
            wheels.reached = wheels.reached.max(now);
            return None;
        }
        wheels.reached = wheels.reached.max(start);
        let handle = wheels.heads[level * LISTS + list];
        if level == 0 {
            return Some(Due::Record(handle));
        }
        let expires_at = wheels.unlink(slab, handle);
        wheels.link(slab, handle, expires_at);
        Some(Due::Cascaded)
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The sum of all expiries.
    pub(super) fn total(&self) -> u128 {
        self.total
    }
}

impl<L> Default for ExpiryWheel<L> {
    fn default() -> Self {
        Self { wheels: None, count: 0, total: 0 }
    }
}

impl<L> Default for Wheels<L> {
    fn default() -> Self {
        Self { reached: 0, heads: [NONE; LEVELS * LISTS], filled: [0; LEVELS], links: PhantomData }
    }
}

impl<L: Links> Wheels<L> {
    /// The list for an expiry: its level, and the digit of the expiry on that level.
    fn list(&self, expires_at: u64) -> u8 {
        // If the clock was set back, the expiry may be before the time of the wheel: it is due at once.
        let expires_at = expires_at.max(self.reached);
        let level = (u64::BITS - 1).saturating_sub((expires_at ^ self.reached).leading_zeros()) / BITS;
        let digit = (expires_at >> (level * BITS)) as usize % LISTS;
        (level as usize * LISTS + digit) as u8
    }

    /// The list with the earliest start, and that start. Of several the one of the highest level: it may have the earliest
    /// expiry.
    fn earliest(&self) -> Option<(u64, Reverse<usize>, usize)> {
        let filled = self.filled.iter().enumerate().filter(|(_, lists)| **lists != 0);
        let firsts = filled.map(|(level, lists)| {
            let (list, shift) = (lists.trailing_zeros() as usize, level as u32 * BITS);
            let above = u64::MAX.checked_shl(shift + BITS).unwrap_or(0);
            (self.reached & above | (list as u64) << shift, Reverse(level), list)
        });
        firsts.min()
    }

    fn link(&mut self, slab: &mut Slab, handle: u32, expires_at: u64) {
        let list = self.list(expires_at);
        let next = self.heads[usize::from(list)];
        let record = slab.get_mut(handle);
        L::link(record, list, Tail { expires_at, previous: NONE, next });
        set_previous::<L>(slab, next, handle);
        self.set_next(slab, list, NONE, handle);
    }

    /// Unlinks a record from its list, and returns its expiry.
    fn unlink(&mut self, slab: &mut Slab, handle: u32) -> u64 {
        let record = slab.get_mut(handle);
        let (list, tail) = (L::list(record), L::tail(record));
        L::unlink(record);
        set_previous::<L>(slab, tail.next, tail.previous);
        self.set_next(slab, list, tail.previous, tail.next);
        tail.expires_at
    }

    /// Sets the successor of a record, or the first record of a list.
    fn set_next(&mut self, slab: &mut Slab, list: u8, previous: u32, next: u32) {
        if previous != NONE {
            let record = slab.get_mut(previous);
            L::set_tail(record, Tail { next, ..L::tail(record) });
            return;
        }
        let (level, bit) = (usize::from(list) / LISTS, 1 << (usize::from(list) % LISTS));
        self.heads[usize::from(list)] = next;
        self.filled[level] = if next == NONE { self.filled[level] & !bit } else { self.filled[level] | bit };
    }
}

fn set_previous<L: Links>(slab: &mut Slab, handle: u32, previous: u32) {
    if handle != NONE {
        let record = slab.get_mut(handle);
        L::set_tail(record, Tail { previous, ..L::tail(record) });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::store::shard::record::Header;

    const NOW: u64 = 1_700_000_000_000;

    fn record(slab: &mut Slab) -> u32 {
        let handle = slab.allocate(4);
        Header::new(4, 1, 0).write(slab.get_mut(handle));
        handle
    }

    /// The records that have expired until `now`, in the order in which they are found.
    fn due(wheel: &mut ExpiryWheel<OfKey>, slab: &mut Slab, now: u64) -> Vec<u32> {
        let mut found = Vec::new();
        while let Some(due) = wheel.next_due(slab, now) {
            if let Due::Record(handle) = due {
                wheel.remove(slab, handle);
                found.push(handle);
            }
        }
        found
    }

    #[test]
    fn entries_expire_in_the_order_of_their_expiries() {
        let (mut slab, mut wheel, mut model) = (Slab::default(), ExpiryWheel::<OfKey>::default(), BTreeMap::new());
        let mut random = 1_u64;
        let mut draw = |bits: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 40) & ((1 << bits) - 1)
        };
        let (mut now, mut passed) = (NOW, 0);
        for step in 0..20_000 {
            let bits = step % 20;
            let expires_at = now + 1 + draw(bits);
            match draw(2) {
                0 => {
                    let handle = record(&mut slab);
                    wheel.insert(&mut slab, handle, expires_at, now);
                    model.insert(handle, expires_at);
                }
                1 => {
                    if let Some(handle) = model.keys().nth(draw(5) as usize).copied() {
                        wheel.change(&mut slab, handle, expires_at);
                        model.insert(handle, expires_at);
                    }
                }
                2 => {
                    if let Some(handle) = model.keys().nth(draw(5) as usize).copied() {
                        wheel.remove(&mut slab, handle);
                        model.remove(&handle);
                    }
                }
                _ => {
                    now += draw(6) * draw(4);
                    let expected: BTreeSet<u32> =
                        model.iter().filter(|(_, expires_at)| **expires_at <= now).map(|(handle, _)| *handle).collect();
                    let found = due(&mut wheel, &mut slab, now);
                    assert!(found.is_sorted_by_key(|handle| model[handle]));
                    passed += found.len();
                    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
                    model.retain(|_, expires_at| *expires_at > now);
                }
            }
            assert_eq!(
                (wheel.len(), wheel.total()),
                (model.len(), model.values().map(|expires_at| u128::from(*expires_at)).sum())
            );
        }
        assert!(passed > 1000, "{passed}");
    }

    #[test]
    fn the_latest_expiries_are_found() {
        let (mut slab, mut wheel) = (Slab::default(), ExpiryWheel::<OfKey>::default());
        for expires_at in [u64::MAX, i64::MAX as u64, NOW + 1] {
            let handle = record(&mut slab);
            wheel.insert(&mut slab, handle, expires_at, NOW);
        }
        assert_eq!(due(&mut wheel, &mut slab, NOW), []);
        assert_eq!(due(&mut wheel, &mut slab, NOW + 1).len(), 1);
        assert_eq!(due(&mut wheel, &mut slab, i64::MAX as u64 - 1), []);
        assert_eq!(due(&mut wheel, &mut slab, i64::MAX as u64).len(), 1);
        assert_eq!(due(&mut wheel, &mut slab, u64::MAX).len(), 1);
        assert_eq!((wheel.len(), wheel.total()), (0, 0));
    }

    #[test]
    fn what_has_expired_when_it_is_inserted_is_due_at_once() {
        let (mut slab, mut wheel) = (Slab::default(), ExpiryWheel::<OfKey>::default());
        let handle = record(&mut slab);
        wheel.insert(&mut slab, handle, NOW - 5, NOW);
        assert_eq!(due(&mut wheel, &mut slab, NOW - 1), [handle]);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_no_expiry() {
        let (mut slab, mut wheel) = (Slab::default(), ExpiryWheel::<OfKey>::default());
        let [late, early] = [(); 2].map(|()| record(&mut slab));
        wheel.insert(&mut slab, late, NOW + 5000, NOW);
        assert_eq!(due(&mut wheel, &mut slab, NOW + 1000), []);
        wheel.insert(&mut slab, early, NOW + 500, NOW);
        assert_eq!(due(&mut wheel, &mut slab, NOW + 400), []);
        assert_eq!(due(&mut wheel, &mut slab, NOW + 1000), [early]);
        assert_eq!(due(&mut wheel, &mut slab, NOW + 5000), [late]);
    }

    #[test]
    fn a_moved_record_stays_in_its_list() {
        let (mut slab, mut wheel) = (Slab::default(), ExpiryWheel::<OfKey>::default());
        let records: Vec<u32> = (0..10).map(|_| record(&mut slab)).collect();
        records.iter().for_each(|handle| wheel.insert(&mut slab, *handle, NOW + 7, NOW));
        for handle in [records[4], records[0], records[6]] {
            wheel.remove(&mut slab, handle);
            if slab.free(handle).is_some() {
                wheel.relocate(&mut slab, handle);
            }
        }
        let found = due(&mut wheel, &mut slab, NOW + 7);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), records[..7].iter().copied().collect());
    }
}
