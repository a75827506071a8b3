//! The data types, one a file. Plain synchronous Rust: no tokio, no protocol.

mod data_type;
mod decimal;
mod external;
mod hexadecimal;
pub(crate) mod string;
mod string_value;

use kvstore_protocol::CommandError;

pub(crate) use data_type::{DataType, Editable};
pub(crate) use decimal::Decimal;
pub(crate) use external::{ExternalString, overwritten};
pub(crate) use string::{MAX_INLINE, NewValue, StringRef};
pub(crate) use string_value::StringValue;

/// An external value: every value but a short string, which is stored in the record of its entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A string of bytes.
    String(ExternalString),
}

impl Value {
    /// The type, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => string::TYPE_NAME,
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::String(bytes) => string::encoding(bytes),
        }
    }

    /// The memory outside of this, in bytes. `allocated` says how many an allocation takes.
    pub(crate) fn memory(&self, allocated: fn(usize) -> usize) -> usize {
        match self {
            Self::String(bytes) => bytes.memory(allocated),
        }
    }

    /// About the memory outside of this, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.memory(|size| size)
    }

    /// The bytes of a string.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn as_string(&self) -> Result<&ExternalString, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
        }
    }
}

/// An empty string, which is in the place of a value that is taken out.
impl Default for Value {
    fn default() -> Self {
        Self::String(ExternalString::default())
    }
}
