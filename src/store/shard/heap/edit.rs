//! Strings that are modified in place: APPEND and SETRANGE.

use kvstore_protocol::CommandError;

use super::{
    super::record::{Flag, Header, index_at},
    Expiry, Heap, Written,
};
use crate::store::value::{ExternalString, MAX_INLINE, overwritten};

impl Heap {
    /// Appends bytes to a string, and returns its new length.
    ///
    /// # Errors
    /// `WRONGTYPE` if the value has another type.
    pub(in super::super) fn append(&mut self, handle: u32, tail: &[u8]) -> Result<(Written, usize), CommandError> {
        let header = self.header(handle);
        if header.is(Flag::EXTERNAL_VALUE) {
            let string = self.external_string(handle, header)?;
            string.append(tail);
            return Ok((Written::in_place(handle), string.len()));
        }
        let before = header.value();
        let length = before.len() + tail.len();
        if length > MAX_INLINE {
            let mut joined = [&self.slab.get(handle)[before], tail].concat();
            return Ok((self.write(handle, (&mut joined).into(), (Expiry::Keep, true), || 0), length));
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
            self.external_string(handle, header)?.overwrite(offset, patch);
            return Ok(Written::in_place(handle));
        }
        let mut bytes = overwritten(&self.slab.get(handle)[header.value()], offset, patch);
        Ok(self.write(handle, (&mut bytes).into(), (Expiry::Keep, true), || 0))
    }

    /// An external string that is about to be modified.
    fn external_string(&mut self, handle: u32, header: Header) -> Result<&mut ExternalString, CommandError> {
        let record = self.slab.get_mut(handle);
        let string = self.values.get_mut(index_at(record, header.value())).as_string_mut()?;
        header.with(Flag::EDITED, true).write(record);
        Ok(string)
    }
}
