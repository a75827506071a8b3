//! The data types, one a file. Plain synchronous Rust: no tokio, no protocol.

mod decimal;
mod external;
pub(crate) mod string;

use kvstore_protocol::CommandError;

pub(crate) use decimal::Decimal;
pub(crate) use external::{ExternalString, overwritten};
pub(crate) use string::{MAX_INLINE, NewValue, StringRef};

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

    /// The bytes of a string.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn as_string(&self) -> Result<&ExternalString, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
        }
    }

    /// The bytes of a string, to modify.
    ///
    /// # Errors
    /// `WRONGTYPE` for another type.
    pub(crate) fn as_string_mut(&mut self) -> Result<&mut ExternalString, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
        }
    }
}
