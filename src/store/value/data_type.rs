//! [`DataType`] and [`Editable`]: a data type, as commands use it.

use kvstore_protocol::CommandError;

use super::{NewValue, Value};
use crate::store::shard::Entry;

/// A data type that commands read.
pub(crate) trait DataType {
    /// A borrowed value.
    type Ref<'a>;

    /// The value of an entry.
    ///
    /// # Errors
    /// `WRONGTYPE` if it has another type.
    fn read(entry: Entry<'_>) -> Result<Self::Ref<'_>, CommandError>;
}

/// A value that is taken out of its entry to be changed.
pub(crate) trait Editable: DataType + Sized {
    /// The value of a short string, which is in the record of its entry. For other types it never is.
    fn from_inline(bytes: &[u8]) -> Self;

    /// An external value of this type.
    fn from_external(value: Value) -> Self;

    /// The external value, to put it back unchanged; `None` for a short string, which is still in its record.
    fn into_external(self) -> Option<Value>;

    /// Passes the value on, to store it.
    fn with<R>(self, store: impl FnOnce(NewValue<'_>) -> R) -> R;

    /// Whether nothing is left of a collection, so that its key is removed.
    fn is_empty(&self) -> bool;
}
