//! [`ScriptCache`]: the scripts that EVALSHA finds.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{
    sha::Sha,
    shebang::{self, ScriptFlags},
};

/// How many scripts of EVAL are kept. They are bounded in bytes too. Those of SCRIPT LOAD stay until SCRIPT FLUSH, and so do those that EVALSHA has run.
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
    /// Those that stay.
    loaded: ByHash<Arc<Script>>,
    /// Those of EVAL, which may be evicted.
    evaluated: ByHash<Evaluated>,
    /// The sources of those that stay, and of those of EVAL.
    bytes: [usize; 2],
    evicted: u64,
    next_id: u64,
    clock: u64,
    /// The numbers of scripts that are gone, for the engine to forget. `None` if all are gone.
    gone: Option<Vec<u64>>,
}

type ByHash<T> = HashMap<Sha, T, foldhash::fast::RandomState>;

#[derive(Debug)]
struct Evaluated {
    script: Arc<Script>,
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
        if let Some(script) = self.loaded.get(sha) {
            return Some((Arc::clone(script), true));
        }
        let evaluated = self.evaluated.get_mut(sha)?;
        self.clock += 1;
        evaluated.used = self.clock;
        Some((Arc::clone(&evaluated.script), false))
    }

    pub(in crate::store) fn has(&self, sha: &Sha) -> bool {
        self.loaded.contains_key(sha) || self.evaluated.contains_key(sha)
    }

    /// Adds a script of EVAL, if it is not there. The sources of those that only EVAL has sent take `most` bytes, or there is one of
    /// them: those that were not used for the longest time are evicted.
    ///
    /// # Errors
    /// If its first line is not valid.
    pub(in crate::store) fn add(&mut self, sha: Sha, source: &[u8], most: usize) -> Result<Arc<Script>, CommandError> {
        if let Some((script, _)) = self.find(&sha) {
            return Ok(script);
        }
        let script = self.parse(sha, source)?;
        let most_of_others = most.saturating_sub(source.len());
        while self.evaluated.len() >= MAX_EVALUATED || self.bytes[1] > most_of_others {
            self.evict();
        }
        self.clock += 1;
        self.bytes[1] += source.len();
        self.evaluated.insert(sha, Evaluated { script: Arc::clone(&script), used: self.clock });
        Ok(script)
    }

    /// Adds a script that stays until all are removed. Returns whether it was not there, or might have been evicted.
    ///
    /// # Errors
    /// If its first line is not valid.
    pub(in crate::store) fn load(&mut self, sha: Sha, source: &[u8]) -> Result<bool, CommandError> {
        if self.has(&sha) {
            return Ok(self.keep(&sha));
        }
        let script = self.parse(sha, source)?;
        self.bytes[0] += source.len();
        self.loaded.insert(sha, script);
        Ok(true)
    }

    fn parse(&mut self, sha: Sha, source: &[u8]) -> Result<Arc<Script>, CommandError> {
        let (flags, start) = shebang::of_script(source)?;
        self.next_id += 1;
        Ok(Arc::new(Script { id: self.next_id, sha, source: Bytes::copy_from_slice(source), flags, start }))
    }

    /// Keeps a script of EVAL as if it was loaded. Returns whether it was not.
    pub(in crate::store) fn keep(&mut self, sha: &Sha) -> bool {
        let Some(Evaluated { script, .. }) = self.evaluated.remove(sha) else { return false };
        self.bytes[1] -= script.source.len();
        self.bytes[0] += script.source.len();
        self.loaded.insert(*sha, script);
        true
    }

    /// Evicts the script of EVAL that was not used for the longest time.
    fn evict(&mut self) {
        if let Some((&sha, _)) = self.evaluated.iter().min_by_key(|(_, evaluated)| evaluated.used) {
            self.evicted += 1;
            self.forget(&sha);
        }
    }

    /// Removes a script of EVAL that does not compile. One that is loaded stays: only memory can be what it lacks.
    pub(in crate::store) fn forget(&mut self, sha: &Sha) {
        let Some(Evaluated { script, .. }) = self.evaluated.remove(sha) else { return };
        self.bytes[1] -= script.source.len();
        if let Some(gone) = &mut self.gone {
            gone.push(script.id);
        }
    }

    /// Removes all scripts. Returns them, to be dropped elsewhere.
    pub(in crate::store) fn clear(&mut self) -> impl Send + use<> {
        (self.bytes, self.gone) = ([0; 2], None);
        (std::mem::take(&mut self.loaded), std::mem::take(&mut self.evaluated))
    }

    /// The scripts that stay, for a snapshot.
    pub(in crate::store) fn loaded(&self) -> Vec<Bytes> {
        self.loaded.values().map(|script| script.source.clone()).collect()
    }

    /// Takes the numbers of the scripts that are gone since the last call. `None` if all are that were there then.
    #[inline]
    pub(in crate::store) fn take_gone(&mut self) -> Option<Vec<u64>> {
        self.gone.replace(Vec::new())
    }

    pub(in crate::store) fn counts(&self) -> CacheCounts {
        let scripts = self.loaded.len() + self.evaluated.len();
        CacheCounts { scripts, bytes: self.bytes.iter().sum(), evicted: self.evicted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 1 << 20;

    fn add(cache: &mut ScriptCache, source: &str, most: usize) {
        cache.add(Sha::of(source.as_bytes()), source.as_bytes(), most).expect("it is valid");
    }

    fn load(cache: &mut ScriptCache, source: &str) -> bool {
        cache.load(Sha::of(source.as_bytes()), source.as_bytes()).expect("it is valid")
    }

    fn has(cache: &ScriptCache, source: &str) -> bool {
        cache.has(&Sha::of(source.as_bytes()))
    }

    #[test]
    fn scripts_of_eval_are_evicted_and_those_that_are_loaded_stay() {
        let mut cache = ScriptCache::default();
        assert!(load(&mut cache, "loaded") && !load(&mut cache, "loaded"));
        ["first", "second", "loaded"].iter().for_each(|source| add(&mut cache, source, MANY));
        assert!(cache.find(&Sha::of(b"first")).is_some_and(|(_, stays)| !stays));
        (2..501).for_each(|number| add(&mut cache, &number.to_string(), MANY));
        assert!(has(&cache, "loaded") && has(&cache, "first") && !has(&cache, "second"));
        let counts = cache.counts();
        assert_eq!((counts.scripts, counts.evicted), (501, 1));
        assert_eq!(cache.take_gone(), None);
        assert!(load(&mut cache, "first") && !load(&mut cache, "first"));
        (501..1100).for_each(|number| add(&mut cache, &number.to_string(), MANY));
        assert!(has(&cache, "first") && cache.counts().scripts == 502);
        assert_eq!(cache.take_gone().map(|gone| gone.len()), Some(598));
        drop(cache.clear());
        assert!(!has(&cache, "first") && cache.counts().bytes == 0 && cache.take_gone().is_none());
    }

    #[test]
    fn scripts_of_eval_are_bounded_by_their_bytes_too() {
        let mut cache = ScriptCache::default();
        let source = |name: char| name.to_string().repeat(10);
        assert!(load(&mut cache, &source('l')));
        "abc".chars().for_each(|name| add(&mut cache, &source(name), 30));
        assert!(cache.keep(&Sha::of(source('b').as_bytes())));
        assert!(cache.find(&Sha::of(source('a').as_bytes())).is_some());
        "de".chars().for_each(|name| add(&mut cache, &source(name), 30));
        let kept = |cache: &ScriptCache| "labcde".chars().filter(|name| has(cache, &source(*name))).collect::<String>();
        assert_eq!((kept(&cache), cache.counts().bytes), ("labde".to_owned(), 50));
        // One is kept, however large it is.
        add(&mut cache, &"x".repeat(100), 30);
        assert!(has(&cache, &"x".repeat(100)) && kept(&cache) == "lb" && cache.counts().bytes == 120);
        add(&mut cache, &source('a'), 30);
        assert_eq!((kept(&cache), cache.counts().bytes), ("lab".to_owned(), 30));
        // One that is loaded stays, whether it compiles or not.
        "al".chars().for_each(|name| cache.forget(&Sha::of(source(name).as_bytes())));
        assert_eq!((kept(&cache), cache.counts().bytes), ("lb".to_owned(), 20));
    }
}
