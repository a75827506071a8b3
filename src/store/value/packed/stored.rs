//! Packed collections as values of entries.

use super::{IntSet, Packed};
use crate::store::value::{Kind, MAX_INLINE, NewValue, Value};

impl Packed {
    /// Passes the collection on, to store it.
    pub(crate) fn with<R>(self, kind: Kind, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self.as_bytes() {
            bytes if bytes.len() <= MAX_INLINE => store(NewValue::Packed(kind, bytes)),
            _ => store(NewValue::External(Value::Packed(kind, self.into_boxed()))),
        }
    }

    /// The external value that an unchanged collection was taken from; `None` if it is a copy of a short one.
    pub(crate) fn into_external(self, kind: Kind) -> Option<Value> {
        (self.as_bytes().len() > MAX_INLINE).then(|| Value::Packed(kind, self.into_boxed()))
    }
}

impl IntSet {
    /// Passes the set on, to store it.
    pub(crate) fn with<R>(self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self.as_bytes() {
            bytes if bytes.len() <= MAX_INLINE => store(NewValue::Packed(Kind::IntSet, bytes)),
            _ => store(NewValue::External(Value::Packed(Kind::IntSet, self.into_boxed()))),
        }
    }

    /// The external value that an unchanged set was taken from; `None` if it is a copy of a short one.
    pub(crate) fn into_external(self) -> Option<Value> {
        (self.as_bytes().len() > MAX_INLINE).then(|| Value::Packed(Kind::IntSet, self.into_boxed()))
    }
}
