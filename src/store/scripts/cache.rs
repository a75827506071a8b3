//! [`ScriptCache`]: the scripts that EVALSHA finds.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{
    sha::Sha,
    shebang::{self, ScriptFlags},
};

/// How many scripts of EVAL are kept. Those of SCRIPT LOAD stay until SCRIPT FLUSH, and so do those that EVALSHA has run.
const MAX_EVALUATED: usize = 500;

/// A script.
#[derive(Debug)]
pub(in crate::store) struct Script {
    /// A number that no other script ever has.
    pub(in crate::store) id: u64,
    pub(in crate::store) sha: Sha,
    pub(in crate::store) source: Bytes,
    pub(in crate::store) flags: ScriptFlags,
    /// Where the code begins.
    start: usize,
}

impl Script {
    /// The code, without a first line that says what it does.
    pub(in crate::store) fn code(&self) -> &[u8] {
        &self.source[self.start..]
    }
}

/// The scripts, by their hashes.
#[derive(Debug, Default)]
pub(in crate::store) struct ScriptCache {
    scripts: HashMap<Sha, Cached, foldhash::fast::RandomState>,
    /// The number of those that may be evicted.
    evaluated: usize,
    bytes: usize,
    evicted: u64,
    next_id: u64,
    clock: u64,
    /// The numbers of scripts that are gone, for the engine to forget. `None` if all are gone.
    gone: Option<Vec<u64>>,
}

#[derive(Debug)]
struct Cached {
    script: Arc<Script>,
    /// Whether it stays.
    is_loaded: bool,
    /// When it was used last.
    used: u64,
}

/// What INFO shows.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct CacheCounts {
    pub(in crate::store) scripts: usize,
    pub(in crate::store) bytes: usize,
    pub(in crate::store) evicted: u64,
}

impl ScriptCache {
    /// The script with this hash, and whether it stays.
    #[inline]
    pub(in crate::store) fn find(&mut self, sha: &Sha) -> Option<(Arc<Script>, bool)> {
        let cached = self.scripts.get_mut(sha)?;
        if !cached.is_loaded {
            self.clock += 1;
            cached.used = self.clock;
        }
        Some((Arc::clone(&cached.script), cached.is_loaded))
    }

    pub(in crate::store) fn has(&self, sha: &Sha) -> bool {
        self.scripts.contains_key(sha)
    }

    /// Adds a script, if it is not there. One that is loaded stays until all are removed. Returns it, and whether it was not loaded
    /// before.
    ///
    /// # Errors
    /// If its first line is not valid.
    pub(in crate::store) fn add(
        &mut self,
        sha: Sha,
        source: &[u8],
        is_loaded: bool,
    ) -> Result<(Arc<Script>, bool), CommandError> {
        if let Some((script, _)) = self.find(&sha) {
            let is_new = is_loaded && self.keep(&sha);
            return Ok((script, is_new));
        }
        let (flags, start) = shebang::of_script(source)?;
        if !is_loaded {
            self.make_room();
        }
        self.next_id += 1;
        self.clock += 1;
        let script = Arc::new(Script { id: self.next_id, sha, source: Bytes::copy_from_slice(source), flags, start });
        self.bytes += source.len();
        self.evaluated += usize::from(!is_loaded);
        self.scripts.insert(sha, Cached { script: Arc::clone(&script), is_loaded, used: self.clock });
        Ok((script, is_loaded))
    }

    /// Keeps a script of EVAL as if it was loaded. Returns whether it was not.
    pub(in crate::store) fn keep(&mut self, sha: &Sha) -> bool {
        let Some(cached) = self.scripts.get_mut(sha).filter(|cached| !cached.is_loaded) else { return false };
        cached.is_loaded = true;
        self.evaluated -= 1;
        true
    }

    /// Evicts the script of EVAL that was not used for the longest time, if there are many.
    fn make_room(&mut self) {
        if self.evaluated < MAX_EVALUATED {
            return;
        }
        let evaluated = self.scripts.iter().filter(|(_, cached)| !cached.is_loaded);
        if let Some(sha) = evaluated.min_by_key(|(_, cached)| cached.used).map(|(sha, _)| *sha) {
            self.evicted += 1;
            self.remove(&sha);
        }
    }

    /// Removes a script that does not compile, unless it is loaded.
    pub(in crate::store) fn remove(&mut self, sha: &Sha) {
        let Some(cached) = self.scripts.remove(sha) else { return };
        self.bytes -= cached.script.source.len();
        self.evaluated -= usize::from(!cached.is_loaded);
        if let Some(gone) = &mut self.gone {
            gone.push(cached.script.id);
        }
    }

    /// Removes all scripts. Returns them, to be dropped elsewhere.
    pub(in crate::store) fn clear(&mut self) -> impl Send + use<> {
        (self.evaluated, self.bytes, self.gone) = (0, 0, None);
        std::mem::take(&mut self.scripts)
    }

    /// The scripts that stay, for a snapshot.
    pub(in crate::store) fn loaded(&self) -> Vec<Bytes> {
        let loaded = self.scripts.values().filter(|cached| cached.is_loaded);
        loaded.map(|cached| cached.script.source.clone()).collect()
    }

    /// Takes the numbers of the scripts that are gone since the last call. `None` if all are that were there then.
    #[inline]
    pub(in crate::store) fn take_gone(&mut self) -> Option<Vec<u64>> {
        self.gone.replace(Vec::new())
    }

    pub(in crate::store) fn counts(&self) -> CacheCounts {
        CacheCounts { scripts: self.scripts.len(), bytes: self.bytes, evicted: self.evicted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(cache: &mut ScriptCache, source: &str, is_loaded: bool) -> bool {
        cache.add(Sha::of(source.as_bytes()), source.as_bytes(), is_loaded).expect("it is valid").1
    }

    #[test]
    fn scripts_of_eval_are_evicted_and_those_that_are_loaded_stay() {
        let mut cache = ScriptCache::default();
        assert!(add(&mut cache, "loaded", true) && !add(&mut cache, "loaded", true));
        assert!(!add(&mut cache, "first", false) && !add(&mut cache, "second", false));
        assert!(cache.find(&Sha::of(b"first")).is_some());
        (2..501).for_each(|number| _ = add(&mut cache, &number.to_string(), false));
        let has = |cache: &ScriptCache, source: &[u8]| cache.has(&Sha::of(source));
        assert!(has(&cache, b"loaded") && has(&cache, b"first") && !has(&cache, b"second"));
        let counts = cache.counts();
        assert_eq!((counts.scripts, counts.evicted), (501, 1));
        assert_eq!(cache.take_gone(), None);
        assert!(add(&mut cache, "first", true));
        (501..1100).for_each(|number| _ = add(&mut cache, &number.to_string(), false));
        assert!(has(&cache, b"first") && cache.counts().scripts == 502);
        assert_eq!(cache.take_gone().map(|gone| gone.len()), Some(598));
        drop(cache.clear());
        assert!(!has(&cache, b"first") && cache.counts().bytes == 0 && cache.take_gone().is_none());
    }
}
