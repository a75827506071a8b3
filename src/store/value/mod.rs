//! The data types, one a file. Plain synchronous Rust: no tokio, no protocol.
//!
//! - `string_value`, `hash` … one type each, as commands read and edit it: `data_type` says how
//! - `kind` the types of values that are runs of bytes; `packed` the elements of a small collection
//! - `elements` the elements of a large hash, set or sorted set
//! - `thresholds` up to which size a collection is small
//! - `external` long strings; `decimal`, `hexadecimal` numbers as Redis writes them

mod data_type;
mod decimal;
mod elements;
mod external;
mod hash;
mod hexadecimal;
mod kind;
mod new_value;
pub(crate) mod string;
mod string_value;
mod thresholds;

use kvstore_protocol::CommandError;

pub(crate) use data_type::{DataType, Editable};
pub(crate) use decimal::Decimal;
pub(crate) use elements::Elements;
pub(crate) use external::{ExternalString, overwritten};
pub(crate) use kind::Kind;
pub(crate) use new_value::NewValue;
pub(crate) use string::{MAX_INLINE, StringRef};
pub(crate) use string_value::StringValue;
pub(crate) use thresholds::{ChunkLimit, PackedLimit, Threshold, Thresholds};

/// An external value: every value but a short one, which is stored in the record of its entry.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string of bytes.
    String(ExternalString),
    /// A collection in one run of bytes.
    Packed(Kind, Box<[u8]>),
}

impl Value {
    /// The type, as TYPE names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => Kind::String.type_name(),
            Self::Packed(kind, _) => kind.type_name(),
        }
    }

    /// The encoding, as OBJECT ENCODING names it.
    pub(crate) fn encoding(&self) -> &'static str {
        match self {
            Self::String(bytes) => string::encoding(bytes),
            Self::Packed(kind, _) => kind.encoding(),
        }
    }

    /// The memory outside of this, in bytes. `allocated` says how many an allocation takes.
    pub(crate) fn memory(&self, allocated: fn(usize) -> usize) -> usize {
        match self {
            Self::String(bytes) => bytes.memory(allocated),
            Self::Packed(_, bytes) => allocated(bytes.len()),
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
            _ => Err(CommandError::WRONG_TYPE),
        }
    }
}

/// An empty string, which is in the place of a value that is taken out.
impl Default for Value {
    fn default() -> Self {
        Self::String(ExternalString::default())
    }
}
