//! [`Slab`]: records of bytes in chunks, each chunk for records of one length.
//!
//! A handle of four bytes names a record: its chunk, and its offset there. The records of one length are stored without gaps:
//! when one is freed, the last one is moved there, and its new handle is returned. So chunks become empty from the last on,
//! and an empty chunk is freed.

use std::ops::Range;

use super::{directory, prefetch::prefetch_bytes};

/// The length of every record is a multiple of this.
pub(in crate::store) const GRANULE: usize = 8;

/// The length of the longest record, in granules.
pub(in crate::store) const MAX_GRANULES: usize = 64;

/// The length of a chunk.
const CHUNK: usize = 32 * 1024;

/// The least length of the first chunk for a length of records. It doubles up to a whole chunk, so that few take little memory.
const LEAST_CHUNK: usize = 64;

/// The number of bits of a handle that are the granule in the chunk. The others are the number of the chunk.
const GRANULE_BITS: u32 = (CHUNK / GRANULE).ilog2();

/// The number of chunks from which on nothing more should be stored. What is left is for the commands that are under way, and
/// for records that move.
const FULL: usize = MAX_CHUNKS / 16 * 15;

/// The most chunks: all but the last number, so that no handle is `u32::MAX`.
const MAX_CHUNKS: usize = (1 << (u32::BITS - GRANULE_BITS)) - 1;

const _: () = assert!(CHUNK.is_power_of_two() && MAX_GRANULES <= u8::MAX as usize);

/// A record that was moved into a freed one, and has its handle now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Relocated {
    pub(in crate::store) from: u32,
    pub(in crate::store) to: u32,
}

/// Records of bytes.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Slab {
    chunks: Vec<Chunk>,
    /// The index is the number of granules of a record.
    classes: Vec<Class>,
    /// The numbers of chunks that were freed.
    vacant: Vec<u32>,
    /// One free chunk is kept, so that an entry that is created and removed in turn does not allocate a chunk each time.
    spare: Option<Vec<u8>>,
    /// The bytes of all chunks.
    allocated: usize,
    /// How many more chunks than [`FULL`] count as too many, for tests.
    #[cfg(test)]
    pub(in crate::store) lowered_by: usize,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    bytes: Vec<u8>,
    /// The number of granules of a record. A byte, so that the compiler knows that no sum with it overflows.
    granules: u8,
}

/// The records of one length.
#[derive(Clone, Debug, Default)]
struct Class {
    chunks: Vec<u32>,
    /// The number of records in the last chunk. The others are full.
    fill: usize,
}

impl Slab {
    /// Whether nothing more should be stored: the records take over 30 GiB.
    #[inline]
    pub(in crate::store) fn is_full(&self) -> bool {
        let used = self.chunks.len() - self.vacant.len();
        #[cfg(test)]
        let used = used + self.lowered_by;
        used > FULL
    }

    /// Lets the slab be full from `chunks` chunks on.
    #[cfg(test)]
    pub(in crate::store) fn set_full_from(&mut self, chunks: usize) {
        self.lowered_by = FULL + 1 - chunks;
    }

    /// Allocates a record of so many granules. Its bytes are arbitrary.
    ///
    /// # Panics
    /// If the slab would exceed 32 GiB.
    pub(in crate::store) fn allocate(&mut self, granules: usize) -> u32 {
        if self.classes.len() <= granules {
            self.classes.resize_with(granules + 1, Class::default);
        }
        if !self.has_room(granules) {
            self.make_room(granules);
        }
        let class = &mut self.classes[granules];
        class.fill += 1;
        class.last(granules)
    }

    /// Frees a record. If another one is moved there, the former handle of that one is returned.
    pub(in crate::store) fn free(&mut self, handle: u32) -> Option<u32> {
        let granules = usize::from(self.chunks[chunk_of(handle)].granules);
        let class = &mut self.classes[granules];
        let last = class.last(granules);
        class.fill -= 1;
        let is_empty = class.fill == 0;
        if last != handle {
            self.copy(last, handle, granules * GRANULE);
        }
        if is_empty {
            self.release_chunk(granules);
        }
        (last != handle).then_some(last)
    }

    #[inline]
    pub(in crate::store) fn get(&self, handle: u32) -> &[u8] {
        let chunk = &self.chunks[chunk_of(handle)];
        &chunk.bytes[chunk.range(handle)]
    }

    #[inline]
    pub(in crate::store) fn get_mut(&mut self, handle: u32) -> &mut [u8] {
        let chunk = &mut self.chunks[chunk_of(handle)];
        let range = chunk.range(handle);
        &mut chunk.bytes[range]
    }

    /// Two records of different lengths: one to copy from, one to copy to.
    pub(in crate::store) fn get_two(&mut self, from: u32, to: u32) -> (&[u8], &mut [u8]) {
        let pair = self.chunks.get_disjoint_mut([chunk_of(from), chunk_of(to)]);
        let [source, target] = pair.expect("records of different lengths are in different chunks");
        let (from, to) = (source.range(from), target.range(to));
        (&source.bytes[from], &mut target.bytes[to])
    }

    /// The last record of the same length.
    pub(in crate::store) fn last_like(&self, handle: u32) -> Option<u32> {
        let granules = usize::from(self.chunks[chunk_of(handle)].granules);
        self.classes.get(granules).filter(|class| class.fill > 0).map(|class| class.last(granules))
    }

    /// The memory of the records, in bytes.
    pub(in crate::store) fn memory(&self) -> usize {
        self.allocated + self.chunks.capacity() * size_of::<Chunk>() + self.classes.capacity() * size_of::<Class>()
    }

    /// Prefetches a record.
    #[inline]
    pub(in crate::store) fn prefetch(&self, handle: u32) {
        prefetch_bytes(self.get(handle));
    }

    /// All records.
    pub(in crate::store) fn iter(&self) -> impl Iterator<Item = u32> {
        self.classes.iter().enumerate().flat_map(|(granules, class)| {
            let last = class.chunks.len().saturating_sub(1);
            class.chunks.iter().enumerate().flat_map(move |(index, chunk)| {
                let records = if index == last { class.fill } else { per_chunk(granules) };
                (0..records).map(move |record| handle_of(*chunk, record * granules))
            })
        })
    }

    /// The record at an index among all of them.
    pub(in crate::store) fn nth(&self, mut index: usize) -> Option<u32> {
        for (granules, class) in self.classes.iter().enumerate().filter(|(_, class)| !class.chunks.is_empty()) {
            let per_chunk = per_chunk(granules);
            let records = (class.chunks.len() - 1) * per_chunk + class.fill;
            if index < records {
                return Some(handle_of(class.chunks[index / per_chunk], index % per_chunk * granules));
            }
            index -= records;
        }
        None
    }

    #[inline]
    fn has_room(&self, granules: usize) -> bool {
        let class = &self.classes[granules];
        let last = class.chunks.last().map(|chunk| self.chunks[*chunk as usize].bytes.len());
        last.is_some_and(|length| (class.fill + 1) * granules * GRANULE <= length)
    }

    #[cold]
    fn make_room(&mut self, granules: usize) {
        let class = &mut self.classes[granules];
        if let [only] = class.chunks[..] {
            let bytes = &mut self.chunks[only as usize].bytes;
            if bytes.len() < CHUNK {
                let length = bytes.len() * 2;
                bytes.reserve_exact(length - bytes.len());
                bytes.resize(length, 0);
                self.allocated += length / 2;
                return;
            }
        }
        let bytes = match class.chunks.is_empty() {
            true => vec![0; (granules * GRANULE).next_power_of_two().max(LEAST_CHUNK)],
            false => self.spare.take().unwrap_or_else(|| vec![0; CHUNK]),
        };
        self.allocated += bytes.len();
        let number = self.vacant.pop().unwrap_or(self.chunks.len() as u32);
        if number as usize == self.chunks.len() {
            assert!(self.chunks.len() < MAX_CHUNKS, "the records of a shard take over 32 GiB");
            directory::push(&mut self.chunks, Chunk::default(), MAX_CHUNKS);
        }
        self.chunks[number as usize] = Chunk { bytes, granules: granules as u8 };
        directory::push(&mut class.chunks, number, MAX_CHUNKS);
        class.fill = 0;
    }

    /// Frees the last chunk for a length, which is empty.
    #[cold]
    fn release_chunk(&mut self, granules: usize) {
        let class = &mut self.classes[granules];
        let Some(number) = class.chunks.pop() else { return };
        class.fill = if class.chunks.is_empty() { 0 } else { per_chunk(granules) };
        let Chunk { bytes, .. } = std::mem::take(&mut self.chunks[number as usize]);
        self.allocated -= bytes.len();
        if bytes.len() == CHUNK {
            self.spare = Some(bytes);
        }
        directory::push(&mut self.vacant, number, MAX_CHUNKS);
    }

    fn copy(&mut self, from: u32, to: u32, length: usize) {
        let (source, target) = (offset_of(from), offset_of(to));
        if chunk_of(from) == chunk_of(to) {
            self.chunks[chunk_of(from)].bytes.copy_within(source..source + length, target);
        } else {
            let (source, target) = self.get_two(from, to);
            target.copy_from_slice(source);
        }
    }
}

impl Chunk {
    /// The bytes of a record.
    #[inline]
    fn range(&self, handle: u32) -> Range<usize> {
        let start = offset_of(handle);
        start..start + usize::from(self.granules) * GRANULE
    }
}

impl Class {
    /// The handle of the last record.
    #[inline]
    fn last(&self, granules: usize) -> u32 {
        let chunk = self.chunks.last().expect("a class with a record has a chunk");
        handle_of(*chunk, (self.fill - 1) * granules)
    }
}

fn per_chunk(granules: usize) -> usize {
    CHUNK / (granules * GRANULE)
}

#[inline]
fn handle_of(chunk: u32, granule: usize) -> u32 {
    chunk << GRANULE_BITS | granule as u32
}

#[inline]
fn chunk_of(handle: u32) -> usize {
    (handle >> GRANULE_BITS) as usize
}

#[inline]
fn offset_of(handle: u32) -> usize {
    (handle & ((1 << GRANULE_BITS) - 1)) as usize * GRANULE
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn chunks(slab: &Slab) -> usize {
        slab.chunks.iter().filter(|chunk| !chunk.bytes.is_empty()).count()
    }

    fn write(slab: &mut Slab, granules: usize, number: u64) -> u32 {
        let handle = slab.allocate(granules);
        slab.get_mut(handle)[..8].copy_from_slice(&number.to_le_bytes());
        handle
    }

    fn number(slab: &Slab, handle: u32) -> u64 {
        u64::from_le_bytes(*slab.get(handle).first_chunk().expect("a granule"))
    }

    #[test]
    fn a_freed_record_is_replaced_by_the_last_one_of_its_length() {
        let mut slab = Slab::default();
        let [one, two, three] = [1, 2, 3].map(|number| write(&mut slab, 5, number));
        let other = write(&mut slab, 6, 4);
        assert_eq!((slab.free(one), number(&slab, one)), (Some(three), 3));
        assert_eq!((slab.free(two), slab.free(one)), (None, None));
        assert_eq!((number(&slab, other), slab.iter().count()), (4, 1));
    }

    #[test]
    fn records_of_all_lengths_keep_their_bytes_while_others_come_and_go() {
        let (mut slab, mut model) = (Slab::default(), HashMap::new());
        let mut random = 1_u64;
        for step in 0..40_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            let granules = (random >> 40) as usize % MAX_GRANULES + 1;
            if (random >> 20) % 10 < if step < 25_000 { 7 } else { 2 } {
                model.insert(write(&mut slab, granules, step), step);
            } else if let Some(handle) = slab.nth((random >> 33) as usize % model.len().max(1)) {
                assert!(model.remove(&handle).is_some());
                if let Some(moved) = slab.free(handle) {
                    let step = model.remove(&moved).expect("a record");
                    model.insert(handle, step);
                }
            }
        }
        assert!(model.len() > 100 && model.iter().all(|(handle, step)| number(&slab, *handle) == *step));
        let mut handles: Vec<u32> = slab.iter().collect();
        assert_eq!(handles.len(), model.len());
        handles.sort_unstable();
        handles.dedup();
        assert_eq!(handles.len(), model.len());
    }

    #[test]
    fn chunks_are_freed_when_their_records_are_freed_in_any_order() {
        let mut slab = Slab::default();
        let mut handles: Vec<u32> = (0..10_000).map(|number| write(&mut slab, 11, number)).collect();
        assert_eq!(chunks(&slab), 10_000_usize.div_ceil(CHUNK / 88));
        // From the first to the last: each is replaced by the last one.
        while slab.iter().count() > 100 {
            let freed = handles.swap_remove(0);
            slab.free(freed);
            handles = slab.iter().collect();
        }
        assert_eq!(chunks(&slab), 1);
        let (first, rest) = handles.split_at(1);
        assert!(rest.iter().rev().all(|handle| slab.free(*handle).is_none()));
        slab.free(first[0]);
        assert_eq!((chunks(&slab), slab.nth(0)), (0, None));
    }

    #[test]
    fn the_lists_of_chunks_are_not_copied_once_they_are_long() {
        let (mut slab, per_chunk) = (Slab::default(), per_chunk(MAX_GRANULES));
        let handles: Vec<u32> = (0..16_500 * per_chunk).map(|_| slab.allocate(MAX_GRANULES)).collect();
        assert!(slab.chunks.capacity() >= MAX_CHUNKS && slab.classes[MAX_GRANULES].chunks.capacity() >= MAX_CHUNKS);
        handles.into_iter().rev().for_each(|handle| _ = slab.free(handle));
        assert!(chunks(&slab) == 0 && slab.vacant.capacity() >= MAX_CHUNKS);
    }

    #[test]
    fn few_records_take_little_memory() {
        let mut slab = Slab::default();
        _ = write(&mut slab, 11, 0);
        assert_eq!(slab.chunks[0].bytes.len(), 128);
        (1..5).for_each(|number| _ = write(&mut slab, 11, number));
        assert_eq!(slab.chunks[0].bytes.len(), 512);
    }
}
