//! What the shim in C offers, behind methods that check slots: the one module with `unsafe` code.
//!
//! Nothing that is called here jumps over a frame of Rust: see the head of `shim.c`.

#![expect(unsafe_code, reason = "Lua is C")]

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicI32;

use crate::error::{Failure, Raise, Reason};
use crate::{Host, Native, Stack};

/// Lua's `lua_State`.
#[repr(C)]
struct State {
    _opaque: [u8; 0],
}

/// Where the last error was raised, and why the run is being stopped.
#[repr(C)]
struct Place {
    source: *const c_char,
    line: c_int,
    stopping: c_int,
}

type Allocate = unsafe extern "C" fn(*mut c_void, *mut c_void, usize, usize) -> *mut c_void;
type Checkpoint = unsafe extern "C" fn(*mut c_void) -> c_int;
type CallNative = unsafe extern "C" fn(*mut c_void, *mut State, *const c_void, c_int) -> c_int;
type Function = fn(&mut Stack<'_>) -> Result<usize, Raise>;

unsafe extern "C" {
    fn kvlua_new(
        allocate: Allocate,
        owner: *mut c_void,
        stop: *const AtomicI32,
        limit: usize,
        checkpoint: Checkpoint,
        native: CallNative,
    ) -> *mut State;
    fn kvlua_close(state: *mut State);
    fn kvlua_used(state: *mut State) -> usize;
    fn kvlua_set_limit(state: *mut State, limit: usize);
    fn kvlua_begin(state: *mut State, budget: u64);
    fn kvlua_end(state: *mut State);
    fn kvlua_run(state: *mut State) -> u64;
    fn kvlua_seed(state: *mut State, seed: u32);
    fn kvlua_collect(state: *mut State);
    fn kvlua_step(state: *mut State, steps: usize) -> c_int;
    fn kvlua_fits(state: *mut State, size: usize) -> c_int;
    fn kvlua_call(state: *mut State, arguments: c_int, results: c_int, place: *mut Place) -> c_int;
    fn kvlua_load(state: *mut State, source: *const u8, size: usize, name: *const c_char, place: *mut Place) -> c_int;
    fn kvlua_push_native(state: *mut State, function: *const c_void, id: c_int) -> c_int;
    fn kvlua_push_block(state: *mut State, bytes: *const u8, size: usize) -> c_int;
    fn kvlua_push_native_with(state: *mut State, function: *const c_void) -> c_int;
    fn kvlua_block(state: *mut State, size: *mut usize) -> *mut u8;
    fn kvlua_where(state: *mut State, level: c_int, to: *mut c_char, size: usize) -> usize;
    fn kvlua_function_name(state: *mut State, method: *mut c_int) -> *const c_char;
    fn kvlua_top(state: *mut State) -> c_int;
    fn kvlua_set_top(state: *mut State, top: c_int);
    fn kvlua_kind(state: *mut State, i: c_int) -> c_int;
    fn kvlua_boolean(state: *mut State, i: c_int) -> c_int;
    fn kvlua_number(state: *mut State, i: c_int, coerce: c_int, number: *mut f64) -> c_int;
    fn kvlua_bytes(state: *mut State, i: c_int, size: *mut usize) -> *const u8;
    fn kvlua_number_text(number: f64, to: *mut u8) -> usize;
    fn kvlua_length(state: *mut State, i: c_int) -> usize;
    fn kvlua_code_size(state: *mut State, i: c_int) -> usize;
    fn kvlua_pointer(state: *mut State, i: c_int) -> *const c_void;
    fn kvlua_raw_equal(state: *mut State, i: c_int, j: c_int) -> c_int;
    fn kvlua_push_nil(state: *mut State) -> c_int;
    fn kvlua_push_boolean(state: *mut State, b: c_int) -> c_int;
    fn kvlua_push_number(state: *mut State, n: f64) -> c_int;
    fn kvlua_push_light(state: *mut State, p: *mut c_void) -> c_int;
    fn kvlua_push_bytes(state: *mut State, s: *const u8, size: usize) -> c_int;
    fn kvlua_push_copy(state: *mut State, i: c_int) -> c_int;
    fn kvlua_push_globals(state: *mut State) -> c_int;
    fn kvlua_push_table(state: *mut State, array: usize, hash: usize) -> c_int;
    fn kvlua_insert(state: *mut State, i: c_int);
    fn kvlua_remove(state: *mut State, i: c_int);
    fn kvlua_replace(state: *mut State, i: c_int);
    fn kvlua_reserve(state: *mut State, slots: c_int) -> c_int;
    fn kvlua_get(state: *mut State, i: c_int) -> c_int;
    fn kvlua_get_index(state: *mut State, i: c_int, n: c_int) -> c_int;
    fn kvlua_get_field(state: *mut State, i: c_int, s: *const u8, size: usize) -> c_int;
    fn kvlua_set(state: *mut State, i: c_int) -> c_int;
    fn kvlua_set_index(state: *mut State, i: c_int, n: c_int) -> c_int;
    fn kvlua_set_field(state: *mut State, i: c_int, s: *const u8, size: usize, force: c_int) -> c_int;
    fn kvlua_append(state: *mut State, n: c_int) -> c_int;
    fn kvlua_make_array(state: *mut State, n: c_int) -> c_int;
    fn kvlua_make_map(state: *mut State, n: c_int) -> c_int;
    fn kvlua_next(state: *mut State, i: c_int, position: *mut usize) -> c_int;
    fn kvlua_index_keys(state: *mut State, i: c_int, largest: *mut c_int, count: *mut usize) -> c_int;
    fn kvlua_count(state: *mut State, i: c_int) -> usize;
    fn kvlua_elements(state: *mut State, i: c_int, has_fields: *mut c_int) -> usize;
    fn kvlua_metatable(state: *mut State, i: c_int) -> c_int;
    fn kvlua_set_metatable(state: *mut State, i: c_int) -> c_int;
    fn kvlua_set_readonly(state: *mut State, i: c_int, readonly: c_int) -> c_int;
    fn kvlua_is_readonly(state: *mut State, i: c_int) -> c_int;
    fn kvlua_set_environment(state: *mut State, i: c_int) -> c_int;
    fn kvlua_keep(state: *mut State) -> c_int;
    fn kvlua_release(state: *mut State, kept: c_int);
    fn kvlua_push_kept(state: *mut State, kept: c_int) -> c_int;
    fn kvlua_protect(state: *mut State, i: c_int) -> c_int;
    fn kvlua_refuse_absent(state: *mut State, i: c_int) -> c_int;
}

/// What the calls out of Lua find.
#[derive(Default)]
struct Owner {
    host: Option<NonNull<dyn Host>>,
    /// While the host runs, it is not asked.
    is_host_running: bool,
    panic: Option<Box<dyn Any + Send>>,
}

/// A state of Lua. It is valid while the [`Machine`] that gave it lives, and only that gives it away.
#[derive(Clone, Copy)]
pub(crate) struct Lua(NonNull<State>);

/// A state of Lua and what it needs, closed on drop.
pub(crate) struct Machine {
    lua: Lua,
    owner: NonNull<Owner>,
}

// SAFETY: the state and its owner belong to the machine alone, nothing in them depends on a thread, and a host is there
// only while it is borrowed by a run, which is not `Send`.
unsafe impl Send for Machine {}

impl Machine {
    /// Makes a state; `None` if `limit` is too little for it. `stop` must live as long as the machine.
    pub(crate) fn new(limit: usize, stop: &AtomicI32) -> Option<Self> {
        let owner = NonNull::from(Box::leak(Box::<Owner>::default()));
        // SAFETY: the functions have the types that C expects, and `owner` and `stop` live as long as the state.
        let state = unsafe { kvlua_new(allocate, owner.as_ptr().cast(), stop, limit, checkpoint, call_native) };
        let Some(state) = NonNull::new(state) else {
            // SAFETY: it was leaked above, and nobody has it.
            drop(unsafe { Box::from_raw(owner.as_ptr()) });
            return None;
        };
        Some(Self { lua: Lua(state), owner })
    }

    pub(crate) fn lua(&self) -> Lua {
        self.lua
    }

    /// Has the host for the runs to come; the one who sets it takes it away before its borrow ends.
    pub(crate) fn set_host(&mut self, host: Option<&mut (dyn Host + '_)>) {
        let host = host.map(|host| {
            let host: NonNull<dyn Host + '_> = NonNull::from(host);
            // SAFETY: only the lifetime changes, and a run takes the host away when it ends.
            unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host) }
        });
        // SAFETY: no call out of Lua is going on, for that borrows the machine.
        unsafe { (*self.owner.as_ptr()).host = host };
    }

    /// Calls the function below its arguments.
    pub(crate) fn call(&mut self, arguments: c_int, results: c_int) -> Result<(), Failure> {
        let mut place = Place { source: ptr::null(), line: -1, stopping: 0 };
        // SAFETY: the state is valid; the shim checks that the arguments are there.
        let status = unsafe { kvlua_call(self.lua.as_ptr(), arguments, results, &raw mut place) };
        self.finish(status, &place)
    }

    /// Compiles source, and pushes the function.
    pub(crate) fn load(&mut self, source: &[u8], name: &CStr) -> Result<(), Failure> {
        let mut place = Place { source: ptr::null(), line: -1, stopping: 0 };
        // SAFETY: the state is valid, and so are the source for its length and the name up to its end.
        let status =
            unsafe { kvlua_load(self.lua.as_ptr(), source.as_ptr(), source.len(), name.as_ptr(), &raw mut place) };
        self.finish(status, &place)
    }

    fn finish(&mut self, status: c_int, place: &Place) -> Result<(), Failure> {
        // SAFETY: no call out of Lua is going on.
        if let Some(panic) = unsafe { (*self.owner.as_ptr()).panic.take() } {
            resume_unwind(panic);
        }
        let reason = match (status, place.stopping) {
            (0, _) => return Ok(()),
            (_, 2) => Reason::Budget,
            (_, 1) => Reason::Stopped,
            (4, _) => Reason::Memory,
            _ => Reason::Error,
        };
        let source = if place.source.is_null() {
            None
        } else {
            // SAFETY: the guard has it, ended by a zero, until the next call.
            let source = unsafe { CStr::from_ptr(place.source) }.to_string_lossy();
            (!source.is_empty()).then(|| source.into_owned())
        };
        Err(Failure { reason, source, line: u32::try_from(place.line).ok() })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: the state is valid until here; closing it calls nothing but `allocate`, which needs no owner.
        unsafe { kvlua_close(self.lua.as_ptr()) };
        // SAFETY: it was leaked when the machine was made.
        drop(unsafe { Box::from_raw(self.owner.as_ptr()) });
    }
}

/// The allocator of a state: Rust's own.
unsafe extern "C" fn allocate(_owner: *mut c_void, block: *mut c_void, old: usize, new: usize) -> *mut c_void {
    // What Lua keeps needs the alignment of a double and of a pointer.
    let layout = |size| Layout::from_size_align(size, 8);
    let (Ok(before), Ok(after)) = (layout(old), layout(new)) else { return ptr::null_mut() };
    if block.is_null() || old == 0 {
        if new == 0 {
            return ptr::null_mut();
        }
        // SAFETY: the size is not zero.
        return unsafe { alloc(after) }.cast();
    }
    if new == 0 {
        // SAFETY: Lua gives a block back with the size that it asked for.
        unsafe { dealloc(block.cast(), before) };
        return ptr::null_mut();
    }
    // SAFETY: as above, and the new size is not zero.
    unsafe { realloc(block.cast(), before, new) }.cast()
}

/// Asks the host whether the run goes on.
unsafe extern "C" fn checkpoint(owner: *mut c_void) -> c_int {
    // SAFETY: it is the owner that the state was made with, and nothing else has a reference to it while Lua runs.
    let owner = unsafe { &mut *owner.cast::<Owner>() };
    let Some(mut host) = owner.host.filter(|_| !owner.is_host_running) else { return 1 };
    // SAFETY: the run that is going on borrows it mutably, and it does not run.
    match catch_unwind(AssertUnwindSafe(|| unsafe { host.as_mut() }.checkpoint())) {
        Ok(go) => c_int::from(go),
        Err(panic) => {
            owner.panic = Some(panic);
            0
        }
    }
}

const RAISE: c_int = -1;
const NO_MEMORY: c_int = -2;
const STOP: c_int = -3;

/// Calls a native function, and leaves its results or its error on the stack.
unsafe extern "C" fn call_native(owner: *mut c_void, state: *mut State, function: *const c_void, id: c_int) -> c_int {
    let owner = owner.cast::<Owner>();
    let Some(state) = NonNull::new(state) else { return STOP };
    let lua = Lua(state);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut stack = Stack::over(lua);
        let result = if function.is_null() {
            // SAFETY: nothing else uses the owner while Lua runs.
            match unsafe { (*owner).host } {
                Some(mut host) => {
                    // SAFETY: as above.
                    unsafe { (*owner).is_host_running = true };
                    // SAFETY: the run that is going on borrows it mutably, and a native function cannot call Lua, so
                    // that it is not called twice at once.
                    unsafe { host.as_mut() }.call(id.cast_unsigned(), &mut stack)
                }
                None => Err(Raise::new("no host")),
            }
        } else {
            // SAFETY: `push_native` has made it of such a function.
            let function = unsafe { std::mem::transmute::<*const c_void, Function>(function) };
            function(&mut stack)
        };
        match result {
            Ok(results) => c_int::try_from(results).unwrap_or(c_int::MAX).min(stack.len()),
            Err(raise) => leave_error(lua, &raise),
        }
    }));
    // SAFETY: as above.
    unsafe { (*owner).is_host_running = false };
    result.unwrap_or_else(|panic| {
        // SAFETY: as above.
        unsafe { (*owner).panic = Some(panic) };
        STOP
    })
}

/// Pushes the value of an error.
fn leave_error(lua: Lua, raise: &Raise) -> c_int {
    let text = match raise {
        Raise::Value if lua.top() > 0 => return RAISE,
        Raise::Value => b"".to_vec(),
        Raise::Memory => return NO_MEMORY,
        Raise::Stopped => return STOP,
        Raise::Text(text) => text.clone(),
        Raise::Here(text) => [lua.position(1).as_slice(), text].concat(),
        Raise::Argument(number, text) => lua.argument_error(*number, text),
    };
    // Arguments are of no use any more, and may have used up the slots.
    lua.set_top(0);
    match lua.push_bytes(&text) {
        Ok(()) => RAISE,
        Err(_) => NO_MEMORY,
    }
}

/// What a call of the shim has returned.
fn checked(done: c_int) -> Result<(), Raise> {
    match done {
        0 => Ok(()),
        1 => Err(Raise::Memory),
        2 => Err(Raise::here("stack overflow")),
        3 => Err(Raise::here("Attempt to modify a readonly table")),
        4 => Err(Raise::here("table index is nil or NaN")),
        5 => Err(Raise::here("table overflow")),
        _ => Err(Raise::here("not a table")),
    }
}

impl Lua {
    fn as_ptr(self) -> *mut State {
        self.0.as_ptr()
    }

    /// The slot, counted from the bottom, if it is in use.
    fn slot(self, i: i32) -> Option<c_int> {
        let top = self.top();
        match i {
            1.. if i <= top => Some(i),
            ..=-1 if i >= -top => Some(top + i + 1),
            _ => None,
        }
    }

    /// The slot of a table. What else is there the shim finds out.
    fn table(self, i: i32) -> Result<c_int, Raise> {
        self.slot(i).ok_or_else(|| Raise::here("not a table"))
    }

    fn has(self, values: c_int) -> Result<(), Raise> {
        if self.top() >= values { Ok(()) } else { Err(Raise::here("too few values on the stack")) }
    }
}

// The calls of the shim. Each takes a state that is valid (see `Lua`), and slots that `slot` has found to be in use.
impl Lua {
    pub(crate) fn used(self) -> usize {
        // SAFETY: the state is valid.
        unsafe { kvlua_used(self.as_ptr()) }
    }

    pub(crate) fn set_limit(self, limit: usize) {
        // SAFETY: the state is valid.
        unsafe { kvlua_set_limit(self.as_ptr(), limit) }
    }

    pub(crate) fn begin(self, budget: u64) {
        // SAFETY: the state is valid.
        unsafe { kvlua_begin(self.as_ptr(), budget) }
    }

    pub(crate) fn end(self) {
        // SAFETY: the state is valid.
        unsafe { kvlua_end(self.as_ptr()) }
    }

    pub(crate) fn run(self) -> u64 {
        // SAFETY: the state is valid.
        unsafe { kvlua_run(self.as_ptr()) }
    }

    pub(crate) fn seed(self, seed: u32) {
        // SAFETY: the state is valid.
        unsafe { kvlua_seed(self.as_ptr(), seed) }
    }

    pub(crate) fn collect(self) {
        // SAFETY: the state is valid.
        unsafe { kvlua_collect(self.as_ptr()) }
    }

    pub(crate) fn step(self, steps: usize) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        if unsafe { kvlua_step(self.as_ptr(), steps) } == 0 { Ok(()) } else { Err(Raise::Stopped) }
    }

    pub(crate) fn fits(self, size: usize) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        if unsafe { kvlua_fits(self.as_ptr(), size) } != 0 { Ok(()) } else { Err(Raise::Memory) }
    }

    /// Where the function at `level` is, as `luaL_where` tells it.
    pub(crate) fn position(self, level: i32) -> Vec<u8> {
        let mut text = [0_u8; 128];
        // SAFETY: the state is valid, and the shim writes no more than the size.
        let size = unsafe { kvlua_where(self.as_ptr(), level.max(0), text.as_mut_ptr().cast(), text.len()) };
        text[..size.min(text.len())].to_vec()
    }

    /// The text of `luaL_argerror`.
    fn argument_error(self, number: i32, text: &[u8]) -> Vec<u8> {
        let mut method = 0;
        // SAFETY: the state is valid.
        let name = unsafe { kvlua_function_name(self.as_ptr(), &raw mut method) };
        let name = if name.is_null() {
            "?".into()
        } else {
            // SAFETY: a name in Lua is ended by a zero, and the function that has it is running.
            unsafe { CStr::from_ptr(name) }.to_string_lossy()
        };
        let mut message = self.position(1);
        match number - i32::from(method != 0) {
            0 if method != 0 => message.extend_from_slice(format!("calling '{name}' on bad self (").as_bytes()),
            number => message.extend_from_slice(format!("bad argument #{number} to '{name}' (").as_bytes()),
        }
        message.extend_from_slice(text);
        message.push(b')');
        message
    }

    pub(crate) fn top(self) -> c_int {
        // SAFETY: the state is valid.
        unsafe { kvlua_top(self.as_ptr()) }
    }

    /// Shortens the stack.
    pub(crate) fn set_top(self, top: c_int) {
        let top = top.clamp(0, self.top());
        // SAFETY: the state is valid, and the stack does not grow.
        unsafe { kvlua_set_top(self.as_ptr(), top) }
    }

    /// The type as Lua numbers it; -1 for none.
    pub(crate) fn kind(self, i: i32) -> c_int {
        // SAFETY: the slot is in use.
        self.slot(i).map_or(-1, |i| unsafe { kvlua_kind(self.as_ptr(), i) })
    }

    pub(crate) fn boolean(self, i: i32) -> bool {
        // SAFETY: the slot is in use.
        self.slot(i).is_some_and(|i| unsafe { kvlua_boolean(self.as_ptr(), i) } != 0)
    }

    pub(crate) fn number(self, i: i32, coerce: bool) -> Option<f64> {
        let i = self.slot(i)?;
        let mut number = 0.0;
        // SAFETY: the slot is in use.
        (unsafe { kvlua_number(self.as_ptr(), i, c_int::from(coerce), &raw mut number) } != 0).then_some(number)
    }

    /// The bytes of a string. They stay while the slot has it, which the caller sees to.
    pub(crate) fn bytes<'a>(self, i: i32) -> Option<&'a [u8]> {
        let i = self.slot(i)?;
        let mut size = 0;
        // SAFETY: the slot is in use.
        let bytes = unsafe { kvlua_bytes(self.as_ptr(), i, &raw mut size) };
        // SAFETY: Lua's strings do not move or change, and are not collected while a slot has them.
        (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, size) })
    }

    pub(crate) fn length(self, i: i32) -> usize {
        // SAFETY: the slot is in use.
        self.slot(i).map_or(0, |i| unsafe { kvlua_length(self.as_ptr(), i) })
    }

    pub(crate) fn code_size(self, i: i32) -> usize {
        // SAFETY: the slot is in use.
        self.slot(i).map_or(0, |i| unsafe { kvlua_code_size(self.as_ptr(), i) })
    }

    pub(crate) fn pointer(self, i: i32) -> *const c_void {
        // SAFETY: the slot is in use.
        self.slot(i).map_or(ptr::null(), |i| unsafe { kvlua_pointer(self.as_ptr(), i) })
    }

    pub(crate) fn raw_equal(self, i: i32, j: i32) -> bool {
        let (Some(i), Some(j)) = (self.slot(i), self.slot(j)) else { return false };
        // SAFETY: the slots are in use.
        unsafe { kvlua_raw_equal(self.as_ptr(), i, j) != 0 }
    }

    pub(crate) fn push_nil(self) -> Result<(), Raise> {
        // SAFETY: the state is valid; the shim sees to a free slot, here and below.
        checked(unsafe { kvlua_push_nil(self.as_ptr()) })
    }

    pub(crate) fn push_boolean(self, value: bool) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_push_boolean(self.as_ptr(), c_int::from(value)) })
    }

    pub(crate) fn push_number(self, value: f64) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_push_number(self.as_ptr(), value) })
    }

    pub(crate) fn push_light(self, value: usize) -> Result<(), Raise> {
        // SAFETY: the state is valid, and a light userdata is never followed.
        checked(unsafe { kvlua_push_light(self.as_ptr(), ptr::without_provenance_mut(value)) })
    }

    pub(crate) fn push_bytes(self, bytes: &[u8]) -> Result<(), Raise> {
        // SAFETY: the state is valid, and the bytes are there for their length.
        checked(unsafe { kvlua_push_bytes(self.as_ptr(), bytes.as_ptr(), bytes.len()) })
    }

    pub(crate) fn push_copy(self, i: i32) -> Result<(), Raise> {
        let Some(i) = self.slot(i) else { return self.push_nil() };
        // SAFETY: the slot is in use.
        checked(unsafe { kvlua_push_copy(self.as_ptr(), i) })
    }

    pub(crate) fn push_globals(self) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_push_globals(self.as_ptr()) })
    }

    pub(crate) fn push_table(self, array: usize, hash: usize) -> Result<(), Raise> {
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_push_table(self.as_ptr(), array, hash) })
    }

    pub(crate) fn push_native(self, native: Native) -> Result<(), Raise> {
        let (function, id) = match native {
            Native::Function(function) => (function as *const c_void, 0),
            Native::Host(id) => (ptr::null(), id.cast_signed()),
        };
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_push_native(self.as_ptr(), function, id) })
    }

    pub(crate) fn push_block(self, bytes: &[u8]) -> Result<(), Raise> {
        // SAFETY: the state is valid, and the bytes are there for their length.
        checked(unsafe { kvlua_push_block(self.as_ptr(), bytes.as_ptr(), bytes.len()) })
    }

    pub(crate) fn push_native_with(self, function: Function) -> Result<(), Raise> {
        self.has(1)?;
        // SAFETY: the state is valid, and the top is in use.
        checked(unsafe { kvlua_push_native_with(self.as_ptr(), function as *const c_void) })
    }

    /// The block of the function that runs. It stays as long as that, which the caller sees to.
    pub(crate) fn block<'a>(self) -> Option<&'a mut [u8]> {
        let mut size = 0;
        // SAFETY: the state is valid.
        let bytes = unsafe { kvlua_block(self.as_ptr(), &raw mut size) };
        // SAFETY: the function keeps its block, whose bytes were written when it was made, and nothing else reads it.
        (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts_mut(bytes, size) })
    }

    pub(crate) fn insert(self, i: i32) {
        if let Some(i) = self.slot(i) {
            // SAFETY: the slot is in use.
            unsafe { kvlua_insert(self.as_ptr(), i) }
        }
    }

    pub(crate) fn remove(self, i: i32) {
        if let Some(i) = self.slot(i) {
            // SAFETY: the slot is in use.
            unsafe { kvlua_remove(self.as_ptr(), i) }
        }
    }

    pub(crate) fn replace(self, i: i32) {
        if let Some(i) = self.slot(i) {
            // SAFETY: the slot is in use.
            unsafe { kvlua_replace(self.as_ptr(), i) }
        }
    }

    pub(crate) fn reserve(self, slots: usize) -> Result<(), Raise> {
        let slots = c_int::try_from(slots).unwrap_or(c_int::MAX);
        // SAFETY: the state is valid.
        checked(unsafe { kvlua_reserve(self.as_ptr(), slots) })
    }

    pub(crate) fn get(self, table: i32) -> Result<(), Raise> {
        self.has(1)?;
        let table = self.table(table)?;
        // SAFETY: the slot is in use, and so is the top.
        checked(unsafe { kvlua_get(self.as_ptr(), table) })
    }

    pub(crate) fn get_index(self, table: i32, n: i32) -> Result<(), Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use.
        checked(unsafe { kvlua_get_index(self.as_ptr(), table, n) })
    }

    pub(crate) fn get_field(self, table: i32, name: &[u8]) -> Result<(), Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use, and the name is there for its length.
        checked(unsafe { kvlua_get_field(self.as_ptr(), table, name.as_ptr(), name.len()) })
    }

    pub(crate) fn set(self, table: i32) -> Result<(), Raise> {
        self.has(3)?;
        let table = self.table(table)?;
        // SAFETY: the slot is in use, and so are the two at the top.
        checked(unsafe { kvlua_set(self.as_ptr(), table) })
    }

    pub(crate) fn set_index(self, table: i32, n: i32) -> Result<(), Raise> {
        self.has(2)?;
        let table = self.table(table)?;
        // SAFETY: the slot is in use, and so is the top.
        checked(unsafe { kvlua_set_index(self.as_ptr(), table, n) })
    }

    pub(crate) fn set_field(self, table: i32, name: &[u8], force: bool) -> Result<(), Raise> {
        self.has(2)?;
        let table = self.table(table)?;
        let force = c_int::from(force);
        // SAFETY: the slot is in use, and so is the top; the name is there for its length.
        checked(unsafe { kvlua_set_field(self.as_ptr(), table, name.as_ptr(), name.len(), force) })
    }

    pub(crate) fn append(self, n: i32) -> Result<(), Raise> {
        // SAFETY: the state is valid, and the shim sees to the slots.
        checked(unsafe { kvlua_append(self.as_ptr(), n) })
    }

    pub(crate) fn make_array(self, n: i32) -> Result<(), Raise> {
        self.has(n)?;
        // SAFETY: so many slots are in use, and `n` is not negative.
        checked(unsafe { kvlua_make_array(self.as_ptr(), n.max(0)) })
    }

    pub(crate) fn make_map(self, n: i32) -> Result<(), Raise> {
        self.has(n.saturating_mul(2))?;
        // SAFETY: so many slots are in use, and `n` is not negative.
        checked(unsafe { kvlua_make_map(self.as_ptr(), n.max(0)) })
    }

    pub(crate) fn next(self, table: i32, position: &mut usize) -> Result<bool, Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use.
        match unsafe { kvlua_next(self.as_ptr(), table, position) } {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Raise::here("stack overflow")),
        }
    }

    /// Whether all keys of a table are integers from 1 on, and whether one is beyond those of 32 bits; the largest, and how
    /// many there are.
    pub(crate) fn index_keys(self, table: i32) -> Option<(bool, i32, usize)> {
        let table = self.slot(table)?;
        let (mut largest, mut count) = (0, 0);
        // SAFETY: the slot is in use.
        match unsafe { kvlua_index_keys(self.as_ptr(), table, &raw mut largest, &raw mut count) } {
            0 => None,
            keys => Some((keys == 2, largest, count)),
        }
    }

    pub(crate) fn count(self, table: i32) -> usize {
        // SAFETY: the slot is in use.
        self.slot(table).map_or(0, |table| unsafe { kvlua_count(self.as_ptr(), table) })
    }

    pub(crate) fn elements(self, table: i32) -> (usize, bool) {
        let mut has_fields = 0;
        // SAFETY: the slot is in use.
        let count = self.slot(table).map(|table| unsafe { kvlua_elements(self.as_ptr(), table, &raw mut has_fields) });
        (count.unwrap_or_default(), has_fields != 0)
    }

    pub(crate) fn metatable(self, i: i32) -> bool {
        // SAFETY: the slot is in use.
        self.slot(i).is_some_and(|i| unsafe { kvlua_metatable(self.as_ptr(), i) } != 0)
    }

    pub(crate) fn set_metatable(self, table: i32) -> Result<(), Raise> {
        self.has(2)?;
        let table = self.table(table)?;
        // SAFETY: the slot is in use, and so is the top.
        checked(unsafe { kvlua_set_metatable(self.as_ptr(), table) })
    }

    pub(crate) fn set_readonly(self, table: i32, readonly: bool) -> Result<(), Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use.
        checked(unsafe { kvlua_set_readonly(self.as_ptr(), table, c_int::from(readonly)) })
    }

    pub(crate) fn is_readonly(self, i: i32) -> bool {
        // SAFETY: the slot is in use.
        self.slot(i).is_some_and(|i| unsafe { kvlua_is_readonly(self.as_ptr(), i) } != 0)
    }

    pub(crate) fn set_environment(self, function: i32) -> Result<(), Raise> {
        self.has(2)?;
        let function = self.table(function)?;
        // SAFETY: the slot is in use, and so is the top.
        checked(unsafe { kvlua_set_environment(self.as_ptr(), function) })
    }

    /// Pops a value and keeps it. The number is of use to [`push_kept`](Self::push_kept) and `release` alone.
    pub(crate) fn keep(self) -> Result<c_int, Raise> {
        self.has(1)?;
        // SAFETY: the top is in use.
        match unsafe { kvlua_keep(self.as_ptr()) } {
            0 => Err(Raise::Memory),
            kept => Ok(kept),
        }
    }

    pub(crate) fn release(self, kept: c_int) {
        // SAFETY: the state is valid, and a number is released once, by the drop of what has it.
        unsafe { kvlua_release(self.as_ptr(), kept) }
    }

    pub(crate) fn push_kept(self, kept: c_int) -> Result<(), Raise> {
        // SAFETY: the state is valid; another number gives another value, never something else.
        checked(unsafe { kvlua_push_kept(self.as_ptr(), kept) })
    }

    pub(crate) fn protect(self, table: i32) -> Result<(), Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use.
        checked(unsafe { kvlua_protect(self.as_ptr(), table) })
    }

    pub(crate) fn refuse_absent(self, table: i32) -> Result<(), Raise> {
        let table = self.table(table)?;
        // SAFETY: the slot is in use.
        checked(unsafe { kvlua_refuse_absent(self.as_ptr(), table) })
    }
}

/// A number as `tostring` tells it.
pub(crate) fn number_text(number: f64) -> Vec<u8> {
    let mut text = [0_u8; 64];
    // SAFETY: the shim writes at most 32 bytes.
    let size = unsafe { kvlua_number_text(number, text.as_mut_ptr()) };
    text[..size.min(text.len())].to_vec()
}

/// A name of a chunk: what is before a zero.
pub(crate) fn chunk_name(name: &str) -> CString {
    let name = name.split('\0').next().unwrap_or_default();
    CString::new(name).unwrap_or_default()
}
