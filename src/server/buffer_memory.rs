//! [`BufferMemory`]: the memory of the buffers of a connection, and its sum over the connections of a server.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory of the buffers of a connection, in bytes. An idle connection has none: its buffers are in a pool, which does
/// not count.
///
/// A long value in the output counts in full, even if it shares its memory with the store: it stays in memory until it is
/// written, whatever becomes of its key. The commands that the service was called with count as memory of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferMemory {
    /// The bytes that are read and not decoded.
    pub input: usize,
    /// The room for more input.
    pub input_free: usize,
    /// The commands that are decoded and not called.
    pub requests: usize,
    /// The responses and messages that wait to be written, with the room for more, and the responses that wait for their turn.
    pub output: usize,
    /// The pushed messages that wait for room in the output, or for the response before them.
    pub messages: usize,
}

impl BufferMemory {
    /// The memory of all of them.
    pub fn total(&self) -> usize {
        let Self { input, input_free, requests, output, messages } = self;
        input + input_free + requests + output + messages
    }
}

/// The buffers of a connection, as other connections see them. Only the connection itself writes them.
#[derive(Debug, Default)]
pub(super) struct BufferCounts {
    input: AtomicUsize,
    input_free: AtomicUsize,
    requests: AtomicUsize,
    output: AtomicUsize,
    messages: AtomicUsize,
}

impl BufferCounts {
    pub(super) fn get(&self) -> BufferMemory {
        BufferMemory {
            input: self.input.load(Ordering::Relaxed),
            input_free: self.input_free.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            output: self.output.load(Ordering::Relaxed),
            messages: self.messages.load(Ordering::Relaxed),
        }
    }

    pub(super) fn set(&self, buffers: BufferMemory) {
        self.input.store(buffers.input, Ordering::Relaxed);
        self.input_free.store(buffers.input_free, Ordering::Relaxed);
        self.requests.store(buffers.requests, Ordering::Relaxed);
        self.output.store(buffers.output, Ordering::Relaxed);
        self.messages.store(buffers.messages, Ordering::Relaxed);
    }
}

/// The sum over all connections, and its limit. In a cache line of its own, since connections read what is beside it for every
/// command.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct BufferTotal {
    total: AtomicUsize,
    limit: AtomicUsize,
}

/// No limit.
impl Default for BufferTotal {
    fn default() -> Self {
        Self { total: AtomicUsize::new(0), limit: AtomicUsize::new(usize::MAX) }
    }
}

impl BufferTotal {
    pub(super) fn get(&self) -> usize {
        shown(self.total.load(Ordering::Relaxed))
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Counts these bytes no more: the connection that has them is evicted.
    pub(super) fn uncount(&self, bytes: usize) {
        self.total.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts these bytes again, which the connection that was evicted has given back.
    pub(super) fn count_again(&self, bytes: usize) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts that the buffers of a connection have changed. Returns whether the sum is over the limit now.
    pub(super) fn replace(&self, before: BufferMemory, now: BufferMemory) -> bool {
        // Wraps, so that one addition also subtracts.
        let change = now.total().wrapping_sub(before.total());
        shown(self.total.fetch_add(change, Ordering::Relaxed).wrapping_add(change)) > self.limit()
    }
}

/// The sum as it is shown: for a moment, while a connection is evicted and ends by itself, it may be less than nothing.
fn shown(total: usize) -> usize {
    if total > isize::MAX as usize { 0 } else { total }
}
