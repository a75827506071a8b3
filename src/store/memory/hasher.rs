//! [`Hasher`]: the hashes of keys.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::RandomState;

/// Hashes keys with a random seed for each process, so that a client cannot choose keys that collide. All bits of a hash are
/// equally good: the low ones choose the bucket, others the shard, the highest are the tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hasher(RandomState);

impl Hasher {
    #[inline]
    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        // Not `hash_one`, which would hash the length as well: `write` mixes it in already.
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
