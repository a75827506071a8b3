//! The interpreter, and one run of it.

use std::ffi::c_int;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Failure, Raise};
use crate::raw::{self, Machine};
use crate::stack::Stack;

/// What a script can reach outside of Lua, and who decides how long it runs.
pub trait Host {
    /// Answers a call of the function that was pushed as [`Native::Host`](crate::Native::Host) with this number. The
    /// arguments are the slots from 1 on; returns how many values at the top are the results.
    ///
    /// # Errors
    /// What is to be raised in the script.
    fn call(&mut self, number: u32, stack: &mut Stack<'_>) -> Result<usize, Raise>;

    /// Whether the script goes on. It is asked every ten thousand steps or so: a step is a call, a round of a loop, or
    /// as much work in a function of the library. A long function or a long round is more than one, by its instructions.
    fn checkpoint(&mut self) -> bool {
        true
    }
}

/// A host that offers nothing, for scripts that need none.
impl Host for () {
    fn call(&mut self, _number: u32, _stack: &mut Stack<'_>) -> Result<usize, Raise> {
        Err(Raise::new("no such function"))
    }
}

/// So many that no run takes them.
const MAX_STEPS: u64 = u64::MAX / 2;

/// The bounds of an interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    memory: usize,
    steps: u64,
}

impl Limits {
    /// 64 MiB, and as many steps as a script likes.
    #[must_use]
    pub const fn new() -> Self {
        Self { memory: 64 << 20, steps: MAX_STEPS }
    }

    /// How many bytes scripts, compiled and running, may hold. The libraries need about 64 KiB of it.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = if bytes > isize::MAX as usize { isize::MAX as usize } else { bytes };
        self
    }

    /// How many steps a run may take. The count is the same each time that a script runs with the same arguments.
    #[must_use]
    pub const fn steps(mut self, steps: u64) -> Self {
        self.steps = if steps > MAX_STEPS { MAX_STEPS } else { steps };
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Stops the script that runs, from any thread.
///
/// It stops within some microseconds, whatever it does, and whatever it has in its `pcall`s. When a run ends, the
/// request is forgotten. One that comes while nothing runs stops the next run, unless [`clear`](Self::clear) is called
/// before.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicI32>);

impl Interrupt {
    /// Stops the run.
    pub fn stop(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// Forgets that the run is to be stopped.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A value that outlives a run: a compiled script, for one. It is released on drop.
#[derive(Debug)]
pub struct Reference {
    kept: c_int,
    dropped: Dropped,
}

/// The references that were dropped, until the interpreter is at hand.
type Dropped = Arc<Mutex<Vec<c_int>>>;

impl Drop for Reference {
    fn drop(&mut self) {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).push(self.kept);
    }
}

/// Lua 5.1 with the libraries that scripts have: base, string, table, math, coroutine, and `os.clock`.
///
/// # Examples
/// ```
/// use kvstore_lua::{Interpreter, Limits};
///
/// let mut lua = Interpreter::new(Limits::new()).expect("enough for the libraries");
/// let mut host = ();
/// let mut run = lua.run(&mut host);
/// run.load(b"local x = ... return x .. '!'", "@user_script").expect("it compiles");
/// run.push_bytes(b"hello").expect("there is room");
/// run.call(1, 1).expect("it runs");
/// assert_eq!(run.bytes(-1), Some(&b"hello!"[..]));
/// ```
pub struct Interpreter {
    machine: Machine,
    // Behind the machine, which reads it: fields are dropped in order.
    stop: Arc<AtomicI32>,
    dropped: Dropped,
    limits: Limits,
}

impl Interpreter {
    /// Makes an interpreter; nothing if the memory that it may hold is too little for the libraries.
    #[must_use]
    pub fn new(limits: Limits) -> Option<Self> {
        let stop = Arc::new(AtomicI32::new(0));
        let machine = Machine::new(limits.memory, &stop)?;
        Some(Self { machine, stop, dropped: Dropped::default(), limits })
    }

    /// Begins a run: an empty stack, with a host behind it. `math.random` starts afresh.
    pub fn run<'a>(&'a mut self, host: &'a mut dyn Host) -> Run<'a> {
        self.run_within(self.limits.steps, host)
    }

    /// The same for a run that may take another number of steps than the [limits](Limits::steps) say.
    pub fn run_within<'a>(&'a mut self, steps: u64, host: &'a mut dyn Host) -> Run<'a> {
        let lua = self.machine.lua();
        self.release_dropped();
        self.machine.set_host(Some(host));
        lua.begin(steps.min(MAX_STEPS));
        Run { stack: Stack::over(lua), interpreter: self }
    }

    /// What stops a run from elsewhere.
    #[must_use]
    pub fn interrupt(&self) -> Interrupt {
        Interrupt(Arc::clone(&self.stop))
    }

    /// The bytes that are in use, garbage included.
    #[must_use]
    pub fn memory_used(&self) -> usize {
        self.machine.lua().used()
    }

    /// Changes the bounds, from the next run on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.machine.lua().set_limit(limits.memory);
    }

    /// Collects all garbage. What scripts leave is collected bit by bit as others run, so this is for when memory
    /// should be given back at once; it takes some ten milliseconds for each 64 MiB.
    pub fn collect(&mut self) {
        self.release_dropped();
        self.machine.lua().collect();
    }

    fn release_dropped(&mut self) {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in dropped.drain(..) {
            self.machine.lua().release(kept);
        }
    }
}

impl fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreter").field("limits", &self.limits).field("memory_used", &self.memory_used()).finish()
    }
}

/// One run of an interpreter: a [`Stack`] from which functions can be called.
///
/// When it is dropped the stack is emptied and the host forgotten.
pub struct Run<'a> {
    stack: Stack<'a>,
    interpreter: &'a mut Interpreter,
}

impl Run<'_> {
    /// Compiles source and pushes it as a function. Bytecode is not source. The name of the chunk says what errors are
    /// in; it is shown without the `@` that it should begin with.
    ///
    /// # Errors
    /// When it does not compile: then the message is pushed. When it was stopped or memory is used up: then `nil` may
    /// be pushed.
    pub fn load(&mut self, source: &[u8], chunk: &str) -> Result<(), Failure> {
        self.interpreter.machine.load(source, &raw::chunk_name(chunk))
    }

    /// Calls the function below the arguments, and replaces all of them by its results, as many as asked for.
    ///
    /// # Errors
    /// When the function fails: then the value of the error replaces them.
    ///
    /// # Panics
    /// When the host has panicked, with what it has panicked with.
    pub fn call(&mut self, arguments: i32, results: i32) -> Result<(), Failure> {
        self.interpreter.machine.call(arguments.max(0), results.max(0))
    }

    /// Pops a value and keeps it beyond the run.
    ///
    /// # Errors
    /// When memory is used up, or there is no value.
    pub fn reference(&mut self) -> Result<Reference, Raise> {
        let kept = self.interpreter.machine.lua().keep()?;
        Ok(Reference { kept, dropped: Arc::clone(&self.interpreter.dropped) })
    }

    /// Pushes a value that was kept. A function without upvalues, as a compiled script is, comes as a new closure over
    /// the globals, so that `setfenv` changes it for this run alone.
    ///
    /// # Errors
    /// When the reference is of another interpreter, or memory is used up.
    pub fn push_reference(&mut self, reference: &Reference) -> Result<(), Raise> {
        if !Arc::ptr_eq(&reference.dropped, &self.interpreter.dropped) {
            return Err(Raise::new("a reference of another interpreter"));
        }
        self.interpreter.machine.lua().push_kept(reference.kept)
    }

    /// Seeds `math.random`. Without it a run is seeded with 0, so that all draw the same.
    pub fn seed(&mut self, seed: u32) {
        self.interpreter.machine.lua().seed(seed);
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.interpreter.machine.lua().end();
        self.interpreter.machine.set_host(None);
        self.interpreter.stop.store(0, Ordering::Relaxed);
    }
}

impl<'a> Deref for Run<'a> {
    type Target = Stack<'a>;

    fn deref(&self) -> &Stack<'a> {
        &self.stack
    }
}

impl<'a> DerefMut for Run<'a> {
    fn deref_mut(&mut self) -> &mut Stack<'a> {
        &mut self.stack
    }
}

impl fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("stack", &self.stack).finish_non_exhaustive()
    }
}
