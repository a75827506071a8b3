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

/// The sum over all connections. In a cache line of its own, since connections read what is beside it for every command.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct BufferTotal(AtomicUsize);

impl BufferTotal {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts that the buffers of a connection have changed.
    pub(super) fn replace(&self, before: BufferMemory, now: BufferMemory) {
        // Wraps, so that one addition also subtracts.
        self.0.fetch_add(now.total().wrapping_sub(before.total()), Ordering::Relaxed);
    }
}
