//! Directories: vectors that grow in bounded steps.

/// The length from which a directory is not copied any more.
const LONG: usize = 16 * 1024;

/// Adds an item to a directory that never has more than `most`.
///
/// A vector is copied each time it doubles, which takes milliseconds where a shard has millions of entries. A directory that
/// is long gets the room for all items at once. The room is address space: it takes no memory until it is used.
pub(super) fn push<T>(items: &mut Vec<T>, item: T, most: usize) {
    if items.len() == items.capacity() && items.len() >= LONG {
        // Without the address space it doubles as any vector.
        let _ = items.try_reserve_exact(most.saturating_sub(items.len()));
    }
    items.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most bytes that one of so many steps copies.
    fn most_copied<T>(steps: usize, item: impl Fn() -> T, most: usize) -> usize {
        let mut items = Vec::new();
        let mut copied = 0;
        for _ in 0..steps {
            let before = (items.as_ptr(), items.capacity(), size_of_val(&items[..]));
            push(&mut items, item(), most);
            if (items.as_ptr(), items.capacity()) != (before.0, before.1) {
                copied = copied.max(before.2);
            }
        }
        copied
    }

    #[test]
    fn no_step_copies_much_where_a_shard_has_a_hundred_million_entries() {
        // Records of 96 bytes in chunks of 32 KiB, each with a description of 32 bytes.
        let chunks = 100_000_000 / (32 * 1024 / 96);
        assert!(most_copied(chunks, || [0_u8; 32], 1 << 20) <= 512 * 1024);
        // Eight entries in a bucket, and 64 buckets behind a pointer with a length.
        assert!(most_copied(100_000_000 / 8 / 64, || [0_u64; 2], 1 << 22) <= 256 * 1024);
    }

    #[test]
    fn a_directory_without_room_for_all_grows_on() {
        assert_eq!(most_copied(LONG * 4, || 0_u64, usize::MAX), LONG * 2 * 8);
        assert_eq!(most_copied(LONG * 4, || 0_u64, 0), LONG * 2 * 8);
    }
}
