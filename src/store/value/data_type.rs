//! [`DataType`] and [`Editable`]: a data type, as commands use it.

use kvstore_protocol::CommandError;

use super::{Kind, NewValue, Value};
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

    /// The same value without the elements that have expired. The time, in milliseconds since the Unix epoch, is asked for only
    /// if some may have.
    #[inline(always)]
    fn hide_expired<'a>(value: Self::Ref<'a>, _now: impl FnOnce() -> u64) -> Self::Ref<'a> {
        value
    }
}

/// A value that is taken out of its entry to be changed.
pub(crate) trait Editable: DataType + Sized {
    /// A copy of a short value of this type, which stays in the record of its entry meanwhile.
    fn from_inline(kind: Kind, bytes: &[u8]) -> Self;

    /// An external value of this type.
    ///
    /// # Panics
    /// If it has another type.
    fn from_external(value: Value) -> Self;

    /// The external value, to put it back unchanged; `None` for a short one, which is still in its record.
    fn take_external(&mut self) -> Option<Value>;

    /// Passes the value on, to store it. An empty one is left. Taken by reference, since some are large to move.
    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R;

    /// Whether nothing is left of a collection, so that its key is removed.
    fn is_empty(&self) -> bool;
}
