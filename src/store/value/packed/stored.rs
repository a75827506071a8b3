//! Packed collections as values of entries.

use super::{IntSet, Packed};
use crate::store::value::{Kind, MAX_INLINE, NewValue, Value};

impl Packed {
    /// Passes the collection on, to store it. An empty one is left.
    pub(crate) fn take<R>(&mut self, kind: Kind, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self.as_bytes() {
            bytes if bytes.len() <= MAX_INLINE => store(NewValue::Packed(kind, bytes)),
            _ => store(NewValue::External(Value::Packed(kind, std::mem::take(self).into_boxed()))),
        }
    }

    /// The external value that an unchanged collection was taken from; `None` if it is a copy of a short one.
    pub(crate) fn take_external(&mut self, kind: Kind) -> Option<Value> {
        (self.as_bytes().len() > MAX_INLINE).then(|| Value::Packed(kind, std::mem::take(self).into_boxed()))
    }
}

impl IntSet {
    /// Passes the set on, to store it. An empty one is left.
    pub(crate) fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self.as_bytes() {
            bytes if bytes.len() <= MAX_INLINE => store(NewValue::Packed(Kind::IntSet, bytes)),
            _ => store(NewValue::External(Value::Packed(Kind::IntSet, std::mem::take(self).into_boxed()))),
        }
    }

    /// The external value that an unchanged set was taken from; `None` if it is a copy of a short one.
    pub(crate) fn take_external(&mut self) -> Option<Value> {
        (self.as_bytes().len() > MAX_INLINE).then(|| Value::Packed(Kind::IntSet, std::mem::take(self).into_boxed()))
    }
}
