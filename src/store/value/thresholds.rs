//! [`Thresholds`]: up to which size a collection is stored in one run of bytes.

use std::sync::atomic::{AtomicI64, Ordering};

use super::{
    packed::Packed,
    stream::{MAX_ENTRY, NodeLimit},
};

/// The number of a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threshold {
    HashEntries,
    HashValue,
    SetIntegers,
    SetEntries,
    SetValue,
    SortedSetEntries,
    SortedSetValue,
    /// The size of a chunk of a list: a number of elements, or -1 to -5 for 4, 8, 16, 32, 64 KiB.
    ListSize,
    /// The number of chunks at each end of a list that Redis leaves uncompressed. It has no effect: no chunk is compressed.
    ListCompression,
    /// The most bytes of a HyperLogLog that is sparse.
    SparseHyperLogLog,
    /// The bytes of a node of a stream, and its entries. Without a limit if it is 0.
    StreamBytes,
    StreamEntries,
}

/// The thresholds of a store. CONFIG SET changes them; collections that exist are converted when they are changed next.
#[derive(Debug)]
pub(crate) struct Thresholds([AtomicI64; 12]);

/// The most elements of a packed collection, and the most bytes of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedLimit {
    pub(crate) entries: usize,
    pub(crate) value: usize,
}

/// The most of what is stored in one chunk of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkLimit {
    /// So many elements, and 8 KiB.
    Elements(usize),
    /// So many bytes.
    Bytes(usize),
}

/// The most elements of a packed collection, whatever the setting is: their number takes two bytes.
const MAX_ENTRIES: usize = Packed::MAX_LEN - 1;

impl Thresholds {
    /// The value of a threshold, as CONFIG shows it.
    pub(crate) fn get(&self, threshold: Threshold) -> i64 {
        self.0[threshold as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, threshold: Threshold, value: i64) {
        self.0[threshold as usize].store(value, Ordering::Relaxed);
    }

    /// The limit of a hash. An entry is a field and its value.
    pub(crate) fn hash(&self) -> PackedLimit {
        self.limit(Threshold::HashEntries, Threshold::HashValue)
    }

    pub(crate) fn set_limit(&self) -> PackedLimit {
        self.limit(Threshold::SetEntries, Threshold::SetValue)
    }

    /// The most members of a set of integers.
    pub(crate) fn set_integers(&self) -> usize {
        self.size(Threshold::SetIntegers)
    }

    /// The limit of a sorted set. An entry is a member and its score.
    pub(crate) fn sorted_set(&self) -> PackedLimit {
        self.limit(Threshold::SortedSetEntries, Threshold::SortedSetValue)
    }

    pub(crate) fn chunk(&self) -> ChunkLimit {
        match self.get(Threshold::ListSize) {
            size @ 1.. => ChunkLimit::Elements(size as usize),
            0 => ChunkLimit::Elements(1),
            level => ChunkLimit::Bytes(2048 << level.saturating_neg().min(5)),
        }
    }

    /// The most bytes of a HyperLogLog that is sparse.
    pub(crate) fn sparse_hyperloglog(&self) -> usize {
        self.size(Threshold::SparseHyperLogLog)
    }

    /// The limit of a node of a stream.
    pub(crate) fn node(&self) -> NodeLimit {
        let size = |threshold, most| match self.size(threshold) {
            0 => most,
            size => size.min(most),
        };
        NodeLimit {
            bytes: size(Threshold::StreamBytes, MAX_ENTRY),
            entries: size(Threshold::StreamEntries, usize::MAX),
        }
    }

    fn limit(&self, entries: Threshold, value: Threshold) -> PackedLimit {
        // A field and a value, or a member and a score, are two elements.
        PackedLimit { entries: self.size(entries).min(MAX_ENTRIES / 2), value: self.size(value) }
    }

    fn size(&self, threshold: Threshold) -> usize {
        self.get(threshold).max(0) as usize
    }
}

/// The defaults of Redis.
impl Default for Thresholds {
    fn default() -> Self {
        Self([512, 64, 512, 128, 64, 128, 64, -2, 0, 3000, 4096, 100].map(AtomicI64::new))
    }
}

impl ChunkLimit {
    /// The most bytes of a chunk. An element that is longer has a chunk of its own.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Elements(_) => 8192,
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Whether a chunk may have so many bytes and elements.
    pub(crate) fn admits(self, bytes: usize, elements: usize) -> bool {
        let has_room = match self {
            Self::Elements(most) => elements <= most,
            Self::Bytes(_) => true,
        };
        has_room && bytes <= self.bytes()
    }

    /// Half of the limit.
    pub(crate) fn halved(self) -> Self {
        match self {
            Self::Elements(most) => Self::Elements(most / 2),
            Self::Bytes(most) => Self::Bytes(most / 2),
        }
    }
}

impl PackedLimit {
    /// Whether an element may be this long.
    pub(crate) fn admits(&self, element: &[u8]) -> bool {
        element.len() <= self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_chunk_is_a_number_of_elements_or_of_bytes() {
        let thresholds = Thresholds::default();
        for (size, limit) in [
            (-1, ChunkLimit::Bytes(4096)),
            (-2, ChunkLimit::Bytes(8192)),
            (-5, ChunkLimit::Bytes(65536)),
            (i64::MIN, ChunkLimit::Bytes(65536)),
            (0, ChunkLimit::Elements(1)),
            (128, ChunkLimit::Elements(128)),
        ] {
            thresholds.set(Threshold::ListSize, size);
            assert_eq!(thresholds.chunk(), limit, "{size}");
        }
    }

    #[test]
    fn a_packed_collection_has_a_bounded_number_of_entries() {
        let thresholds = Thresholds::default();
        assert_eq!(thresholds.hash(), PackedLimit { entries: 512, value: 64 });
        thresholds.set(Threshold::HashEntries, i64::MAX);
        assert_eq!(thresholds.hash().entries, 32_767);
    }
}
