//! [`lendable`]: memory that may be lent, and that is not written while it is lent.

use std::{collections::BTreeMap, mem, ops::Range};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use super::{MIN_REQUEST, kernel};

/// The requests whose memory may be lent, by address. Accessed only for long requests and long parts of the output, so
/// one lock is cheap enough.
static LENDABLE: Mutex<BTreeMap<usize, LendableRange>> = Mutex::new(BTreeMap::new());

/// The memory of a lendable request.
struct LendableRange {
    end: usize,
    /// How many writes still copy it.
    copies: usize,
    is_lent: bool,
}

impl LendableRange {
    /// The number of copies costs about as much as dropping the pages and replacing them: two for a megabyte, 17 for 64
    /// KiB, where lending saves less. So a value that is overwritten about as often as it is read is always copied.
    /// Writes are counted, not responses: a value that the socket does not accept at once takes several.
    fn new(range: Range<usize>) -> Self {
        let length = range.len().max(1);
        Self { end: range.end, copies: 1 + (1024 * 1024 + length / 2) / length, is_lent: false }
    }
}

/// Freezes `bytes`, and makes their memory lendable if they are long.
pub(in super::super) fn lendable(bytes: BytesMut) -> Bytes {
    if bytes.len() < MIN_REQUEST || !kernel::lends() {
        return bytes.freeze();
    }
    Bytes::from_owner(Lendable::new(bytes))
}

/// Returns the range of the whole pages in `bytes`, which are marked as lent. `None` if the memory is not lendable, or
/// is to be copied this time.
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

/// The owner of lendable memory, which is never written. Drops the lent pages before it frees the memory.
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
            // Leaked on purpose: the next user of this memory would overwrite pages that the peer has not received.
            mem::forget(mem::take(&mut self.0));
        }
    }
}
