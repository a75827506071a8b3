//! [`Hasher`]: the hashes of keys.

use std::hash::{BuildHasher, Hasher as _};

use foldhash::quality::RandomState;

/// Hashes keys, with a secret that is another in each process: nobody can choose keys that collide. All bits of a hash are
/// as good: the low ones choose a bucket, others the shard, the highest are the tag.
#[derive(Clone, Debug, Default)]
pub(super) struct Hasher(RandomState);

impl Hasher {
    #[inline]
    pub(super) fn hash(&self, key: &[u8]) -> u64 {
        // Not `hash_one`, which would hash the length as well: `write` mixes it in already.
        let mut hasher = self.0.build_hasher();
        hasher.write(key);
        hasher.finish()
    }
}
