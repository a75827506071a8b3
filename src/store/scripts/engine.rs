//! [`Engine`]: an interpreter, and what it has compiled.

use std::collections::{HashMap, HashSet};

use kvstore_lua::{Failure, Interpreter, Limits, Reason, Reference, Run, Stack, libraries};
use kvstore_protocol::CommandError;

use super::{
    api,
    cache::{Script, ScriptCache},
    environment::Environment,
    libraries::{Libraries, Library, folded},
    loading::MAX_STEPS_BESIDE_OTHERS,
    running::Kind,
    shebang,
};

/// How a script is called in its errors, and how a library is.
pub(super) const SCRIPT_CHUNK: &str = "@user_script";
pub(super) const LIBRARY_CHUNK: &str = "@user_function";

/// The interpreters of a store. Each is made when it is needed first.
#[derive(Debug, Default)]
pub(in crate::store) struct Engines {
    scripts: Option<Engine>,
    functions: Option<FunctionEngine>,
}

/// The interpreter of functions.
#[derive(Debug)]
struct FunctionEngine {
    engine: LibraryEngine,
    /// The generation of the libraries that it has.
    generation: u64,
    loaded: HashSet<u64>,
    /// Each function by its name in lower case, and the number of its library.
    functions: HashMap<String, (u64, Reference)>,
}

/// An interpreter.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) lua: Interpreter,
    compiled: Compiled,
    /// The memory that it took when it was made, in bytes.
    empty: usize,
}

/// An interpreter of libraries.
#[derive(Debug)]
pub(super) struct LibraryEngine {
    pub(super) engine: Engine,
    pub(super) environment: Environment,
}

/// The scripts that are compiled, by their numbers. They can be thrown away whenever none runs.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    scripts: HashMap<u64, CompiledScript, foldhash::fast::RandomState>,
    /// What they take together.
    bytes: usize,
}

#[derive(Debug)]
struct CompiledScript {
    function: Reference,
    bytes: usize,
}

/// What a compiled script takes besides its code, in bytes.
const ENTRY: usize = 128;

/// Compiled scripts may take this part of the memory of their interpreter, so that the rest is for the one that runs.
const COMPILED: usize = 4;

/// Why a script is not run.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) refusal: CommandError,
    /// Whether it may be valid, and only has no memory.
    pub(super) had_no_memory: bool,
}

/// Replaces `pcall`: as in Redis, of an error that is a table with the field `err` it returns this field. And there is
/// none of the functions that reach into others, which no server has.
const PRELUDE: &[u8] = b"
    setfenv, getfenv, newproxy = nil, nil, nil
    local pcall, type, rawget = pcall, type, rawget
    local function returned(ok, ...)
        local value = ...
        if not ok and type(value) == 'table' and type(rawget(value, 'err')) == 'string' then
            return ok, value.err
        end
        return ok, ...
    end
    _G.pcall = function(...) return returned(pcall(...)) end
";

/// How much a script may leave in its interpreter, in bytes, before that is given up.
const GARBAGE: usize = 32 << 20;

/// There is not even memory for an empty interpreter.
const NO_MEMORY: CommandError = CommandError::new("ERR", "not enough memory for the interpreter: see lua-memory-limit");

impl Failed {
    const NO_MEMORY: Self = Self { refusal: NO_MEMORY, had_no_memory: true };
}

impl From<CommandError> for Failed {
    fn from(refusal: CommandError) -> Self {
        Self { refusal, had_no_memory: false }
    }
}

impl Compiled {
    /// Forgets a script.
    fn remove(&mut self, id: u64) {
        self.bytes -= self.scripts.remove(&id).map_or(0, |script| script.bytes);
    }
}

impl Engine {
    /// An interpreter that may take so many bytes, with the libraries and the tables that scripts have.
    pub(super) fn new(memory: usize) -> Result<Self, CommandError> {
        let mut lua = Interpreter::new(Limits::new().memory(memory)).ok_or(NO_MEMORY)?;
        let mut host = ();
        let mut run = lua.run(&mut host);
        let installed = libraries::open_all(&mut run).and_then(|()| api::install(&mut run));
        installed.map_err(|_| NO_MEMORY)?;
        let replaced = run.load(PRELUDE, "@prelude").and_then(|()| run.call(0, 0));
        replaced.map_err(|_| NO_MEMORY)?;
        run.protect_globals().map_err(|_| NO_MEMORY)?;
        drop(run);
        let empty = lua.memory_used();
        Ok(Self { lua, compiled: Compiled::default(), empty })
    }
}

impl Engine {
    /// The interpreter, and the scripts that it has compiled.
    pub(super) fn parts(&mut self) -> (&mut Interpreter, &mut Compiled) {
        (&mut self.lua, &mut self.compiled)
    }

    /// Whether it is more than an empty interpreter that takes so many bytes.
    pub(super) fn is_used(&self, bytes: usize) -> bool {
        bytes > self.empty
    }

    /// Whether a run has left much in it, which had so many bytes before, or what is compiled takes too much of its memory.
    pub(super) fn is_spent(&self, before: usize, memory: usize) -> bool {
        self.lua.memory_used() > before + GARBAGE || self.compiled.bytes > memory / COMPILED
    }
}

impl LibraryEngine {
    /// The same for libraries.
    pub(super) fn new(memory: usize) -> Result<Self, CommandError> {
        let mut engine = Engine::new(memory)?;
        let environment = Environment::new(&mut engine.lua.run(&mut ())).map_err(|_| NO_MEMORY)?;
        Ok(Self { engine, environment })
    }
}

impl Engines {
    /// The engine of scripts, without those that the cache has removed.
    pub(super) fn of_scripts(&mut self, cache: &mut ScriptCache, memory: usize) -> Result<&mut Engine, CommandError> {
        match cache.take_gone() {
            None => self.scripts = None,
            Some(gone) if gone.is_empty() => {}
            Some(gone) => {
                if let Some(engine) = &mut self.scripts {
                    gone.iter().for_each(|id| engine.compiled.remove(*id));
                }
            }
        }
        if self.scripts.is_none() {
            self.scripts = Some(Engine::new(memory)?);
        }
        Ok(self.scripts.as_mut().expect("it was just made"))
    }

    /// The engine of functions, and the function with this name.
    pub(super) fn of_functions(
        &mut self,
        libraries: &Libraries,
        name: &str,
        memory: usize,
    ) -> Result<(&mut Engine, &Reference), CommandError> {
        let engine = self.function_engine(memory)?;
        engine.update(libraries)?;
        let (_, function) =
            engine.functions.get(&*folded(name)).ok_or(CommandError::new("ERR", "Function not found"))?;
        Ok((&mut engine.engine.engine, function))
    }

    /// Loads a library that was just added, and those before that are not loaded yet.
    pub(super) fn add_library(
        &mut self,
        library: &Library,
        libraries: &Libraries,
        memory: usize,
    ) -> Result<(), CommandError> {
        let engine = self.function_engine(memory)?;
        // Then nothing else has changed, and nobody has to look at each of many libraries.
        if engine.generation + 1 == libraries.generation() {
            engine.load(library)?;
            engine.generation = libraries.generation();
        }
        engine.update(libraries)
    }

    fn function_engine(&mut self, memory: usize) -> Result<&mut FunctionEngine, CommandError> {
        if self.functions.is_none() {
            self.functions = Some(FunctionEngine::new(memory)?);
        }
        Ok(self.functions.as_mut().expect("it was just made"))
    }

    /// Whether the engine of scripts had better be dropped after a run: see [`Engine::is_spent`].
    pub(super) fn is_spent(&self, before: usize, memory: usize) -> bool {
        self.scripts.as_ref().is_some_and(|engine| engine.is_spent(before, memory))
    }

    /// Forgets the engine of functions. Returns it, to be dropped elsewhere.
    pub(in crate::store) fn take_functions(&mut self) -> impl Send + use<> {
        self.functions.take()
    }

    /// Forgets the engine of scripts. Returns it, to be dropped elsewhere.
    pub(in crate::store) fn take_scripts(&mut self) -> impl Send + use<> {
        self.scripts.take()
    }

    /// The memory of an interpreter, in bytes.
    pub(super) fn memory(&self, kind: Kind) -> usize {
        let engine = match kind {
            Kind::Script => self.scripts.as_ref(),
            Kind::Function => self.functions.as_ref().map(|functions| &functions.engine.engine),
        };
        engine.map_or(0, |engine| engine.lua.memory_used())
    }
}

impl FunctionEngine {
    fn new(memory: usize) -> Result<Self, CommandError> {
        let engine = LibraryEngine::new(memory)?;
        Ok(Self { engine, generation: 0, loaded: HashSet::new(), functions: HashMap::new() })
    }

    /// Loads libraries that are new, and forgets those that are gone.
    fn update(&mut self, libraries: &Libraries) -> Result<(), CommandError> {
        if self.generation == libraries.generation() {
            return Ok(());
        }
        let there: HashSet<u64> = libraries.all().map(|library| library.id).collect();
        self.functions.retain(|_, (library, _)| there.contains(library));
        self.loaded.retain(|library| there.contains(library));
        for library in libraries.all() {
            if !self.loaded.contains(&library.id) {
                self.load(library)?;
            }
        }
        self.generation = libraries.generation();
        Ok(())
    }

    fn load(&mut self, library: &Library) -> Result<(), CommandError> {
        let Self { engine, loaded, functions, .. } = self;
        library.load(engine, MAX_STEPS_BESIDE_OTHERS, |run, function| {
            let kept = (library.id, run.reference()?);
            functions.entry(folded(&function.name).into_owned()).or_insert(kept);
            Ok(())
        })?;
        loaded.insert(library.id);
        Ok(())
    }
}

/// Compiles scripts that are not to run now. A lock of its own: SCRIPT LOAD holds shards, and waits for no script.
#[derive(Debug, Default)]
pub(super) struct Checker(Option<Engine>);

impl Checker {
    /// Whether a script is valid.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&mut self, source: &[u8], memory: usize) -> Result<(), Failed> {
        let (_, start) = shebang::of_script(source)?;
        let code = &source[start..];
        let is_used = self.0.is_some();
        let mut checked = self.compile(code, memory);
        if is_used && checked.as_ref().is_err_and(|failed| failed.had_no_memory) {
            // Those before may have left too little.
            self.0 = None;
            checked = self.compile(code, memory);
        }
        if self.0.as_ref().is_some_and(|engine| engine.is_spent(engine.empty, memory)) {
            self.0 = None;
        }
        checked
    }

    fn compile(&mut self, code: &[u8], memory: usize) -> Result<(), Failed> {
        let engine = match &mut self.0 {
            Some(engine) => engine,
            none => none.insert(Engine::new(memory).map_err(|_| Failed::NO_MEMORY)?),
        };
        // The setting may have changed since.
        engine.lua.set_limits(Limits::new().memory(memory));
        load(&mut engine.lua.run(&mut ()), code)
    }
}

/// Compiles a script, and pushes its function.
fn load(run: &mut Run<'_>, code: &[u8]) -> Result<(), Failed> {
    match run.load(code, SCRIPT_CHUNK) {
        Ok(()) => Ok(()),
        Err(failure) => {
            let text = text_of(run, &failure);
            let refusal = CommandError::err(format!("Error compiling script (new function): {text}"));
            Err(Failed { refusal, had_no_memory: failure.reason == Reason::Memory })
        }
    }
}

/// Pushes the function of a script, which is compiled if it was not yet.
///
/// # Errors
/// If it is not valid.
pub(super) fn push_script(run: &mut Run<'_>, compiled: &mut Compiled, script: &Script) -> Result<(), Failed> {
    if let Some(script) = compiled.scripts.get(&script.id) {
        return run.push_reference(&script.function).map_err(|_| Failed::NO_MEMORY);
    }
    load(run, script.code())?;
    let bytes = run.code_size(-1) + ENTRY;
    let function = run.reference().map_err(|_| Failed::NO_MEMORY)?;
    run.push_reference(&function).map_err(|_| Failed::NO_MEMORY)?;
    compiled.bytes += bytes;
    compiled.scripts.insert(script.id, CompiledScript { function, bytes });
    Ok(())
}

/// The text of a failure, whose value is on top of the stack.
pub(super) fn text_of(run: &Stack<'_>, failure: &Failure) -> String {
    match failure.reason {
        Reason::Error => run.to_bytes(-1).map_or_else(String::new, |text| String::from_utf8_lossy(&text).into_owned()),
        Reason::Memory => "not enough memory".to_owned(),
        _ => "it was stopped".to_owned(),
    }
}
