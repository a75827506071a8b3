//! [`Args`]: the arguments of a command.

use kvstore_protocol::{Command, CommandError, Options, parse_integer};

use super::value::{ExternalString, NewValue, Value};

/// The shortest value that keeps the buffer it was received in. The transport reads a request of this size into a buffer
/// of its own, so nothing else is kept with it.
const MIN_ADOPTED: usize = 64 * 1024;

/// A value may keep other arguments of its request that take up to this fraction of its length.
const MAX_EXCESS: usize = 32;

/// The arguments of a command, numbered from 0. The name is not one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Args<'a>(&'a Command);

impl<'a> Args<'a> {
    pub(crate) fn new(command: &'a Command) -> Self {
        Self(command)
    }

    pub(crate) fn command(&self) -> &'a Command {
        self.0
    }

    /// The number of arguments.
    pub(crate) fn len(&self) -> usize {
        self.0.len() - 1
    }

    /// The argument at `index`; empty if there is none, which the arity of the command rules out.
    #[inline]
    pub(crate) fn bytes(&self, index: usize) -> &'a [u8] {
        self.0.arg_at(index).unwrap_or_default()
    }

    /// The word at `index`, of which the name is number 0.
    ///
    /// # Panics
    /// If `index` is 0.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> &'a [u8] {
        self.bytes(index - 1)
    }

    /// The argument at `index` as a value to store: a copy, or for a large one that nearly fills its buffer that buffer.
    #[inline]
    pub(crate) fn value(&self, index: usize) -> NewValue<'a> {
        let bytes = self.bytes(index);
        if bytes.len() < MIN_ADOPTED { bytes.into() } else { self.large_value(index, bytes) }
    }

    #[cold]
    fn large_value(&self, index: usize, bytes: &'a [u8]) -> NewValue<'a> {
        if self.0.size() - bytes.len() > bytes.len() / MAX_EXCESS {
            return bytes.into();
        }
        let buffer = self.0.shared_arg(index).unwrap_or_default();
        NewValue::External(Value::String(ExternalString::adopt(buffer)))
    }

    /// The argument at `index` as an integer.
    ///
    /// # Errors
    /// `ERR value is not an integer or out of range`
    pub(crate) fn integer(&self, index: usize) -> Result<i64, CommandError> {
        parse_integer(self.bytes(index)).ok_or(CommandError::NOT_AN_INTEGER)
    }

    /// The argument at `index` as a number of elements, which may be 0.
    ///
    /// # Errors
    /// `ERR value is out of range, must be positive`
    pub(crate) fn count(&self, index: usize) -> Result<usize, CommandError> {
        const NOT_A_COUNT: CommandError = CommandError::new("ERR", "value is out of range, must be positive");
        parse_integer(self.bytes(index)).and_then(|count| usize::try_from(count).ok()).ok_or(NOT_A_COUNT)
    }

    /// The arguments from `index` on, as options.
    pub(crate) fn options(&self, index: usize) -> Options<'a> {
        self.0.options(index)
    }

    /// Whether the argument at `index` is this word, without regard to case.
    pub(crate) fn is(&self, index: usize, word: &str) -> bool {
        self.0.arg_at(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The arguments from `index` on.
    pub(crate) fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let command = self.0;
        (index..self.len().max(index)).map(move |index| command.arg_at(index).unwrap_or_default())
    }
}
