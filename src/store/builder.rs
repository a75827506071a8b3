//! [`Builder`]: the settings of a store.

use std::{num::NonZeroUsize, thread};

use super::{
    Store,
    clock::{Clock, SystemClock},
    databases::Databases,
    state::StoreState,
};

/// The settings of a [`Store`].
#[derive(Debug)]
pub struct Builder {
    databases: usize,
    threads: usize,
    clock: Box<dyn Clock>,
    config: Vec<(String, String)>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the count of the memory of entries"))]
    allocated_size: fn(usize) -> usize,
}

impl Builder {
    pub(super) fn new() -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            databases: 16,
            threads,
            clock: Box::new(SystemClock),
            config: Vec::new(),
            allocated_size: estimated_size,
        }
    }

    /// Sets the number of databases. The default is 16.
    #[must_use]
    pub fn databases(self, databases: usize) -> Self {
        Self { databases: databases.max(1), ..self }
    }

    /// Sets the number of threads that will execute commands. The default is the number of processors.
    ///
    /// This chooses the number of shards: one for one thread, which is a little faster and smaller, and eight for each of
    /// several. Any number of threads may use the store, whatever is set here.
    ///
    /// The keys and short strings of a shard take at most 32 GiB. A command that would exceed this panics.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Sets the clock. The default is the clock of the machine.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// Adds a setting of the program around the store, such as its port, for CONFIG GET. A later value replaces an earlier
    /// one.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into().to_ascii_lowercase();
        self.config.retain(|(known, _)| *known != name);
        self.config.push((name, value.into()));
        self
    }

    /// Sets how many bytes of memory the global allocator takes for an allocation of a size, for the count of the memory that
    /// keys take. The default is an estimate for a usual allocator.
    #[must_use]
    pub fn allocated_size(self, allocated_size: fn(usize) -> usize) -> Self {
        Self { allocated_size, ..self }
    }

    /// Builds the store.
    pub fn build(self) -> Store {
        let databases = Databases::new(self.databases, shards(self.threads));
        Store::from_state(StoreState::new(databases, self.clock, self.config))
    }
}

/// The number of shards of a database. With several threads there are many more shards than threads, so that two threads
/// seldom need the same one, but few enough that a batch has several keys in each. One thread needs one shard, and then one
/// lock for any number of keys.
fn shards(threads: usize) -> usize {
    if threads > 1 { threads.saturating_mul(8) } else { 1 }
}

/// The size of a block in a usual allocator: multiples of 16 bytes, then four sizes up to each power of two, and whole pages.
fn estimated_size(size: usize) -> usize {
    match size {
        0..=128 => size.next_multiple_of(16).max(16),
        129..=16_384 => size.next_multiple_of(1 << ((size - 1).ilog2() - 2)),
        _ => size.next_multiple_of(4096),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_allocator_has_four_sizes_up_to_each_power_of_two() {
        let sizes = [1, 16, 17, 128, 129, 257, 320, 1025, 16_384, 16_385];
        assert_eq!(sizes.map(estimated_size), [16, 16, 32, 128, 160, 320, 320, 1280, 16_384, 20_480]);
        assert_eq!((Builder::new().allocated_size)(1), 16);
    }
}
