//! Scripts: EVAL and its kin.
//!
//! A script is one commit, as EXEC is: it holds the shards of its database, and its writes are one record. It runs on a `fiber`, on the
//! thread of its connection; when it takes long, the fiber goes on on a thread that keeps nobody waiting.
//!
//! - `run` how a script is found and executed; `host` what it calls, `nested` how it runs a command; `running` the one that takes long
//! - `declared` the keys of a script that keeps to those that it declares
//! - `cache` the scripts by their hashes, `sha`; `shebang` what a script says of itself
//! - `engine` the interpreters, and what they have compiled; `api` the table `redis`
//! - `libraries` the functions of FCALL, `loading` how their code is run, `environment` its globals
//! - `payload` FUNCTION DUMP, `saved` what snapshots have
//! - `to_lua` and `from_lua` convert replies, `number` numbers

mod api;
mod cache;
mod declared;
mod engine;
mod environment;
mod fiber;
mod from_lua;
mod host;
mod libraries;
mod loading;
mod nested;
mod number;
mod payload;
mod run;
mod running;
mod saved;
mod sha;
mod shebang;
#[cfg(test)]
mod tests;
mod to_lua;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use bytes::Bytes;
use kvstore_protocol::{CommandError, ReplyBudget};
use parking_lot::Mutex;

use cache::Script;
pub(super) use cache::ScriptCache;
use engine::Checker;
pub(super) use engine::Engines;
pub(super) use fiber::{Fiber, Mover};
use libraries::{Libraries, Library};
pub(super) use payload::{dump, restore};
pub(super) use run::{OnFiber, Running as ScriptRun};
pub(super) use running::{Kind, Running};
pub(super) use saved::Programs;
pub(super) use sha::Sha;

/// The default of `lua-memory-limit`, in bytes.
const MEMORY_LIMIT: usize = 256 << 20;

/// The sources of scripts that only EVAL has sent take this part of the memory of an interpreter.
const EVALUATED: usize = 8;

/// The memory of scripts, and that of functions, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScriptMemory {
    pub(super) interpreters: [usize; 2],
    pub(super) sources: [usize; 2],
}

/// What FUNCTION RESTORE does with the libraries that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Policy {
    /// They stay, and those with the same name are an error.
    #[default]
    Append,
    /// They are removed first.
    Flush,
    /// Those with the same name are replaced.
    Replace,
}

/// The scripts of a store.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) cache: Mutex<ScriptCache>,
    pub(super) libraries: Mutex<Arc<Libraries>>,
    /// Locked while a script runs, before any shard.
    pub(super) engines: Mutex<Engines>,
    pub(super) running: Running,
    /// Compiles scripts that are not to run now.
    checker: Mutex<Checker>,
    next_library: AtomicU64,
    memory_limit: AtomicUsize,
    keeps_to_keys: AtomicBool,
    /// The memory of what the command that a script runs has to answer.
    replies: Arc<ReplyBudget>,
    /// The memory of the interpreters of scripts and of functions after the last run, in bytes.
    memory: [AtomicUsize; 2],
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            cache: Mutex::default(),
            libraries: Mutex::default(),
            engines: Mutex::default(),
            running: Running::default(),
            checker: Mutex::default(),
            next_library: AtomicU64::new(0),
            memory_limit: AtomicUsize::new(MEMORY_LIMIT),
            keeps_to_keys: AtomicBool::new(false),
            replies: Arc::new(ReplyBudget::new(0)),
            memory: Default::default(),
        }
    }
}

impl Scripts {
    /// The setting `lua-memory-limit`: how many bytes an interpreter may take.
    pub(super) fn memory_limit(&self) -> usize {
        self.memory_limit.load(Ordering::Relaxed)
    }

    /// The memory of what the command that a script runs has to answer.
    pub(super) fn replies(&self) -> &Arc<ReplyBudget> {
        &self.replies
    }

    /// The setting `script-declared-keys`: whether every script keeps to the keys that it declares.
    pub(super) fn keeps_to_keys(&self) -> bool {
        self.keeps_to_keys.load(Ordering::Relaxed)
    }

    pub(super) fn set_keeps_to_keys(&self, keeps: bool) {
        self.keeps_to_keys.store(keeps, Ordering::Relaxed);
    }

    /// The memory of scripts and functions.
    pub(super) fn memory(&self) -> ScriptMemory {
        let [scripts, functions] = &self.memory;
        let interpreters = [scripts.load(Ordering::Relaxed), functions.load(Ordering::Relaxed)];
        ScriptMemory { interpreters, sources: [self.cache.lock().counts().bytes, self.libraries.lock().bytes()] }
    }

    pub(super) fn set_memory_limit(&self, bytes: usize) {
        self.memory_limit.store(bytes, Ordering::Relaxed);
        // A new interpreter has the new bound.
        if let Some(mut engines) = self.engines.try_lock() {
            drop((engines.take_scripts(), engines.take_functions()));
        }
    }

    /// Keeps a script. Returns its hash, and whether it was not kept before. One that was accepted before is whatever memory it takes
    /// now.
    ///
    /// # Errors
    /// If it is not valid.
    pub(super) fn load(&self, source: &[u8], was_accepted: bool) -> Result<(Sha, bool), CommandError> {
        let sha = Sha::of(source);
        let is_there = self.cache.lock().has(&sha);
        if !is_there && let Err(failed) = self.checker.lock().check(source, self.memory_limit()) {
            let is_kept = was_accepted && failed.had_no_memory;
            is_kept.then_some(()).ok_or(failed.refusal)?;
        }
        Ok((sha, self.cache.lock().load(sha, source)?))
    }

    /// Finds a script of EVAL, or adds it to the cache.
    ///
    /// # Errors
    /// If its first line is not valid.
    fn evaluate(&self, source: &[u8]) -> Result<Arc<Script>, CommandError> {
        self.cache.lock().add(Sha::of(source), source, self.memory_limit() / EVALUATED)
    }

    /// Adds a library, in the place of one with its name if `replaces` is set. One that was accepted before is whatever memory it takes
    /// now. Returns its name.
    ///
    /// # Errors
    /// If it is not valid, or its name or that of a function is taken. The libraries are what they were then.
    pub(super) fn load_library(
        &self,
        source: &[u8],
        replaces: bool,
        was_accepted: bool,
    ) -> Result<String, CommandError> {
        let (engine, name, _) = shebang::of_library(source)?;
        if !replaces && engine.eq_ignore_ascii_case("lua") {
            // As in Redis, before the code is looked at.
            self.libraries.lock().check_new(&name)?;
        }
        let library = self.parse_library(source, was_accepted)?;
        // A copy is made for whoever reads them just now, and not for each of many libraries.
        let replaced = Arc::make_mut(&mut *self.libraries.lock()).add(library, replaces)?;
        if !was_accepted && let Err(refusal) = self.prepare_functions(&name) {
            Arc::make_mut(&mut *self.libraries.lock()).take_back(&name, replaced);
            return Err(refusal);
        }
        Ok(name)
    }

    /// Loads a library where functions run: connections wait for its first call, and not for this. If one runs, it is loaded by the
    /// next call.
    ///
    /// # Errors
    /// If there is no memory for it beside the others.
    fn prepare_functions(&self, added: &str) -> Result<(), CommandError> {
        let Some(mut engines) = self.engines.try_lock() else { return Ok(()) };
        let libraries = Arc::clone(&self.libraries.lock());
        let library = libraries.named(added).ok_or(CommandError::err("there is no such library"))?;
        let loaded = engines.add_library(library, &libraries, self.memory_limit());
        if loaded.is_err() {
            drop(engines.take_functions());
        }
        self.note_memory(Kind::Function, engines.memory(Kind::Function));
        loaded
    }

    fn parse_library(&self, source: &[u8], was_accepted: bool) -> Result<Library, CommandError> {
        let memory = if was_accepted { usize::MAX / 2 } else { self.memory_limit() };
        Library::parse(source, self.next_library.fetch_add(1, Ordering::Relaxed), memory)
    }

    /// Changes the libraries. If the change fails, they stay as they were.
    ///
    /// # Errors
    /// Those of the change.
    pub(super) fn change_libraries<T>(
        &self,
        change: impl FnOnce(&mut Libraries) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let mut libraries = self.libraries.lock();
        let mut changed = Libraries::clone(&libraries);
        let result = change(&mut changed)?;
        *libraries = Arc::new(changed);
        Ok(result)
    }

    /// Adds the libraries of a payload of FUNCTION DUMP: all or none.
    ///
    /// # Errors
    /// If one is not valid, or its name or that of a function is taken and not to be replaced.
    pub(super) fn restore_libraries(
        &self,
        sources: &[Bytes],
        policy: Policy,
        was_accepted: bool,
    ) -> Result<(), CommandError> {
        let parse = |source: &Bytes| self.parse_library(source, was_accepted);
        let parsed = sources.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        self.change_libraries(|libraries| {
            match policy {
                Policy::Append => libraries.check_absent(&parsed)?,
                Policy::Flush => _ = libraries.clear(),
                // All of them first: a function may have moved from one to another.
                Policy::Replace => parsed.iter().for_each(|library| _ = libraries.remove(&library.name)),
            }
            parsed.into_iter().try_for_each(|library| libraries.add(library, false).map(drop))
        })
    }

    /// Removes all scripts. Returns them, to be dropped elsewhere.
    pub(super) fn clear(&self) -> impl Send + use<> {
        let scripts = self.cache.lock().clear();
        // If a script runs, its interpreter is dropped before the next one runs.
        let engine = self.engines.try_lock().map(|mut engines| engines.take_scripts());
        self.note_memory(Kind::Script, 0);
        (scripts, engine)
    }

    /// Takes the interpreter of functions, to be dropped elsewhere. If one of them runs, its engine stays.
    pub(super) fn take_functions(&self) -> impl Send + use<> {
        let engine = self.engines.try_lock().map(|mut engines| engines.take_functions());
        self.note_memory(Kind::Function, 0);
        engine
    }

    fn note_memory(&self, kind: Kind, bytes: usize) {
        self.memory[kind as usize].store(bytes, Ordering::Relaxed);
    }
}
