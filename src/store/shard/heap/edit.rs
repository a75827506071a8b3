//! Strings that are modified in place: APPEND and SETRANGE.

use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{
    super::record::{Flag, Header, index_at},
    Expiry, Heap, Written,
};
use crate::store::value::{MAX_INLINE, NewValue, string};

impl Heap {
    /// Appends bytes to a string, and returns its new length.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(in super::super) fn append(&mut self, handle: u32, tail: &[u8]) -> Result<(Written, usize), CommandError> {
        let header = self.header(handle);
        if header.is(Flag::EXTERNAL_VALUE) {
            let string = self.external_string(handle, header)?;
            string::append(string, tail);
            return Ok((Written::in_place(handle), string.len()));
        }
        let before = header.value();
        let length = before.len() + tail.len();
        if length > MAX_INLINE {
            let joined = [&self.slab.get(handle)[before], tail].concat();
            return Ok((self.write(handle, joined.into(), (Expiry::Keep, true), || 0), length));
        }
        let header = header.with_value(length).with(Flag::EDITED, true);
        let written = self.resize_to(handle, header, Expiry::Keep, Header::granules_to_grow);
        self.slab.get_mut(written.handle)[before.end..][..tail.len()].copy_from_slice(tail);
        Ok((written, length))
    }

    /// Overwrites the bytes of a string from `offset` on. A gap is filled with zeros.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(in super::super) fn overwrite(
        &mut self,
        handle: u32,
        offset: usize,
        patch: &[u8],
    ) -> Result<Written, CommandError> {
        let header = self.header(handle);
        if header.is(Flag::EXTERNAL_VALUE) {
            string::overwrite(self.external_string(handle, header)?, offset, patch);
            return Ok(Written::in_place(handle));
        }
        let mut bytes = self.slab.get(handle)[header.value()].to_vec();
        bytes.resize(bytes.len().max(offset + patch.len()), 0);
        bytes[offset..][..patch.len()].copy_from_slice(patch);
        let value = if bytes.len() > MAX_INLINE { bytes.into() } else { NewValue::Inline(&bytes) };
        Ok(self.write(handle, value, (Expiry::Keep, true), || 0))
    }

    /// An external string that is about to be modified.
    fn external_string(&mut self, handle: u32, header: Header) -> Result<&mut Bytes, CommandError> {
        let record = self.slab.get_mut(handle);
        let string = self.values.get_mut(index_at(record, header.value())).as_string_mut()?;
        header.with(Flag::EDITED, true).write(record);
        Ok(string)
    }
}
