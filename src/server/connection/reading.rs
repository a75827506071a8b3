//! Reading: reads bytes from the client and decodes them to commands.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_middleware::failure;
use kvstore_protocol::{Codec, Command, Session};

use super::{
    Connection, Lifecycle, buffer_pool,
    input::InputBuffer,
    queue::{BATCH, RequestQueue},
    request_body::IncomingBody,
};
use crate::server::{make_service::MakeService, state::Exclusivity};

/// The input buffer, and the commands that are decoded and not called.
pub(super) struct Reader<T> {
    pub(super) input: InputBuffer,
    pub(super) queue: RequestQueue<T>,
    /// The argument that is streamed to its handler.
    pub(super) incoming: Option<Box<IncomingBody>>,
    /// The number of commands decoded so far.
    decoded: u64,
}

impl<T> Reader<T> {
    pub(super) fn new() -> Self {
        Self { input: InputBuffer::new(), queue: RequestQueue::new(), incoming: None, decoded: 0 }
    }

    /// Stamps a decoded command with its number and the session.
    pub(super) fn number(&mut self, command: Command, session: &Arc<Session>) -> Command {
        self.decoded += 1;
        command.in_session(session.clone(), self.decoded)
    }

    /// Whether there is work that needs no more input.
    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.input.has_undecoded() || self.incoming.is_some()
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Reads once, if there is room. Also while commands are in flight, to notice when the client disconnects. Returns the number
    /// of bytes, 0 when the client has closed its side.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.wants_input() {
            return Poll::Pending;
        }
        let read = std::task::ready!(self.reader.input.poll_read(Pin::new(&mut self.io), cx))?;
        match read {
            0 => self.handle_eof(),
            _ => {
                self.client.shared().runtime.traffic.count_read(read);
                self.record_activity();
            }
        }
        Poll::Ready(Ok(read))
    }

    /// Records that bytes were read or written.
    #[inline]
    pub(super) fn record_activity(&mut self) {
        self.reader.input.mark_active();
        self.client.registration.entry.touch(self.client.shared().registry.uptime());
    }

    pub(super) fn wants_input(&self) -> bool {
        if self.reader.incoming.is_some() {
            return self.wants_argument();
        }
        // A request may be larger than the buffer: the limits of requests bound it.
        let is_free = !self.is_busy() && !self.writer.is_full();
        self.lifecycle == Lifecycle::Open
            && (is_free || self.reader.input.len() < self.input_bound() || self.reads_ahead())
    }

    /// Whether requests are read that cannot be executed yet, since the client does not read its replies: it may send all of them
    /// before it reads.
    #[cold]
    fn reads_ahead(&self) -> bool {
        let is_stalled = self.deadline.stalled_since().is_some() && self.client.is_authenticated();
        is_stalled && !self.fills_query_buffer()
    }

    /// Whether the client has sent as much as it may while it does not read its replies.
    pub(super) fn fills_query_buffer(&self) -> bool {
        self.reader.input.len() >= self.client.shared().runtime.query_buffer.get().max(self.input_bound())
    }

    /// Returns the size of the input buffer while commands are in flight.
    pub(super) fn input_bound(&self) -> usize {
        let settings = &self.client.shared().settings;
        let bound = settings.input_buffer;
        if self.client.is_authenticated() { bound } else { bound.min(settings.unauthenticated_buffer) }
    }

    /// Decodes a batch. Returns whether there are commands. A batch ends after an exclusive command, which may change
    /// the limits, or the meaning of the commands after it.
    pub(super) fn decode(&mut self) -> bool {
        let is_over = matches!(self.lifecycle, Lifecycle::Failed(_) | Lifecycle::Draining);
        if !self.reader.input.has_undecoded() || is_over || self.must_wait() {
            return false;
        }
        self.decode_batch();
        if self.reader.queue.is_empty() {
            self.decode_singly();
        }
        self.reader.input.record_decoded(self.reader.queue.len(), self.codec.missing());
        if self.reader.incoming.is_some() {
            self.reader.input.begin_streaming();
        }
        if self.reader.queue.is_empty() {
            return false;
        }
        self.writer.make_room();
        self.publish_batch();
        true
    }

    /// Passes a decoded batch to CLIENT LIST and to the prefetch function.
    #[inline]
    fn publish_batch(&mut self) {
        let batch = self.reader.queue.commands();
        if let Some(last) = batch.last() {
            self.client.registration.entry.set_command(last);
        }
        if let Some(prefetch) = &self.client.shared().prefetch {
            // A panic in it is logged, and the batch is answered all the same.
            let _ = failure::catch(|| prefetch(batch));
        }
    }

    /// Decodes all whole commands at once, if the codec supports it. Not inlined, for better register allocation.
    #[inline(never)]
    fn decode_batch(&mut self) {
        let mut requests = buffer_pool::take_requests();
        let (exclusive, queue) = (&self.client.shared().exclusive, &mut self.reader.queue);
        self.codec.decode_batch(self.reader.input.buffer(), &mut requests, |name, id, tag| {
            let exclusivity = exclusive.of(name, id);
            queue.push_tag(tag, exclusivity) < BATCH && exclusivity == Exclusivity::Shared
        });
        if !requests.is_empty() {
            self.sync_protocol();
            let frame = self.reader.input.take_frame(requests.bytes());
            let number = self.reader.decoded + 1;
            self.reader.decoded += requests.len() as u64;
            let bytes = frame.len();
            self.reader.queue.push_commands(requests.drain(frame, self.client.session.clone(), number), bytes);
        }
        buffer_pool::put_requests(requests);
    }

    /// Decodes commands one by one, of any kind.
    fn decode_singly(&mut self) {
        while self.reader.queue.len() < BATCH {
            let before = self.reader.input.len();
            match self.codec.decode(self.reader.input.buffer()) {
                Ok(Some((command, tag))) => {
                    let exclusivity = self.client.shared().exclusive.of(command.name(), command.id());
                    self.sync_protocol();
                    let bytes = before.saturating_sub(self.reader.input.len());
                    let command = self.reader.input.make_lendable(command);
                    let command = self.reader.number(command, &self.client.session);
                    self.reader.queue.push(command, bytes, tag, exclusivity);
                    if exclusivity != Exclusivity::Shared {
                        break;
                    }
                }
                Ok(None) => {
                    self.reader.input.mark_exhausted();
                    self.decode_head();
                    break;
                }
                Err(error) => {
                    self.lifecycle = Lifecycle::Failed(error);
                    break;
                }
            }
        }
    }

    /// Copies the protocol of the codec to the session.
    #[inline]
    pub(super) fn sync_protocol(&mut self) {
        let protocol = self.codec.protocol();
        if protocol != self.client.session.protocol() {
            self.change_session(|session| session.set_protocol(protocol));
        }
    }

    /// Whether decoding must wait for an exclusive command or a streamed argument.
    fn must_wait(&self) -> bool {
        self.reader.incoming.is_some() || self.caller.is_held()
    }
}
