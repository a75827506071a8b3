//! How the code of a library runs, which registers its functions.

use bytes::Bytes;
use kvstore_lua::{Failure, Host, Kind, Raise, Reason, Run, Stack};
use kvstore_protocol::CommandError;

use super::{
    api::{host, raise},
    engine::{LIBRARY_CHUNK, LibraryEngine, text_of},
    environment::{Environment, Names},
    libraries::{Function, Library},
    shebang::{self, ScriptFlags, is_name},
};

/// How many steps it may take: about the half second of Redis. It is the same number each time and on every machine, so a library
/// that was accepted is not refused when the journal is replayed.
const MAX_STEPS: u64 = 50_000_000;

/// The same in an interpreter with other libraries, whose garbage is collected meanwhile, and takes steps too.
pub(super) const MAX_STEPS_BESIDE_OTHERS: u64 = 2 * MAX_STEPS;

/// The global that holds the functions while they are registered, by their names. No script can name it.
const REGISTERED: usize = 1;

/// What the code of a library calls.
#[derive(Debug, Default)]
struct LoadHost {
    functions: Vec<Function>,
}

/// A function as it is registered. The callback is on top of the stack.
#[derive(Debug, Default)]
struct Registration {
    name: Option<Vec<u8>>,
    description: Option<Bytes>,
    flags: ScriptFlags,
    has_callback: bool,
}

impl Library {
    /// Runs the code of a library in an interpreter that is dropped after it, to learn its functions.
    ///
    /// # Errors
    /// If it is not valid, fails, or takes too long.
    pub(super) fn parse(source: &[u8], id: u64, memory: usize) -> Result<Self, CommandError> {
        let (engine, name, start) = shebang::of_library(source)?;
        if !engine.eq_ignore_ascii_case("lua") {
            return Err(CommandError::err(format!("Engine '{engine}' not found")));
        }
        let source = Bytes::copy_from_slice(source);
        let mut library = Self { id, name, source, start, functions: Vec::new() };
        library.functions = library.load(&mut LibraryEngine::new(memory)?, MAX_STEPS, |run, _| {
            run.pop(1);
            Ok(())
        })?;
        if library.functions.is_empty() {
            return Err(CommandError::new("ERR", "No functions registered"));
        }
        Ok(library)
    }

    /// Runs the code, and calls `keep` for each function that it has registered, with the function on top of the stack, which it
    /// pops. Returns what was registered.
    ///
    /// # Errors
    /// If the code is not valid, fails, or takes more than `steps`.
    pub(super) fn load(
        &self,
        libraries: &mut LibraryEngine,
        steps: u64,
        mut keep: impl FnMut(&mut Run<'_>, &Function) -> Result<(), Raise>,
    ) -> Result<Vec<Function>, CommandError> {
        let LibraryEngine { engine, environment } = libraries;
        let mut host = LoadHost::default();
        let mut run = engine.lua.run_within(steps, &mut host);
        let no_memory = |refusal: Raise| CommandError::err(refusal.to_string());
        environment.show(&mut run, Names::Registering).map_err(no_memory)?;
        let ran = self.run_code(&mut run, environment);
        environment.show(&mut run, Names::Running).map_err(no_memory)?;
        ran?;
        drop(run);
        let functions = std::mem::take(&mut host.functions);
        let mut run = engine.lua.run(&mut host);
        push_registered(&mut run).map_err(no_memory)?;
        for function in &functions {
            run.get_field(-1, function.name.as_bytes()).map_err(no_memory)?;
            keep(&mut run, function).map_err(no_memory)?;
        }
        run.truncate(0);
        set_registered(&mut run, false).map_err(no_memory)?;
        Ok(functions)
    }

    /// Runs the code, with what registers functions as its globals.
    fn run_code(&self, run: &mut Run<'_>, environment: &Environment) -> Result<(), CommandError> {
        let no_memory = |refusal: Raise| CommandError::err(refusal.to_string());
        set_registered(run, true).map_err(no_memory)?;
        if let Err(failure) = run.load(self.code(), LIBRARY_CHUNK) {
            return Err(CommandError::err(format!("Error compiling function: {}", text_of(run, &failure))));
        }
        environment.enter(run).map_err(no_memory)?;
        if let Err(failure) = run.call(0, 0) {
            let text = failed(run, &failure);
            return Err(CommandError::err(format!("Error registering functions: {text}")));
        }
        Ok(())
    }
}

/// The text of an error, as it is a part of another.
fn failed(run: &mut Run<'_>, failure: &Failure) -> String {
    match failure.reason {
        Reason::Error if run.kind(-1) == Kind::Table => {
            let has_text = run.get_field(-1, b"err").is_ok_and(|kind| kind == Kind::String);
            let text = if has_text { run.bytes(-1) } else { None };
            text.map_or_else(|| "ERR unknown error".to_owned(), |text| String::from_utf8_lossy(text).into_owned())
        }
        Reason::Error => format!("ERR {}", String::from_utf8_lossy(&run.to_bytes(-1).unwrap_or_default())),
        Reason::Memory => "ERR not enough memory".to_owned(),
        _ => "ERR FUNCTION LOAD timeout".to_owned(),
    }
}

/// Sets the table of the functions that are being registered, or removes it.
fn set_registered(stack: &mut Stack<'_>, is_there: bool) -> Result<(), Raise> {
    stack.push_globals()?;
    stack.set_readonly(-1, false)?;
    stack.push_light(REGISTERED)?;
    if is_there {
        stack.new_table(0, 1)?;
    } else {
        stack.push_nil()?;
    }
    stack.set(-3)?;
    stack.set_readonly(-1, true)?;
    stack.pop(1);
    Ok(())
}

fn push_registered(stack: &mut Stack<'_>) -> Result<(), Raise> {
    stack.push_globals()?;
    stack.push_light(REGISTERED)?;
    stack.get(-2)?;
    stack.remove(-2);
    Ok(())
}

impl Host for LoadHost {
    fn call(&mut self, id: u32, stack: &mut Stack<'_>) -> Result<usize, Raise> {
        if id != host::REGISTER_FUNCTION {
            return Err(raise(stack, "ERR redis.call/pcall can only be called inside a script invocation"));
        }
        match self.register(stack) {
            Ok(()) => Ok(0),
            Err(text) => Err(raise(stack, &format!("ERR {text}"))),
        }
    }
}

impl LoadHost {
    fn register(&mut self, stack: &mut Stack<'_>) -> Result<(), &'static str> {
        let registration = match stack.len() {
            1 => Registration::named(stack)?,
            2 => Registration::positional(stack)?,
            _ => return Err("wrong number of arguments to redis.register_function"),
        };
        let Registration { name, description, flags, has_callback } = registration;
        let name = name.ok_or("redis.register_function must get a function name argument")?;
        if !has_callback {
            return Err("redis.register_function must get a callback argument");
        }
        if !is_name(&name) {
            return Err(
                "Function names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            );
        }
        let name = String::from_utf8(name).map_err(|_| "it is no name")?;
        if self.functions.iter().any(|function| function.name == name) {
            return Err("Function already exists in the library");
        }
        keep(stack, &name).map_err(|_| "not enough memory")?;
        self.functions.push(Function { name, description, flags });
        Ok(())
    }
}

/// Puts the callback on top of the stack into the table of those that are registered.
fn keep(stack: &mut Stack<'_>, name: &str) -> Result<(), Raise> {
    push_registered(stack)?;
    stack.insert(-2);
    stack.set_field(-2, name.as_bytes())
}

impl Registration {
    /// `register_function(name, callback)`
    fn positional(stack: &mut Stack<'_>) -> Result<Self, &'static str> {
        let name = stack.to_bytes(1).map(|name| name.into_owned());
        let name = name.ok_or("first argument to redis.register_function must be a string")?;
        if stack.kind(2) != Kind::Function {
            return Err("second argument to redis.register_function must be a function");
        }
        Ok(Self { name: Some(name), has_callback: true, ..Self::default() })
    }

    /// `register_function{function_name = …, callback = …, flags = …, description = …}`
    fn named(stack: &mut Stack<'_>) -> Result<Self, &'static str> {
        const NO_TABLE: &str = "calling redis.register_function with a single argument is only applicable to Lua table \
                                (representing named arguments).";
        if stack.kind(1) != Kind::Table {
            return Err(NO_TABLE);
        }
        let (mut registration, mut position) = (Self::default(), 0);
        while stack.next_entry(1, &mut position).map_err(|_| "not enough memory")? {
            registration.add(stack)?;
            stack.pop(2);
        }
        if registration.has_callback {
            stack.get_field(1, b"callback").map_err(|_| "not enough memory")?;
        }
        Ok(registration)
    }

    /// Adds the argument whose name and value are on top of the stack.
    fn add(&mut self, stack: &mut Stack<'_>) -> Result<(), &'static str> {
        let key = stack.to_bytes(-2).map(|key| key.to_ascii_lowercase());
        let text = || stack.to_bytes(-1).map(|text| text.into_owned());
        match key.as_deref() {
            None => return Err("named argument key given to redis.register_function is not a string"),
            Some(b"function_name") => {
                const NO_TEXT: &str = "function_name argument given to redis.register_function must be a string";
                self.name = Some(text().ok_or(NO_TEXT)?);
            }
            Some(b"description") => {
                const NO_TEXT: &str = "description argument given to redis.register_function must be a string";
                self.description = Some(text().ok_or(NO_TEXT)?.into());
            }
            Some(b"callback") if stack.kind(-1) == Kind::Function => self.has_callback = true,
            Some(b"callback") => {
                return Err("callback argument given to redis.register_function must be a function");
            }
            Some(b"flags") => self.flags = flags(stack)?,
            Some(_) => return Err("unknown argument given to redis.register_function"),
        }
        Ok(())
    }
}

/// The flags in the table on top of the stack.
fn flags(stack: &mut Stack<'_>) -> Result<ScriptFlags, &'static str> {
    if stack.kind(-1) != Kind::Table {
        return Err("flags argument to redis.register_function must be a table representing function flags");
    }
    let mut flags = ScriptFlags::default();
    for index in 1..=i32::MAX {
        let kind = stack.get_index(-1, index).map_err(|_| "not enough memory")?;
        let is_known = kind == Kind::String && flags.add(&stack.bytes(-1).unwrap_or_default().to_ascii_lowercase());
        stack.pop(1);
        match kind {
            Kind::Nil => break,
            _ if is_known => {}
            _ => return Err("unknown flag given"),
        }
    }
    Ok(flags)
}
