//! [`lendable`]: memory that may be lent, and what keeps it from being written once it was.

use std::{collections::BTreeMap, mem, ops::Range};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use super::{MIN_REQUEST, kernel};

/// The requests whose memory may be lent, by their addresses. Only long ones come here, and long parts of the output ask:
/// what they take is long enough for one lock.
static LENDABLE: Mutex<BTreeMap<usize, LendableRange>> = Mutex::new(BTreeMap::new());

/// A request that may be lent.
struct LendableRange {
    end: usize,
    /// How many writes still copy what they have of it.
    copies: usize,
    is_lent: bool,
}

impl LendableRange {
    /// So many copies cost about what it costs to take the pages out in the end, and to fill their places with new ones: two
    /// of a megabyte, 17 of 64 KiB, where less is saved each time. So what is overwritten about as often as it is read goes
    /// on being copied. Writes are counted, and a value that its socket does not take at once is written several times.
    fn new(range: Range<usize>) -> Self {
        let length = range.len().max(1);
        Self { end: range.end, copies: 1 + (1024 * 1024 + length / 2) / length, is_lent: false }
    }
}

/// The same bytes; in memory that may be lent, where they are many.
pub(in super::super) fn lendable(bytes: BytesMut) -> Bytes {
    if bytes.len() < MIN_REQUEST || !kernel::lends() {
        return bytes.freeze();
    }
    Bytes::from_owner(Lendable::new(bytes))
}

/// The whole pages in `bytes`, which are not written from now on, for as long as anybody has them; `None` where `bytes` lie
/// in no memory for it, or are to be copied this time.
pub(super) fn lend(bytes: &[u8]) -> Option<Range<usize>> {
    let pages = Some(kernel::whole_pages(bytes)).filter(|pages| !pages.is_empty() && kernel::lends())?;
    let start = bytes.as_ptr().addr();
    let mut lendable = LENDABLE.lock();
    let (_, range) = lendable.range_mut(..=start).next_back()?;
    if start + bytes.len() > range.end {
        return None;
    }
    if range.copies > 0 {
        range.copies -= 1;
        return None;
    }
    range.is_lent = true;
    Some(pages)
}

/// Bytes that nobody else has or will have, and that nobody writes: their last owner frees them.
struct Lendable(BytesMut);

impl Lendable {
    fn new(bytes: BytesMut) -> Self {
        let start = bytes.as_ptr().addr();
        LENDABLE.lock().insert(start, LendableRange::new(start..start + bytes.len()));
        Self(bytes)
    }
}

impl AsRef<[u8]> for Lendable {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Lendable {
    fn drop(&mut self) {
        let range = LENDABLE.lock().remove(&self.0.as_ptr().addr());
        if !range.is_some_and(|range| range.is_lent) {
            return;
        }
        if let Err(error) = kernel::drop_pages(&mut self.0) {
            kernel::stop_lending(error);
            // Who got this memory next would write what is not read yet: nobody gets it.
            mem::forget(mem::take(&mut self.0));
        }
    }
}
