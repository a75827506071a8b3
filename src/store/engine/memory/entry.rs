//! [`Entry`]: a key, its value, and what is known about both.

use crate::store::value::Value;

/// How many bytes of a key are held without an allocation.
const INLINE: usize = 22;

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    key: Key,
    hash: u64,
    /// When the entry ends, in milliseconds since 1970; 0 for never.
    expires_at: u64,
    /// When the value was last used, in seconds since 1970.
    pub(crate) accessed: u32,
    /// Whether the value is a string that was changed in place, which OBJECT ENCODING tells.
    pub(crate) is_edited: bool,
    pub(crate) value: Value,
}

#[derive(Debug)]
enum Key {
    Inline { len: u8, bytes: [u8; INLINE] },
    Boxed(Box<[u8]>),
}

impl Entry {
    pub(crate) fn new(key: &[u8], hash: u64, value: Value) -> Self {
        let key = if key.len() > INLINE {
            Key::Boxed(key.into())
        } else {
            let mut bytes = [0; INLINE];
            bytes[..key.len()].copy_from_slice(key);
            Key::Inline { len: key.len() as u8, bytes }
        };
        Self { key, hash, expires_at: 0, accessed: 0, is_edited: false, value }
    }

    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        match &self.key {
            Key::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Key::Boxed(bytes) => bytes,
        }
    }

    #[inline]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// When the entry ends, in milliseconds since 1970.
    #[inline]
    pub(crate) fn expires_at(&self) -> Option<u64> {
        (self.expires_at != 0).then_some(self.expires_at)
    }

    pub(super) fn set_expires_at(&mut self, at: Option<u64>) {
        self.expires_at = at.unwrap_or(0);
    }
}
