//! Counts the memory of the buffers of a connection, whenever it waits or lets other tasks run.

use bytes::BytesMut;
use kvstore_protocol::{Codec, Output};

use super::{Connection, response_body::WINDOW};
use crate::server::{BufferMemory, make_service::MakeService};

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Whether the buffers of an idle connection have memory, or had some when they were counted last. Mostly not.
    #[inline]
    pub(super) fn has_buffers(&self) -> bool {
        // Without a branch for each.
        self.counted | self.reader.input.capacity() | self.writer.output.memory() != 0
    }

    /// Counts the memory of the buffers.
    #[inline(never)]
    pub(super) fn count_buffers(&mut self) {
        let buffers = self.buffer_memory();
        self.counted = buffers.total();
        self.client.registration.count_buffers(buffers);
    }

    /// Drops the buffers of a connection that is answered.
    pub(super) fn drop_buffers(&mut self) {
        *self.reader.input.buffer() = BytesMut::new();
        self.writer.output = Output::default();
        self.count_buffers();
    }

    fn buffer_memory(&self) -> BufferMemory {
        let input = self.reader.input.len();
        // The pipe of an argument that is streamed holds a window at most, which counts in full.
        let argument = if self.reader.incoming.is_some() { WINDOW } else { 0 };
        BufferMemory {
            input,
            input_free: self.reader.input.capacity() - input,
            requests: self.reader.queue.frame_bytes() + argument,
            output: self.writer.memory() + self.caller.in_flight.answer_bytes(),
            messages: self.inbox.message_bytes(),
        }
    }
}
