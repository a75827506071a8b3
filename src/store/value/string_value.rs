//! [`StringValue`]: the string type, and a string that is changed in place.

use std::ops::Range;

use kvstore_protocol::CommandError;
use smallvec::SmallVec;

use super::{DataType, Editable, ExternalString, Kind, MAX_INLINE, NewValue, StringRef, Value, overwritten};
use crate::store::shard::Entry;

const _: () = assert!(MAX_INLINE <= 256);

/// The bytes of a string, taken out of its entry.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a short string is changed on the stack")]
pub(crate) enum StringValue {
    Inline(SmallVec<[u8; 256]>),
    External(ExternalString),
}

impl StringValue {
    /// The longest string that the commands of clients make by default, in bytes.
    pub(crate) const DEFAULT_MAX_LENGTH: usize = 512 << 20;

    /// The longest string that any command makes, in bytes.
    pub(crate) const MAX_LENGTH: usize = 4 << 30;

    /// A string of zeros up to `offset`, and then `patch`.
    pub(crate) fn padded(offset: usize, patch: &[u8]) -> Self {
        Self::new(overwritten(&[], offset, patch))
    }

    /// A string of these bytes.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        if bytes.len() <= MAX_INLINE { Self::Inline(bytes.into()) } else { Self::External(bytes.into()) }
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::External(bytes) => bytes.len(),
        }
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(bytes) => bytes,
            Self::External(bytes) => bytes,
        }
    }

    /// The number of bytes that are copied or appended when those in `range` are changed.
    pub(crate) fn work_of_change(&self, range: Range<usize>) -> usize {
        match self {
            Self::Inline(_) => 0,
            Self::External(bytes) => bytes.work_of_change(range),
        }
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        match self {
            Self::Inline(bytes) if bytes.len() + tail.len() <= MAX_INLINE => bytes.extend_from_slice(tail),
            Self::Inline(bytes) => *self = Self::new([bytes, tail].concat()),
            Self::External(bytes) => bytes.append(tail),
        }
    }

    /// Overwrites the bytes from `offset` on. A gap is filled with zeros.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) {
        match self {
            Self::Inline(bytes) => *self = Self::new(overwritten(bytes, offset, patch)),
            Self::External(bytes) => bytes.overwrite(offset, patch),
        }
    }

    /// Changes the bytes, of which there are as many afterwards.
    pub(crate) fn modify<R>(&mut self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        match self {
            Self::Inline(bytes) => change(bytes),
            Self::External(bytes) => bytes.modify(change),
        }
    }
}

impl DataType for StringValue {
    type Ref<'a> = StringRef<'a>;

    #[inline(always)]
    fn read(entry: Entry<'_>) -> Result<StringRef<'_>, CommandError> {
        entry.string()
    }
}

impl Editable for StringValue {
    fn from_inline(_: Kind, bytes: &[u8]) -> Self {
        Self::Inline(SmallVec::from_slice(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::String(bytes) => Self::External(bytes),
            other => unreachable!("a {} is not edited as a string", other.type_name()),
        }
    }

    fn take_external(&mut self) -> Option<Value> {
        match self {
            Self::Inline(_) => None,
            Self::External(bytes) => Some(Value::String(std::mem::take(bytes))),
        }
    }

    fn take<R>(&mut self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Inline(bytes) => store(NewValue::Inline(bytes)),
            Self::External(bytes) => store(NewValue::External(Value::String(std::mem::take(bytes)))),
        }
    }

    /// An empty string stays.
    fn is_empty(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(mut value: StringValue) -> Vec<u8> {
        value.take(|value| match value {
            NewValue::Inline(bytes) => bytes.to_vec(),
            NewValue::External(Value::String(bytes)) => bytes.to_vec(),
            other => panic!("{other:?} is no string"),
        })
    }

    proptest! {
        #[test]
        fn a_string_is_changed_as_a_vector(edits in prop::collection::vec((0..300_usize, 0..300_usize, any::<bool>()), 0..6)) {
            let (mut value, mut model) = (StringValue::from_inline(Kind::String, b""), Vec::new());
            for (offset, length, is_append) in edits {
                let patch = vec![length as u8; length];
                if is_append && offset % 3 == 0 {
                    value.modify(|bytes| bytes.reverse());
                    model.reverse();
                } else if is_append {
                    value.append(&patch);
                    model.extend_from_slice(&patch);
                } else {
                    value.overwrite(offset, &patch);
                    model.resize(model.len().max(offset + length), 0);
                    model[offset..offset + length].copy_from_slice(&patch);
                }
                prop_assert_eq!(value.len(), model.len());
            }
            prop_assert_eq!(bytes(value), model);
        }
    }
}
