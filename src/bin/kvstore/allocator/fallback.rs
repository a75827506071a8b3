//! The allocator where the system is not Linux: mimalloc alone.

use std::io;

pub(crate) use mimalloc::MiMalloc as Allocator;

/// mimalloc gives memory back by itself, when its threads allocate.
pub(crate) fn give_back_memory() -> io::Result<()> {
    Ok(())
}

/// The number of bytes of memory that an allocation takes: four sizes up to each power of two.
pub(crate) fn allocated_size(size: usize) -> usize {
    let size = size.max(16);
    size.next_multiple_of(1 << ((size - 1).ilog2().saturating_sub(2)))
}
