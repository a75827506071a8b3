//! Reading: from the bytes of the peer to decoded commands.

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
use crate::server::make_service::MakeService;

/// How many bytes a client may send ahead that has not authenticated.
const UNAUTHENTICATED_BUFFER: usize = 16 * 1024;

/// What was read, and what was decoded of it and not called.
pub(super) struct Reader<T> {
    pub(super) input: InputBuffer,
    pub(super) queue: RequestQueue<T>,
    /// An argument that comes piece by piece.
    pub(super) incoming: Option<Box<IncomingBody>>,
    /// How many commands were decoded.
    decoded: u64,
}

impl<T> Reader<T> {
    pub(super) fn new() -> Self {
        Self { input: InputBuffer::new(), queue: RequestQueue::new(), incoming: None, decoded: 0 }
    }

    /// The next command that came, in its session.
    pub(super) fn number(&mut self, command: Command, session: &Arc<Session>) -> Command {
        self.decoded += 1;
        command.in_session(session.clone(), self.decoded)
    }

    /// Whether something may be done with what is here.
    pub(super) fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.input.has_undecoded() || self.incoming.is_some()
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Reads once, if there is room for it. Also while commands are in flight: their peer may go away.
    pub(super) fn read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.wants_input() {
            return Poll::Pending;
        }
        match std::task::ready!(self.reader.input.poll_read(Pin::new(&mut self.io), cx))? {
            0 => self.handle_eof(),
            _ => self.record_activity(),
        }
        Poll::Ready(Ok(()))
    }

    /// Notes that something passed between the peer and the server.
    #[inline]
    pub(super) fn record_activity(&mut self) {
        self.reader.input.mark_active();
        self.client.registration.entry.touch(self.client.shared().registry.uptime());
    }

    pub(super) fn wants_input(&self) -> bool {
        if self.reader.incoming.is_some() {
            return self.wants_argument();
        }
        // A request larger than the buffer is read whole: its own limits bound it.
        let is_free = !self.is_busy() && !self.writer.is_full();
        self.lifecycle == Lifecycle::Open && (is_free || self.reader.input.len() < self.input_bound())
    }

    /// How many bytes are read ahead of what the client waits for.
    pub(super) fn input_bound(&self) -> usize {
        let bound = self.client.shared().settings.input_buffer;
        if self.client.is_authenticated() { bound } else { bound.min(UNAUTHENTICATED_BUFFER) }
    }

    /// Decodes a batch. An exclusive command ends it: what follows may be bound by other limits, or mean something else.
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

    /// Shows a decoded batch to CLIENT LIST and to the prefetch function.
    #[inline]
    fn publish_batch(&mut self) {
        let batch = self.reader.queue.commands();
        if let Some(last) = batch.last() {
            self.client.registration.entry.set_command(last);
        }
        if let Some(prefetch) = &self.client.shared().prefetch {
            // It has no effect, so a panic in it is no reason to leave a batch unanswered.
            let _ = failure::catch(|| prefetch(batch));
        }
    }

    /// Decodes all whole commands at once, as far as the codec can. Apart from the rest, so that the registers are its own.
    #[inline(never)]
    fn decode_batch(&mut self) {
        let mut requests = buffer_pool::take_requests();
        let (exclusive, queue) = (&self.client.shared().exclusive, &mut self.reader.queue);
        self.codec.decode_batch(self.reader.input.buffer(), &mut requests, |name, id, tag| {
            let is_exclusive = exclusive.has(name, id);
            queue.push_tag(tag, is_exclusive) < BATCH && !is_exclusive
        });
        if !requests.is_empty() {
            self.sync_protocol();
            let frame = self.reader.input.take_frame(requests.bytes());
            let number = self.reader.decoded + 1;
            self.reader.decoded += requests.len() as u64;
            self.reader.queue.push_commands(requests.drain(frame, self.client.session.clone(), number));
        }
        buffer_pool::put_requests(requests);
    }

    /// Decodes commands one by one, whatever they are.
    fn decode_singly(&mut self) {
        while self.reader.queue.len() < BATCH {
            match self.codec.decode(self.reader.input.buffer()) {
                Ok(Some((command, tag))) => {
                    let is_exclusive = self.client.shared().exclusive.has(command.name(), command.id());
                    self.sync_protocol();
                    let command = self.reader.input.make_lendable(command);
                    let command = self.reader.number(command, &self.client.session);
                    self.reader.queue.push(command, tag, is_exclusive);
                    if is_exclusive {
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

    /// Notes in the session which protocol the codec found.
    #[inline]
    pub(super) fn sync_protocol(&mut self) {
        let protocol = self.codec.protocol();
        if protocol != self.client.session.protocol() {
            self.change_session(|session| session.set_protocol(protocol));
        }
    }

    /// Whether an exclusive command or a long argument is in flight: what follows is decoded after it.
    fn must_wait(&self) -> bool {
        self.reader.incoming.is_some() || self.caller.is_exclusive()
    }
}
