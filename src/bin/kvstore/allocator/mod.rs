//! The allocator of the program.
//!
//! - `mimalloc` for what is small: up to 224 bytes
//! - [`spans`] for values: up to 64 KiB, in blocks of some sizes
//! - [`runs`] for large values: up to 16 MiB, in whole pages
//! - [`memory`] for what is larger: mappings of their own, which grow in place
//!
//! mimalloc alone rounds a size up by as much as a quarter, and a thread that frees what another one has allocated leaves it
//! to that thread to give the memory back. Here a block is at most a sixteenth larger than what it is for, any thread
//! may free it, and a [thread of its own](give_back_memory) gives free memory back to the system.

#![expect(unsafe_code, reason = "an allocator")]

mod class;
mod memory;
mod runs;
mod spans;

use std::{
    alloc::{GlobalAlloc, Layout},
    io,
    ptr::null_mut,
    thread,
    time::Duration,
};

use mimalloc::MiMalloc;

use class::Class;

/// The size from which an allocation has a mapping of its own.
const MIN_MAPPED: usize = 16 * 1024 * 1024;

/// The time that free memory is kept, since it is likely to be used again.
const KEPT: Duration = Duration::from_millis(500);

/// The global allocator.
pub(crate) struct Allocator;

/// Starts the thread that gives free memory back to the system.
///
/// # Errors
/// When the system refuses another thread.
pub(crate) fn give_back_memory() -> io::Result<()> {
    let forever = || {
        loop {
            thread::sleep(KEPT);
            spans::purge();
            runs::purge();
        }
    };
    thread::Builder::new().name("memory".to_owned()).spawn(forever).map(|_| ())
}

/// The number of bytes of memory that an allocation takes.
pub(crate) fn allocated_size(size: usize) -> usize {
    match kind(size, 1) {
        Kind::Small => class::small_size(size),
        Kind::Medium(class) => class.block_size(),
        Kind::Large | Kind::Mapped => size.next_multiple_of(memory::page_size()),
    }
}

/// Who allocates.
#[derive(PartialEq)]
enum Kind {
    Small,
    Medium(Class),
    Large,
    Mapped,
}

#[inline]
fn kind(size: usize, align: usize) -> Kind {
    if size < class::MIN_SIZE || align > class::ALIGN {
        Kind::Small
    } else if size <= class::MAX_SIZE {
        Kind::Medium(Class::of(size))
    } else if size < MIN_MAPPED {
        Kind::Large
    } else {
        Kind::Mapped
    }
}

// SAFETY: each part returns memory of the layout that is used by nobody else, or null. A block goes back to where it came from:
// the layout says where that is, and the address if the spans had to leave it to mimalloc.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match kind(layout.size(), layout.align()) {
            // SAFETY: as the caller promised.
            Kind::Small => unsafe { MiMalloc.alloc(layout) },
            // SAFETY: as the caller promised.
            Kind::Medium(class) => spans::allocate(class).unwrap_or_else(|| unsafe { MiMalloc.alloc(layout) }),
            // SAFETY: as the caller promised.
            Kind::Large => runs::allocate(layout.size()).unwrap_or_else(|| unsafe { MiMalloc.alloc(layout) }),
            Kind::Mapped => memory::map(layout.size()).unwrap_or(null_mut()),
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match kind(layout.size(), layout.align()) {
            // SAFETY: as the caller promised.
            Kind::Small => unsafe { MiMalloc.alloc_zeroed(layout) },
            // SAFETY: as the caller promised.
            kind => unsafe {
                let block = self.alloc(layout);
                if kind != Kind::Mapped && !block.is_null() {
                    block.write_bytes(0, layout.size());
                }
                block
            },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match kind(layout.size(), layout.align()) {
            Kind::Medium(class) if spans::own(block) => spans::free(block, class),
            Kind::Large if runs::own(block) => runs::free(block, layout.size()),
            // SAFETY: `alloc` has mapped it.
            Kind::Mapped => unsafe { memory::unmap(block, layout.size()) },
            // SAFETY: the block came from mimalloc.
            _ => unsafe { MiMalloc.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (kind(layout.size(), layout.align()), kind(size, layout.align())) {
            // SAFETY: the block came from mimalloc, and stays there.
            (Kind::Small, Kind::Small) => unsafe { MiMalloc.realloc(block, layout, size) },
            (Kind::Medium(before), Kind::Medium(after)) if before == after && spans::own(block) => block,
            (Kind::Large, Kind::Large) if runs::grow(block, layout.size(), size) => block,
            // SAFETY: `alloc` has mapped it.
            (Kind::Mapped, Kind::Mapped) => unsafe { memory::remap(block, layout.size(), size) },
            // SAFETY: as the caller promised. A size that overflows with its alignment is not allocated.
            _ => unsafe { self.move_block(block, layout, size) },
        }
    }
}

impl Allocator {
    /// Allocates another block and moves the bytes there.
    ///
    /// # Safety
    /// As for `realloc`.
    unsafe fn move_block(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(after) = Layout::from_size_align(size, layout.align()) else { return null_mut() };
        // SAFETY: the new block has at least so many bytes, as the old one does, and they do not overlap.
        unsafe {
            let moved = self.alloc(after);
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
    use std::sync::mpsc;

    use super::*;

    /// Sizes around every limit, and others.
    fn sizes() -> impl Iterator<Item = usize> + Clone {
        let edges = (0..25).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]);
        edges.chain([224, 239, 240, 3000, 100_000, 500_000, 40_000_000]).filter(|size| *size > 0)
    }

    #[test]
    fn blocks_keep_their_bytes_while_others_come_and_go() {
        let mut blocks: Vec<Vec<u8>> = Vec::new();
        for round in 0..4 {
            for (index, size) in sizes().enumerate().filter(|(index, _)| index % 4 >= round) {
                blocks.push(vec![index as u8; size]);
            }
            blocks.retain(|block| block[0] % 4 != round as u8);
            spans::purge();
            runs::purge();
        }
        assert!(blocks.iter().all(|block| block.iter().all(|byte| *byte == block[0])));
    }

    #[test]
    fn a_block_that_grows_and_shrinks_keeps_its_bytes() {
        let mut block: Vec<u8> = Vec::new();
        for size in sizes().chain(sizes().collect::<Vec<_>>().into_iter().rev()) {
            let kept = block.len().min(size);
            block.truncate(size);
            block.shrink_to_fit();
            block.reserve_exact(size - kept);
            assert!(block.iter().enumerate().all(|(at, byte)| *byte == at as u8), "at {size}");
            block.extend((kept..size).map(|at| at as u8));
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
        for size in sizes() {
            let words = vec![1_u128; size.div_ceil(16)];
            assert!(words.as_ptr().addr() % 16 == 0 && words.iter().all(|word| *word == 1), "{size}");
        }
    }

    #[test]
    fn another_thread_frees_blocks() {
        let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(16);
        let freer = thread::spawn(move || receiver.iter().all(|block| block.iter().all(|byte| *byte == block[0])));
        for (index, size) in sizes().filter(|size| *size < 100_000).cycle().take(10_000).enumerate() {
            sender.send(vec![index as u8; size]).expect("the other thread receives");
        }
        drop(sender);
        assert!(freer.join().expect("it does not panic"));
    }

    #[test]
    fn an_allocation_takes_little_more_than_its_size() {
        for size in (300..2_000_000).step_by(97).chain([3_000_000, MIN_MAPPED - 1, MIN_MAPPED]) {
            let taken = allocated_size(size);
            assert!(taken >= size && taken <= size + size / 15 + 24, "{taken} for {size}");
        }
    }
}
