//! The data types, one a file. Plain synchronous Rust: no tokio, no protocol.

mod decimal;
pub(crate) mod string;

use bytes::Bytes;
use kvstore_protocol::CommandError;

pub(crate) use decimal::Decimal;
pub(crate) use string::{MAX_INLINE, NewValue, StringRef};

/// What is stored under a key, if it is no short string: those lie in the record of their entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Bytes; what SET stores.
    String(Bytes),
}

impl Value {
    /// The name of the type, as TYPE answers it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => string::TYPE_NAME,
        }
    }

    /// The name of the representation, as OBJECT ENCODING answers it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::String(bytes) => string::encoding(bytes),
        }
    }

    /// The bytes of a string.
    ///
    /// # Errors
    /// `WRONGTYPE` for any other type.
    pub(crate) fn as_string(&self) -> Result<&Bytes, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
        }
    }

    /// The bytes of a string, to be changed.
    ///
    /// # Errors
    /// `WRONGTYPE` for any other type.
    pub(crate) fn as_string_mut(&mut self) -> Result<&mut Bytes, CommandError> {
        match self {
            Self::String(bytes) => Ok(bytes),
        }
    }
}
