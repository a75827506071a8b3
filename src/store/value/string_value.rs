//! [`StringValue`]: the string type, and a string that is changed in place.

use bytes::Bytes;
use kvstore_protocol::CommandError;
use smallvec::SmallVec;

use super::{
    DataType, Editable, NewValue, StringRef, Value,
    string::{self, MAX_INLINE},
};
use crate::store::shard::Entry;

const _: () = assert!(MAX_INLINE <= 256);

/// The bytes of a string, taken out of its entry.
#[derive(Debug)]
pub(crate) enum StringValue {
    Inline(SmallVec<[u8; 256]>),
    External(Bytes),
}

impl StringValue {
    /// A string of zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        match length <= MAX_INLINE {
            true => Self::Inline(SmallVec::from_elem(0, length)),
            false => Self::External(vec![0; length].into()),
        }
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::External(bytes) => bytes.len(),
        }
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        self.resized_by(tail.len());
        match self {
            Self::Inline(bytes) => bytes.extend_from_slice(tail),
            Self::External(bytes) => string::append(bytes, tail),
        }
    }

    /// Overwrites the bytes from `offset` on. A gap is filled with zeros.
    pub(crate) fn overwrite(&mut self, offset: usize, patch: &[u8]) {
        let end = offset + patch.len();
        self.resized_by(end.saturating_sub(self.len()));
        match self {
            Self::Inline(bytes) => {
                let length = bytes.len().max(end);
                bytes.resize(length, 0);
                bytes[offset..end].copy_from_slice(patch);
            }
            Self::External(bytes) => string::overwrite(bytes, offset, patch),
        }
    }

    /// Makes the string external if it will be too long for a record.
    fn resized_by(&mut self, more: usize) {
        if let Self::Inline(bytes) = self
            && bytes.len() + more > MAX_INLINE
        {
            *self = Self::External(Bytes::copy_from_slice(&bytes[..]));
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
    fn from_inline(bytes: &[u8]) -> Self {
        Self::Inline(SmallVec::from_slice(bytes))
    }

    fn from_external(value: Value) -> Self {
        match value {
            Value::String(bytes) => Self::External(bytes),
        }
    }

    fn into_external(self) -> Option<Value> {
        match self {
            Self::Inline(_) => None,
            Self::External(bytes) => Some(Value::String(bytes)),
        }
    }

    fn with<R>(self, store: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Self::Inline(bytes) => store(NewValue::Inline(&bytes)),
            Self::External(bytes) => store(NewValue::External(Value::String(bytes))),
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

    fn bytes(value: StringValue) -> Vec<u8> {
        value.with(|value| match value {
            NewValue::Inline(bytes) => bytes.to_vec(),
            NewValue::External(Value::String(bytes)) => bytes.to_vec(),
        })
    }

    proptest! {
        #[test]
        fn a_string_is_changed_as_a_vector(edits in prop::collection::vec((0..300_usize, 0..300_usize, any::<bool>()), 0..6)) {
            let (mut value, mut model) = (StringValue::from_inline(b""), Vec::new());
            for (offset, length, is_append) in edits {
                let patch = vec![length as u8; length];
                if is_append {
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
