//! Blocks of 64 KiB to 16 MiB: runs of whole pages, side by side.
//!
//! Addresses for four terabytes are reserved at the first use. Of the runs of free pages the shortest that fits is used. What is
//! free stays memory for a while, until [`purge`] gives it back to the system; its addresses are used again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::memory;

/// The number of bytes of addresses.
const RESERVED: usize = 1 << 42;

/// Where the addresses start; `None` if the system refuses so many, as some limits make it do.
static START: OnceLock<Option<Start>> = OnceLock::new();

static FREE: Mutex<FreeRuns> = Mutex::new(FreeRuns { by_offset: BTreeMap::new(), by_length: BTreeSet::new() });

#[derive(Clone, Copy)]
struct Start(*mut u8);

// SAFETY: an address alone. What is there is guarded by the lock, or owned by those who have allocated it.
unsafe impl Send for Start {}
// SAFETY: the same.
unsafe impl Sync for Start {}

/// The runs of free pages. No two are neighbours, but for those that are given back at the moment.
///
/// Their nodes are small allocations, so that they do not come from here.
struct FreeRuns {
    by_offset: BTreeMap<usize, Free>,
    /// The lengths and offsets.
    by_length: BTreeSet<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Free {
    length: usize,
    /// The length of its start that may be memory.
    dirty: usize,
}

/// Allocates a block. `None` if there are no addresses for it.
pub(super) fn allocate(size: usize) -> Option<*mut u8> {
    let start = (*START.get_or_init(reserve))?;
    let offset = lock().take(length_of(size))?;
    Some(start.0.wrapping_add(offset))
}

/// Whether a block is one of these.
pub(super) fn own(block: *mut u8) -> bool {
    offset_of(block).is_some()
}

/// Frees a block.
pub(super) fn free(block: *mut u8, size: usize) {
    if let Some(offset) = offset_of(block) {
        lock().put(offset, Free::dirty(length_of(size)));
    }
}

/// Gives a block another size where it is. Returns whether the pages behind it allow that.
pub(super) fn grow(block: *mut u8, size: usize, wanted: usize) -> bool {
    let (length, wanted) = (length_of(size), length_of(wanted));
    let Some(offset) = offset_of(block) else { return false };
    if wanted >= length {
        return wanted == length || lock().take_at(offset + length, wanted - length);
    }
    lock().put(offset + wanted, Free::dirty(length - wanted));
    true
}

/// Gives the memory of free runs back to the system.
pub(super) fn purge() {
    let Some(start) = START.get().copied().flatten() else { return };
    let mut from = 0;
    loop {
        // Nobody gets the run meanwhile, and nobody waits for the system.
        let Some((offset, length)) = lock().take_dirty(from) else { return };
        memory::give_back(start.0, offset..offset + length);
        lock().put(offset, Free { length, dirty: 0 });
        from = offset + length;
    }
}

fn lock() -> MutexGuard<'static, FreeRuns> {
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn length_of(size: usize) -> usize {
    size.next_multiple_of(memory::page_size())
}

fn offset_of(block: *mut u8) -> Option<usize> {
    let start = START.get().copied().flatten()?;
    Some(block.addr().wrapping_sub(start.0.addr())).filter(|offset| *offset < RESERVED)
}

#[cold]
fn reserve() -> Option<Start> {
    let start = memory::reserve(RESERVED)?;
    memory::prefer_huge_pages(start, 0..RESERVED, true);
    lock().put(0, Free { length: RESERVED, dirty: 0 });
    Some(Start(start))
}

impl Free {
    fn dirty(length: usize) -> Self {
        Self { length, dirty: length }
    }

    /// The rest, without its start.
    fn without(self, start: usize) -> Self {
        Self { length: self.length - start, dirty: self.dirty.saturating_sub(start) }
    }

    fn followed_by(self, next: Self) -> Self {
        let dirty = if next.dirty > 0 { self.length + next.dirty } else { self.dirty };
        Self { length: self.length + next.length, dirty }
    }
}

impl FreeRuns {
    /// Takes the shortest run that fits, or the start of it.
    fn take(&mut self, length: usize) -> Option<usize> {
        let (_, offset) = *self.by_length.range((length, 0)..).next()?;
        self.take_at(offset, length).then_some(offset)
    }

    /// Takes the pages at an offset, if a free run that starts there has so many.
    fn take_at(&mut self, offset: usize, length: usize) -> bool {
        let Some(free) = self.by_offset.get(&offset).copied().filter(|free| free.length >= length) else {
            return false;
        };
        self.remove(offset, free.length);
        if free.length > length {
            self.insert(offset + length, free.without(length));
        }
        true
    }

    /// Takes the first run from an offset on that may be memory, as far as it may.
    fn take_dirty(&mut self, from: usize) -> Option<(usize, usize)> {
        let (offset, free) = self.by_offset.range(from..).find(|(_, free)| free.dirty > 0)?;
        let (offset, dirty) = (*offset, free.dirty);
        self.take_at(offset, dirty).then_some((offset, dirty))
    }

    /// Adds a run, and joins it with its neighbours.
    fn put(&mut self, mut offset: usize, mut run: Free) {
        let before = self.by_offset.range(..offset).next_back().map(|(offset, free)| (*offset, *free));
        let after = self.by_offset.get(&(offset + run.length)).map(|free| (offset + run.length, *free));
        if let Some((start, free)) = before.filter(|(start, free)| start + free.length == offset) {
            self.remove(start, free.length);
            (offset, run) = (start, free.followed_by(run));
        }
        if let Some((start, free)) = after {
            self.remove(start, free.length);
            run = run.followed_by(free);
        }
        self.insert(offset, run);
    }

    fn insert(&mut self, offset: usize, free: Free) {
        self.by_offset.insert(offset, free);
        self.by_length.insert((free.length, offset));
    }

    fn remove(&mut self, offset: usize, length: usize) {
        self.by_offset.remove(&offset);
        self.by_length.remove(&(length, offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn free_runs(pages: usize) -> FreeRuns {
        let mut runs = FreeRuns { by_offset: BTreeMap::new(), by_length: BTreeSet::new() };
        runs.put(0, Free { length: pages * PAGE, dirty: 0 });
        runs
    }

    fn shown(runs: &FreeRuns) -> Vec<(usize, usize, usize)> {
        assert_eq!(runs.by_offset.len(), runs.by_length.len());
        runs.by_offset.iter().map(|(offset, free)| (offset / PAGE, free.length / PAGE, free.dirty / PAGE)).collect()
    }

    #[test]
    fn the_shortest_run_that_fits_is_taken_and_neighbours_are_joined() {
        let mut runs = free_runs(100);
        for (pages, offset) in [(5, 0), (2, 5), (3, 7), (1, 10)] {
            assert_eq!(runs.take(pages * PAGE), Some(offset * PAGE));
        }
        runs.put(0, Free::dirty(5 * PAGE));
        runs.put(7 * PAGE, Free::dirty(3 * PAGE));
        assert_eq!(shown(&runs), [(0, 5, 5), (7, 3, 3), (11, 89, 0)]);
        assert_eq!(runs.take(2 * PAGE), Some(7 * PAGE));
        runs.put(5 * PAGE, Free::dirty(2 * PAGE));
        runs.put(10 * PAGE, Free::dirty(PAGE));
        assert_eq!(shown(&runs), [(0, 7, 7), (9, 91, 2)]);
        runs.put(7 * PAGE, Free::dirty(2 * PAGE));
        assert_eq!(shown(&runs), [(0, 100, 11)]);
        assert_eq!(runs.take(101 * PAGE), None);
    }

    #[test]
    fn only_what_may_be_memory_is_given_back() {
        let mut runs = free_runs(100);
        assert_eq!((runs.take(4 * PAGE), runs.take(4 * PAGE)), (Some(0), Some(4 * PAGE)));
        runs.put(4 * PAGE, Free::dirty(4 * PAGE));
        assert_eq!(runs.take_dirty(0), Some((4 * PAGE, 4 * PAGE)));
        assert_eq!((runs.take_dirty(0), shown(&runs)), (None, vec![(8, 92, 0)]));
        runs.put(4 * PAGE, Free { length: 4 * PAGE, dirty: 0 });
        runs.put(0, Free::dirty(4 * PAGE));
        assert_eq!(shown(&runs), [(0, 100, 4)]);
    }

    #[test]
    fn a_block_grows_and_shrinks_where_it_is() {
        let mut runs = free_runs(100);
        assert_eq!((runs.take(4 * PAGE), runs.take_at(4 * PAGE, 3 * PAGE)), (Some(0), true));
        assert_eq!((runs.take(PAGE), runs.take_at(7 * PAGE, PAGE)), (Some(7 * PAGE), false));
    }

    #[test]
    fn memory_that_is_given_back_is_zero() {
        let Some(block) = allocate(1 << 20) else { return };
        let mut bytes = vec![1_u8; 1 << 20];
        assert!(own(block) && own(bytes.as_mut_ptr()) && !own([0_u8; 8].as_mut_ptr()));
        free(block, 1 << 20);
        purge();
        bytes.push(1);
        assert!(bytes.iter().all(|byte| *byte == 1));
    }
}
