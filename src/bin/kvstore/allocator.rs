//! The allocator of the program: each block comes from the library that keeps blocks of its size best.
//!
//! - mimalloc for short blocks, which nearly every command allocates, and for the pieces of the store's tables and records: it
//!   is the fastest, and keeps them in huge pages.
//! - jemalloc for values and buffers. mimalloc gives the memory of a block back to the system only when the thread that has
//!   allocated it allocates again; threads of jemalloc give it back, whatever the others do.
//! - The C library for very long blocks: each is a mapping of its own, which grows without a copy.

#![expect(unsafe_code, reason = "an allocator")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::{CStr, c_char},
    io, thread,
    time::Duration,
};

use mimalloc::MiMalloc;
use tikv_jemalloc_sys::nallocx;
use tikv_jemallocator::Jemalloc;

/// The longest short block.
const MAX_SHORT: usize = 192;

/// The size of the pieces that the records of the store are in.
const CHUNK: usize = 32 * 1024;

/// The alignment of the pieces that the tables of the store are made of: a cache line.
const CACHE_LINE: usize = 64;

/// The size of a very long block.
const MIN_MAPPED: usize = 4 * 1024 * 1024;

/// The number of bytes that a page of memory has at least.
const PAGE: usize = 4096;

/// The settings of jemalloc. Memory that is free for half a second is given back, by threads that do nothing else. Blocks whose
/// size is a power of two are taken four pages at a time and not one, since jemalloc keeps 128 bytes for each piece of memory.
const SETTINGS: &CStr = c"background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,\
    slab_sizes:256-256:4|512-512:4|1024-1024:4|2048-2048:4";

/// Where jemalloc finds its settings.
// SAFETY: jemalloc expects a pointer to a C string under this name.
#[unsafe(export_name = "_rjem_malloc_conf")]
static CONFIGURATION: Option<&c_char> = Some(unsafe { &*SETTINGS.as_ptr() });

/// Has the C library map every very long block, also after one was freed. Called before the first thread is started.
pub(crate) fn set_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number, and refuses one that is out of range.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MIN_MAPPED as libc::c_int);
    }
}

/// How often mimalloc is asked to give memory back.
const COLLECT_INTERVAL: Duration = Duration::from_secs(1);

unsafe extern "C" {
    /// Gives memory back that is not in use. Of the memory of other threads, that of those which have ended.
    fn mi_collect(force: bool);
}

/// Starts a thread that gives the memory of short blocks back to the system, as the threads of jemalloc do for others: blocks
/// that a thread has allocated which has ended since, and that others have freed.
///
/// # Errors
/// If the thread cannot be started.
pub(crate) fn start_collecting() -> io::Result<()> {
    let collect = || {
        loop {
            thread::sleep(COLLECT_INTERVAL);
            // SAFETY: any thread may call it. This one owns no blocks that it would visit.
            unsafe { mi_collect(true) }
        }
    };
    thread::Builder::new().name("kvstore-collect".to_owned()).spawn(collect).map(drop)
}

/// The global allocator.
pub(crate) struct Allocator;

/// The number of bytes of memory that an allocation takes.
pub(crate) fn allocated_size(size: usize) -> usize {
    // What is left of the last pages of a large block is not touched.
    if size < CHUNK {
        // SAFETY: any size above 0 is fine.
        unsafe { nallocx(size.max(1), 0) }
    } else {
        size.next_multiple_of(PAGE)
    }
}

/// The library that a block comes from.
#[derive(PartialEq)]
enum Library {
    Mimalloc,
    Jemalloc,
    System,
}

impl Library {
    #[inline(always)]
    fn of(size: usize, align: usize) -> Self {
        if size <= MAX_SHORT || size == CHUNK || align >= CACHE_LINE {
            Self::Mimalloc
        } else if size < MIN_MAPPED {
            Self::Jemalloc
        } else {
            Self::System
        }
    }

    #[inline(always)]
    fn of_layout(layout: Layout) -> Self {
        Self::of(layout.size(), layout.align())
    }
}

// SAFETY: each library is an allocator, and the layout says from which one a block has come.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe {
            match Library::of_layout(layout) {
                Library::Mimalloc => MiMalloc.alloc(layout),
                Library::Jemalloc => Jemalloc.alloc(layout),
                Library::System => System.alloc(layout),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        unsafe {
            match Library::of_layout(layout) {
                Library::Mimalloc => MiMalloc.alloc_zeroed(layout),
                Library::Jemalloc => Jemalloc.alloc_zeroed(layout),
                Library::System => System.alloc_zeroed(layout),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe {
            match Library::of_layout(layout) {
                Library::Mimalloc => MiMalloc.dealloc(block, layout),
                Library::Jemalloc => Jemalloc.dealloc(block, layout),
                Library::System => System.dealloc(block, layout),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (before, after) = (Library::of_layout(layout), Library::of(size, layout.align()));
        // SAFETY: as the caller promised.
        unsafe {
            match before {
                _ if before != after => self.move_block(block, layout, size),
                Library::Mimalloc => MiMalloc.realloc(block, layout, size),
                Library::Jemalloc => Jemalloc.realloc(block, layout, size),
                Library::System => System.realloc(block, layout, size),
            }
        }
    }
}

impl Allocator {
    /// Moves a block to another library.
    ///
    /// # Safety
    /// As for `realloc`.
    #[cold]
    unsafe fn move_block(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promised that the size is valid. Both blocks have at least the bytes that are copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes on both sides of every limit, and others.
    fn sizes() -> impl DoubleEndedIterator<Item = usize> + Clone {
        let limits = [1, MAX_SHORT, 4000, CHUNK, 1_000_000, MIN_MAPPED - 1, 2 * MIN_MAPPED];
        limits.into_iter().flat_map(|size| [size, size + 1])
    }

    #[test]
    fn a_block_that_grows_and_shrinks_keeps_its_bytes() {
        let mut block: Vec<u8> = Vec::new();
        for size in sizes().chain(sizes().rev()) {
            block.truncate(size);
            block.shrink_to_fit();
            block.reserve_exact(size - block.len());
            assert!(block.iter().enumerate().all(|(at, byte)| *byte == at as u8), "at {size}");
            block.extend((block.len()..size).map(|at| at as u8));
        }
    }

    #[test]
    fn zeroed_blocks_are_zero_though_others_were_there() {
        for size in sizes() {
            drop(vec![1_u8; size]);
            assert!(vec![0_u8; size].iter().all(|byte| *byte == 0), "{size}");
        }
    }

    #[test]
    fn blocks_are_aligned() {
        for (size, align) in sizes().flat_map(|size| [16, 64, 4096].map(|align| (size, align))) {
            let layout = Layout::from_size_align(size, align).expect("it is valid");
            // SAFETY: the size is not 0, and the block is freed with its layout.
            unsafe {
                let block = Allocator.alloc(layout);
                assert!(!block.is_null() && block.addr().is_multiple_of(align), "{layout:?}");
                Allocator.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn an_allocation_takes_at_least_its_size_and_at_most_a_quarter_more() {
        for size in sizes().chain((1..200_000).step_by(97)) {
            let taken = allocated_size(size);
            assert!(taken >= size && taken <= size + size / 4 + 16, "{taken} for {size}");
        }
    }
}
