//! [`NewValue`]: a value on its way into an entry.

use super::{Kind, Value};

/// A value to store.
#[derive(Debug)]
pub(crate) enum NewValue<'a> {
    /// A short string, which is copied into the record of its entry.
    Inline(&'a [u8]),
    /// A short collection, which is copied into the record of its entry.
    Packed(Kind, &'a [u8]),
    External(Value),
}

impl<'a> NewValue<'a> {
    /// Whether it is stored outside the record.
    #[inline]
    pub(crate) fn is_external(&self) -> bool {
        matches!(self, Self::External(_))
    }

    /// Whether it is a hash whose fields may have an expiry.
    #[inline]
    pub(crate) fn has_expiring_fields(&self) -> bool {
        match self {
            Self::Inline(_) | Self::Packed(..) => false,
            Self::External(value) => value.has_expiring_fields(),
        }
    }

    /// The bytes that are stored in the record, and what they are.
    #[inline]
    pub(crate) fn inline(&self) -> Option<(Kind, &'a [u8])> {
        match *self {
            Self::Inline(bytes) => Some((Kind::String, bytes)),
            Self::Packed(kind, bytes) => Some((kind, bytes)),
            Self::External(_) => None,
        }
    }

    /// What the bytes in the record are.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.inline().map_or(Kind::String, |(kind, _)| kind)
    }
}
