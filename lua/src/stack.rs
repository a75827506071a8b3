//! The values that native code reads and writes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use crate::error::Raise;
use crate::raw::{self, Lua};

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value: the slot is not in use.
    None,
    /// `nil`.
    Nil,
    /// `true` or `false`.
    Boolean,
    /// A light userdata: a number that a script can only pass on.
    LightUserdata,
    /// A number, always a double.
    Number,
    /// A string of bytes.
    String,
    /// A table.
    Table,
    /// A function.
    Function,
    /// A userdata.
    Userdata,
    /// A coroutine.
    Thread,
}

impl Kind {
    /// The name of the type, as Lua tells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "no value",
            Self::Nil => "nil",
            Self::Boolean => "boolean",
            Self::LightUserdata | Self::Userdata => "userdata",
            Self::Number => "number",
            Self::String => "string",
            Self::Table => "table",
            Self::Function => "function",
            Self::Thread => "thread",
        }
    }
}

/// A function that scripts can call.
#[derive(Clone, Copy, Debug)]
pub enum Native {
    /// Gets its arguments as the slots from 1 on, and returns how many values at the top are its results.
    Function(fn(&mut Stack<'_>) -> Result<usize, Raise>),
    /// Calls [`Host::call`](crate::Host::call) with this number.
    Host(u32),
}

/// The slots of a native function, or of a [`Run`](crate::Run).
///
/// A slot is numbered from 1 at the bottom, or from -1 at the top. A slot that is not in use reads as no value; what
/// needs a table, and finds none, is an error. Tables are read and written raw: no metamethod is called. What is pushed
/// stays within the bound of memory, and is refused beyond.
pub struct Stack<'a> {
    lua: Lua,
    _borrow: PhantomData<&'a mut ()>,
}

impl Stack<'_> {
    /// The slots of what is running.
    pub(crate) fn over(lua: Lua) -> Self {
        Self { lua, _borrow: PhantomData }
    }

    /// How many slots are in use.
    #[must_use]
    pub fn len(&self) -> i32 {
        self.lua.top()
    }

    /// Whether no slot is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of a value.
    #[must_use]
    pub fn kind(&self, i: i32) -> Kind {
        match self.lua.kind(i) {
            0 => Kind::Nil,
            1 => Kind::Boolean,
            2 => Kind::LightUserdata,
            3 => Kind::Number,
            4 => Kind::String,
            5 => Kind::Table,
            6 => Kind::Function,
            7 => Kind::Userdata,
            8 => Kind::Thread,
            _ => Kind::None,
        }
    }

    /// The name of the type of a value.
    #[must_use]
    pub fn type_name(&self, i: i32) -> &'static str {
        self.kind(i).name()
    }

    /// Whether a value counts as true: all do but `nil` and `false`.
    #[must_use]
    pub fn boolean(&self, i: i32) -> bool {
        self.lua.boolean(i)
    }

    /// A number; nothing for other values.
    #[must_use]
    pub fn number(&self, i: i32) -> Option<f64> {
        self.lua.number(i, false)
    }

    /// A number, or a string that Lua would take for one.
    #[must_use]
    pub fn to_number(&self, i: i32) -> Option<f64> {
        self.lua.number(i, true)
    }

    /// The bytes of a string; nothing for other values.
    #[must_use]
    pub fn bytes(&self, i: i32) -> Option<&[u8]> {
        self.lua.bytes(i)
    }

    /// The bytes of a string, or of a number as Lua's `tostring` has it.
    #[must_use]
    pub fn to_bytes(&self, i: i32) -> Option<Cow<'_, [u8]>> {
        match self.number(i) {
            Some(number) => Some(Cow::Owned(raw::number_text(number))),
            None => self.bytes(i).map(Cow::Borrowed),
        }
    }

    /// The length of a string, or of a table as `#` has it without metamethods; 0 for other values.
    #[must_use]
    pub fn raw_len(&self, i: i32) -> usize {
        self.lua.length(i)
    }

    /// The bytes that the code of a function takes, with its constants and the functions in it; 0 for one that is not in
    /// Lua, and for other values. A constant that several functions share is counted for each of them.
    #[must_use]
    pub fn code_size(&self, i: i32) -> usize {
        self.lua.code_size(i)
    }

    /// A light userdata.
    #[must_use]
    pub fn light(&self, i: i32) -> Option<usize> {
        (self.kind(i) == Kind::LightUserdata).then(|| self.lua.pointer(i).addr())
    }

    /// What tells a table, function, userdata or coroutine from others; 0 for other values.
    #[must_use]
    pub fn identity(&self, i: i32) -> usize {
        self.lua.pointer(i).addr()
    }

    /// Whether two values are equal, without metamethods.
    #[must_use]
    pub fn raw_equal(&self, i: i32, j: i32) -> bool {
        self.lua.raw_equal(i, j)
    }

    /// Pushes `nil`.
    ///
    /// # Errors
    /// Here and below: when the slots are used up, or the memory.
    pub fn push_nil(&mut self) -> Result<(), Raise> {
        self.lua.push_nil()
    }

    /// Pushes a boolean.
    ///
    /// # Errors
    /// When the slots are used up.
    pub fn push_boolean(&mut self, value: bool) -> Result<(), Raise> {
        self.lua.push_boolean(value)
    }

    /// Pushes a number.
    ///
    /// # Errors
    /// When the slots are used up.
    pub fn push_number(&mut self, value: f64) -> Result<(), Raise> {
        self.lua.push_number(value)
    }

    /// Pushes a string of any bytes.
    ///
    /// # Errors
    /// When the slots are used up, or the memory.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), Raise> {
        self.lua.push_bytes(bytes)
    }

    /// Pushes a light userdata.
    ///
    /// # Errors
    /// When the slots are used up.
    pub fn push_light(&mut self, value: usize) -> Result<(), Raise> {
        self.lua.push_light(value)
    }

    /// Pushes a copy of a value; `nil` for a slot that is not in use.
    ///
    /// # Errors
    /// When the slots are used up.
    pub fn push_copy(&mut self, i: i32) -> Result<(), Raise> {
        self.lua.push_copy(i)
    }

    /// Pushes a native function.
    ///
    /// # Errors
    /// When the slots are used up, or the memory.
    pub fn push_native(&mut self, native: Native) -> Result<(), Raise> {
        self.lua.push_native(native)
    }

    /// Pushes the table of the globals.
    ///
    /// # Errors
    /// When the slots are used up.
    pub fn push_globals(&mut self) -> Result<(), Raise> {
        self.lua.push_globals()
    }

    /// Pushes a new table with room for as many elements and fields.
    ///
    /// # Errors
    /// When the slots are used up, or the memory.
    pub fn new_table(&mut self, array: usize, hash: usize) -> Result<(), Raise> {
        self.lua.push_table(array, hash)
    }

    /// Replaces the key on the top by the value that the table has for it.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn get(&mut self, table: i32) -> Result<Kind, Raise> {
        self.lua.get(table)?;
        Ok(self.kind(-1))
    }

    /// Pushes element `n` of a table.
    ///
    /// # Errors
    /// When there is no such table, or no slot.
    pub fn get_index(&mut self, table: i32, n: i32) -> Result<Kind, Raise> {
        self.lua.get_index(table, n)?;
        Ok(self.kind(-1))
    }

    /// Pushes a field of a table.
    ///
    /// # Errors
    /// When there is no such table, no slot, or no memory for the name.
    pub fn get_field(&mut self, table: i32, name: &[u8]) -> Result<Kind, Raise> {
        self.lua.get_field(table, name)?;
        Ok(self.kind(-1))
    }

    /// Pops a value and, below it, the key for which the table is to have it.
    ///
    /// # Errors
    /// Here and below: when there is no such table, it is read-only, the key is `nil` or not a number, or memory is
    /// used up. The values stay on the stack.
    pub fn set(&mut self, table: i32) -> Result<(), Raise> {
        self.lua.set(table)
    }

    /// Pops a value, which becomes element `n` of a table.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_index(&mut self, table: i32, n: i32) -> Result<(), Raise> {
        self.lua.set_index(table, n)
    }

    /// Pops a value, which becomes a field of a table.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn set_field(&mut self, table: i32, name: &[u8]) -> Result<(), Raise> {
        self.lua.set_field(table, name, false)
    }

    /// Pops a value, which becomes a global, also where the globals are read-only for scripts.
    ///
    /// # Errors
    /// When the slots are used up, or the memory.
    pub fn set_global(&mut self, name: &[u8]) -> Result<(), Raise> {
        self.lua.push_globals()?;
        self.lua.insert(-2);
        self.lua.set_field(-2, name, true)?;
        self.pop(1);
        Ok(())
    }

    /// Pushes key and value of the next entry of a table, and moves the position; starts with 0. Returns whether there
    /// was one.
    ///
    /// # Errors
    /// When there is no such table, or no slot.
    pub fn next_entry(&mut self, table: i32, position: &mut usize) -> Result<bool, Raise> {
        self.lua.next(table, position)
    }

    /// How many entries a table has.
    #[must_use]
    pub fn count_entries(&self, table: i32) -> usize {
        self.lua.count(table)
    }

    /// How many elements a table has from 1 on, up to the first that is `nil`, and whether it may have other entries.
    #[must_use]
    pub fn elements(&self, table: i32) -> (usize, bool) {
        self.lua.elements(table)
    }

    /// Pushes the metatable of a value, if it has one.
    pub fn metatable(&mut self, i: i32) -> bool {
        self.lua.metatable(i)
    }

    /// Pops a table or `nil`, which becomes the metatable of a table.
    ///
    /// # Errors
    /// When there is no such table, or it is read-only.
    pub fn set_metatable(&mut self, table: i32) -> Result<(), Raise> {
        self.lua.set_metatable(table)
    }

    /// Says whether scripts may write to a table: to its entries, and its metatable.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn set_readonly(&mut self, table: i32, readonly: bool) -> Result<(), Raise> {
        self.lua.set_readonly(table, readonly)
    }

    /// Whether a value is a table that nobody may write to.
    #[must_use]
    pub fn is_readonly(&self, i: i32) -> bool {
        self.lua.is_readonly(i)
    }

    /// Pops a table, which becomes the globals of a function.
    ///
    /// # Errors
    /// When there is no such function, or no table.
    pub fn set_environment(&mut self, function: i32) -> Result<(), Raise> {
        self.lua.set_environment(function)
    }

    /// Makes a table and everything that it reaches read-only, metatables of strings included.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn protect(&mut self, table: i32) -> Result<(), Raise> {
        self.lua.protect(table)
    }

    /// Gives a table a metatable that raises an error for names that it has not: `Script attempted to access
    /// nonexistent global variable 'x'`.
    ///
    /// # Errors
    /// When there is no such table, it is read-only, or memory is used up.
    pub fn refuse_absent(&mut self, table: i32) -> Result<(), Raise> {
        self.lua.refuse_absent(table)
    }

    /// Refuses absent globals, and makes the globals and everything that they reach read-only.
    ///
    /// # Errors
    /// When the slots are used up, or the memory.
    pub fn protect_globals(&mut self) -> Result<(), Raise> {
        self.push_globals()?;
        self.refuse_absent(-1)?;
        self.protect(-1)?;
        self.pop(1);
        Ok(())
    }

    /// Removes values from the top.
    pub fn pop(&mut self, n: i32) {
        self.lua.set_top(self.len().saturating_sub(n.max(0)));
    }

    /// Removes values from the top until no more than `len` slots are in use.
    pub fn truncate(&mut self, len: i32) {
        self.lua.set_top(len);
    }

    /// Moves the value on the top to a slot, and what is there and above up by one.
    pub fn insert(&mut self, i: i32) {
        self.lua.insert(i);
    }

    /// Removes a value, and moves down what is above.
    pub fn remove(&mut self, i: i32) {
        self.lua.remove(i);
    }

    /// Pops a value, which replaces that of a slot.
    pub fn replace(&mut self, i: i32) {
        self.lua.replace(i);
    }

    /// Sees to it that as many more slots can be used. Each push does so by itself.
    ///
    /// # Errors
    /// When a function cannot have so many.
    pub fn reserve(&mut self, slots: usize) -> Result<(), Raise> {
        self.lua.reserve(slots)
    }

    /// Takes steps of the run. A loop whose length a script decides calls it, with how many elements or bytes it has
    /// done, and ends when it fails. The host is asked whether the run goes on, unless it is the host that calls it.
    ///
    /// # Errors
    /// [`Raise::Stopped`], when the run is being stopped.
    pub fn step(&mut self, steps: usize) -> Result<(), Raise> {
        self.lua.step(steps)
    }

    /// Asks whether that much more memory would be within the bound, for a buffer outside of Lua.
    ///
    /// # Errors
    /// [`Raise::Memory`], when it would not.
    pub fn within(&mut self, bytes: usize) -> Result<(), Raise> {
        self.lua.fits(bytes)
    }

    /// Where the caller at a level is: `user_script:1: `, or nothing for native code. Level 1 has called the native
    /// function.
    #[must_use]
    pub fn position(&self, level: i32) -> Vec<u8> {
        self.lua.position(level)
    }
}

/// What the libraries of this crate need beyond it.
impl Stack<'_> {
    /// The number of the run that is going on.
    pub(crate) fn run_number(&self) -> u64 {
        self.lua.run()
    }

    /// The bytes of an argument that is a string. They are lent beyond the borrow of the stack, to a native function that
    /// leaves the argument where it is until it returns.
    pub(crate) fn argument_bytes<'argument>(&self, i: i32) -> Option<&'argument [u8]> {
        self.lua.bytes(i)
    }

    /// Pushes a block of bytes for [`push_native_with`](Self::push_native_with).
    pub(crate) fn push_block(&mut self, bytes: &[u8]) -> Result<(), Raise> {
        self.lua.push_block(bytes)
    }

    /// Replaces the block on the top by a native function that has it. Several functions may have the same.
    pub(crate) fn push_native_with(
        &mut self,
        function: fn(&mut Stack<'_>) -> Result<usize, Raise>,
    ) -> Result<(), Raise> {
        self.lua.push_native_with(function)
    }

    /// The block of the native function that runs.
    pub(crate) fn block(&mut self) -> Option<&mut [u8]> {
        self.lua.block()
    }

    /// What the keys of a table are, if all of them are integers from 1 on.
    pub(crate) fn index_keys(&self, table: i32) -> Option<IndexKeys> {
        let (has_huge, largest, count) = self.lua.index_keys(table)?;
        Some(IndexKeys { has_huge, largest, count })
    }

    /// Pops a value, which becomes element `n` of the table below it.
    pub(crate) fn append(&mut self, n: i32) -> Result<(), Raise> {
        self.lua.append(n)
    }

    /// Replaces values on the top by a table that has them as elements from 1 on.
    pub(crate) fn make_array(&mut self, values: i32) -> Result<(), Raise> {
        self.lua.make_array(values)
    }

    /// Replaces keys, each below its value, by a table of them. Of equal keys the topmost one stays.
    pub(crate) fn make_map(&mut self, keys: i32) -> Result<(), Raise> {
        self.lua.make_map(keys)
    }
}

/// The keys of a table that are all integers from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexKeys {
    /// Whether there is one that an `i32` does not hold.
    pub(crate) has_huge: bool,
    /// The largest one. With a huge one it is less, as C and so Redis compute it.
    pub(crate) largest: i32,
    pub(crate) count: usize,
}

impl fmt::Debug for Stack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((1..=self.len()).map(|i| self.kind(i))).finish()
    }
}
