//! Bytes that a function puts together, outside of the memory of Lua.

use crate::{Raise, Stack};

/// The longest string that the server has.
const LONGEST: usize = 512 << 20;

/// What most results fit into.
const SMALL: usize = 512;

/// So many bytes are as much work as a step of a script.
const BYTES_OF_A_STEP: usize = 16;

/// A buffer that asks whether memory allows it before it grows, and takes steps of the run for its bytes.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// So many bytes have been paid for in steps.
    paid: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(SMALL), paid: 0 }
    }

    /// Sees to it that `more` bytes can be appended without growing.
    ///
    /// # Errors
    /// When memory is used up, or the run is being stopped.
    #[inline]
    pub(super) fn reserve(&mut self, stack: &mut Stack<'_>, more: usize) -> Result<(), Raise> {
        if self.bytes.capacity() - self.bytes.len() < more || self.bytes.len() - self.paid > 1 << 14 {
            self.grow(stack, more)?;
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, stack: &mut Stack<'_>, more: usize) -> Result<(), Raise> {
        stack.step((self.bytes.len() - self.paid) / BYTES_OF_A_STEP)?;
        self.paid = self.bytes.len();
        if self.bytes.capacity() - self.bytes.len() >= more {
            return Ok(());
        }
        let needed = self.bytes.len().checked_add(more).filter(|needed| *needed <= LONGEST).ok_or(Raise::Memory)?;
        let capacity = needed.max(self.bytes.capacity() * 2).clamp(SMALL, LONGEST);
        // The old bytes are there until they are copied.
        stack.within(capacity + self.bytes.capacity())?;
        self.bytes.reserve_exact(capacity - self.bytes.len());
        Ok(())
    }

    /// Appends bytes that were reserved.
    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Reserves and appends.
    ///
    /// # Errors
    /// When memory is used up, or the run is being stopped.
    pub(super) fn append(&mut self, stack: &mut Stack<'_>, bytes: &[u8]) -> Result<(), Raise> {
        self.reserve(stack, bytes.len())?;
        self.extend(bytes);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.paid = 0;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Output};
    use crate::{Interpreter, Limits, Raise};

    #[test]
    fn no_length_overflows_or_passes_the_longest_string() {
        let mut lua = Interpreter::new(Limits::new().memory(usize::MAX)).expect("enough memory");
        let mut host = ();
        let mut run = lua.run(&mut host);
        let mut output = Output::new();
        output.append(&mut run, b"some").expect("there is room");
        for more in [usize::MAX, usize::MAX - 3, usize::MAX / 2, LONGEST, LONGEST - 3] {
            assert_eq!(output.reserve(&mut run, more), Err(Raise::Memory));
        }
        assert_eq!(output.as_slice(), b"some");
    }

    #[test]
    fn memory_of_the_interpreter_bounds_it() {
        let mut lua = Interpreter::new(Limits::new().memory(1 << 20)).expect("enough memory");
        let mut host = ();
        let mut run = lua.run(&mut host);
        let mut output = Output::new();
        assert_eq!(output.reserve(&mut run, 1 << 20), Err(Raise::Memory));
        assert_eq!(output.reserve(&mut run, 1 << 18), Ok(()));
    }
}
