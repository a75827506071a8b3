//! The memory of the system: mappings.

use std::{ops::Range, ptr::null_mut};

use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap, munmap};

pub(super) fn page_size() -> usize {
    rustix::param::page_size()
}

/// Maps zeros, in huge pages as far as these are written.
pub(super) fn map(size: usize) -> Option<*mut u8> {
    let mapping = map_with(size, MapFlags::PRIVATE)?;
    prefer_huge_pages(mapping, 0..size, true);
    Some(mapping)
}

/// Maps so many bytes of addresses, of which only those that are written become memory.
pub(super) fn reserve(size: usize) -> Option<*mut u8> {
    map_with(size, MapFlags::PRIVATE | MapFlags::NORESERVE)
}

fn map_with(size: usize, flags: MapFlags) -> Option<*mut u8> {
    // SAFETY: a new mapping, which no other memory is part of.
    let mapping = unsafe { mmap_anonymous(null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, flags) };
    mapping.ok().map(<*mut _>::cast)
}

/// Unmaps what was mapped with this size.
///
/// # Safety
/// Nothing uses it.
pub(super) unsafe fn unmap(mapping: *mut u8, size: usize) {
    // SAFETY: the caller promised it.
    if unsafe { munmap(mapping.cast(), size) }.is_err() {
        // The kernel has no room for another gap between mappings: the memory is freed, and the addresses stay.
        give_back(mapping, 0..size);
    }
}

/// Gives a mapping another size, without a copy. Returns null if there is no memory.
///
/// # Safety
/// As for `realloc`.
pub(super) unsafe fn remap(mapping: *mut u8, size: usize, wanted: usize) -> *mut u8 {
    // SAFETY: the caller promised it.
    unsafe { mremap(mapping.cast(), size, wanted, MremapFlags::MAYMOVE) }.map_or(null_mut(), <*mut _>::cast)
}

/// Gives the whole pages of a part of a mapping back to the system. They are zeros afterwards.
pub(super) fn give_back(mapping: *mut u8, range: Range<usize>) {
    let page = page_size();
    let (start, end) = (range.start.next_multiple_of(page), range.end / page * page);
    if start < end {
        advise(mapping, start..end, Advice::LinuxDontNeed);
    }
}

/// Asks for large or for small pages, which a mapping then gets when it is written.
pub(super) fn prefer_huge_pages(mapping: *mut u8, range: Range<usize>, is_preferred: bool) {
    advise(mapping, range, if is_preferred { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage });
}

fn advise(mapping: *mut u8, range: Range<usize>, advice: Advice) {
    // SAFETY: the callers own this part of the mapping, and nothing in it is used.
    let advised = unsafe { madvise(mapping.wrapping_add(range.start).cast(), range.len(), advice) };
    // Only speed and size depend on it.
    advised.ok();
}
