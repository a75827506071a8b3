//! [`Class`]: the sizes of blocks.

/// The smallest and the largest size that has a class. Shorter values are in the records of the store.
pub(super) const MIN_SIZE: usize = 225;
pub(super) const MAX_SIZE: usize = 64 * 1024;

/// The size of every block is a multiple of this, and every block is aligned to it.
pub(super) const ALIGN: usize = 16;

/// The number of tiers. The spans of each are [`GROWTH`] times as large as those of the one before.
pub(super) const TIERS: usize = 4;

/// The number of classes of a tier.
pub(super) const CLASSES: usize = 33;

/// The most blocks of a span, and the fewest. A block of the fewest is as large as a span of the tier before it divided by this.
pub(super) const MAX_BLOCKS: usize = 256;
const MIN_BLOCKS: usize = MAX_BLOCKS / GROWTH;
const GROWTH: usize = 4;

/// The size of the spans of the first tier.
const FIRST_SPAN: usize = 64 * 1024;

const _: () = assert!(span_size(TIERS - 1) / MIN_BLOCKS == MAX_SIZE);

/// The blocks of one size: the tier of their spans, and their number in a span.
///
/// A span is divided without a rest, and neighbouring numbers of blocks differ by a sixteenth, so little memory is wasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    tier: usize,
    blocks: usize,
}

/// The size of the spans of a tier.
pub(super) const fn span_size(tier: usize) -> usize {
    FIRST_SPAN << (2 * tier)
}

impl Class {
    /// The class of blocks for a size up to [`MAX_SIZE`].
    #[inline]
    pub(super) fn of(size: usize) -> Self {
        let size = size.next_multiple_of(ALIGN);
        // The first tier has blocks of up to 1 KiB.
        let excess = (size - 1) >> (FIRST_SPAN / MIN_BLOCKS).ilog2();
        let tier = (usize::BITS - excess.leading_zeros()).div_ceil(2) as usize;
        let fitting = (span_size(tier) as u32 / size as u32).min(MAX_BLOCKS as u32) as usize;
        let step = if fitting < MAX_BLOCKS / 2 { 4 } else { 8 };
        Self { tier, blocks: fitting & !(step - 1) }
    }

    /// All classes of a tier.
    pub(super) fn all(tier: usize) -> impl Iterator<Item = Self> {
        let numbers = (MIN_BLOCKS..MAX_BLOCKS / 2).step_by(4).chain((MAX_BLOCKS / 2..=MAX_BLOCKS).step_by(8));
        numbers.map(move |blocks| Self { tier, blocks })
    }

    #[inline]
    pub(super) fn tier(self) -> usize {
        self.tier
    }

    /// The number of the class in its tier.
    #[inline]
    pub(super) fn index(self) -> usize {
        let half = MAX_BLOCKS / 2;
        match self.blocks {
            blocks if blocks < half => (blocks - MIN_BLOCKS) / 4,
            blocks => (half - MIN_BLOCKS) / 4 + (blocks - half) / 8,
        }
    }

    /// The number of blocks in a span.
    #[inline]
    pub(super) fn blocks(self) -> usize {
        self.blocks
    }

    #[inline]
    pub(super) fn span_size(self) -> usize {
        span_size(self.tier)
    }

    #[inline]
    pub(super) fn block_size(self) -> usize {
        (self.span_size() as u32 / self.blocks as u32) as usize & !(ALIGN - 1)
    }
}

/// The size of mimalloc's block for a size below [`MIN_SIZE`]: eight bytes each up to 64, and then four sizes up to each power
/// of two.
pub(super) fn small_size(size: usize) -> usize {
    let words = size.div_ceil(8).max(1);
    if words <= 8 {
        return words.next_multiple_of(if words == 1 { 1 } else { 2 }) * 8;
    }
    let step = 1 << ((words - 1).ilog2() - 2);
    words.next_multiple_of(step) * 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_large_enough_and_little_larger() {
        for size in MIN_SIZE..=MAX_SIZE {
            let class = Class::of(size);
            let block = class.block_size();
            assert!(block >= size && block <= size + size / 15 + ALIGN || block == 256, "{block} for {size}");
            assert!(class.tier() < TIERS && class.index() < CLASSES && class.blocks() <= MAX_BLOCKS);
            assert!(class.blocks() * block <= class.span_size());
        }
    }

    #[test]
    fn classes_have_numbers_of_their_own() {
        let mut last = Class::of(MIN_SIZE);
        for size in MIN_SIZE..=MAX_SIZE {
            let class = Class::of(size);
            let same = (class.tier(), class.index()) == (last.tier(), last.index());
            assert_eq!(same, class == last, "{size}");
            last = class;
        }
    }

    #[test]
    fn small_sizes_are_those_of_mimalloc() {
        for (size, block) in [(1, 8), (8, 8), (9, 16), (24, 32), (64, 64), (65, 80), (112, 112), (130, 160), (230, 256)]
        {
            assert_eq!(small_size(size), block, "{size}");
        }
    }
}
