//! [`InFlight`]: the requests that are sent and not answered, in the order of the stream.

use std::{
    collections::VecDeque,
    fmt, io,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use kvstore_protocol::{ClientCodec, Output, Response};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    ClientError, ConnectionError,
    outgoing::OutgoingBody,
    queue::RequestQueue,
    request::{Commands, ReplySender, Request},
    sharing::Expected,
};

/// The requests that were taken from the queue and are not answered.
///
/// The last one may be partly encoded, and the first one partly answered. The output has what is encoded and not written.
#[derive(Default)]
pub(super) struct InFlight {
    requests: VecDeque<PendingRequest>,
    output: Output,
    /// The number of bytes written since the connection began.
    written: u64,
    /// The number of requests at the front that no longer hold their commands.
    released: usize,
    /// The body of the last command, until it is encoded.
    outgoing: Option<OutgoingBody>,
}

struct PendingRequest {
    /// `None` once all are encoded and the first byte is written. Until then the request can go back to the queue.
    commands: Option<Commands>,
    count: usize,
    encoded: usize,
    answered: usize,
    /// The position of its first byte in the stream.
    start: u64,
    expected: Expected,
    reply: Option<ReplySender>,
    permit: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    pub(super) fn begin(&mut self, request: Request) {
        let Request { commands, reply, expected, permit } = request;
        let (count, start) = (commands.as_slice().len(), self.written + self.output.remaining() as u64);
        self.requests.push_back(PendingRequest {
            commands: Some(commands),
            count,
            encoded: 0,
            answered: 0,
            start,
            expected,
            reply: Some(reply),
            permit,
        });
    }

    /// Encodes the next command of the last request. False when there is none.
    pub(super) fn encode(&mut self, codec: &mut ClientCodec) -> bool {
        let Some(request) = self.requests.back_mut().filter(|request| request.encoded < request.count) else {
            return false;
        };
        let command = request.commands.as_ref().and_then(|commands| commands.as_slice().get(request.encoded));
        let encoded = command.map(|command| match command.streamed_len() {
            None => codec.encode(command, &mut self.output),
            Some(_) => OutgoingBody::begin(command, request.start, codec, &mut self.output)
                .map(|outgoing| self.outgoing = Some(outgoing)),
        });
        match encoded {
            Some(Err(reason)) => {
                // Every command was checked before it was queued, so this is the first one, and nothing is sent yet.
                if let Some(reply) = request.reply.take() {
                    reply.fail(ClientError::Unsupported(reason));
                }
                self.requests.pop_back();
            }
            Some(Ok(())) | None => request.encoded += 1,
        }
        true
    }

    /// Whether a body is being sent.
    pub(super) fn is_sending_value(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Encodes up to `room` bytes of the body. Pending while its source has none. False when there is no body, or when the
    /// head of its command must be written first.
    ///
    /// # Errors
    /// Those of the source.
    pub(super) fn poll_value(
        &mut self,
        codec: &mut ClientCodec,
        room: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        let Some(outgoing) = self.outgoing.as_mut().filter(|outgoing| outgoing.is_begun(self.written)) else {
            return Poll::Ready(Ok(false));
        };
        if ready!(outgoing.poll_read(&mut self.output, room, cx))? {
            codec.end_streamed(&mut self.output);
            let answer = self.outgoing.take().and_then(|mut outgoing| outgoing.take_answer());
            if let Some(answer) = answer {
                self.answer(answer);
            }
        }
        Poll::Ready(Ok(true))
    }

    pub(super) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(super) fn unwritten(&self) -> usize {
        self.output.remaining()
    }

    /// Counts bytes that were written, and drops the commands that were begun.
    pub(super) fn written(&mut self, bytes: usize) {
        self.written += bytes as u64;
        while let Some(request) = self.requests.get_mut(self.released) {
            if request.start >= self.written || request.encoded < request.count {
                return;
            }
            request.commands = None;
            self.released += 1;
        }
    }

    /// Takes the answer to the first command. Returns it when no command was sent that it could answer.
    pub(super) fn answer(&mut self, mut answer: Response) -> Option<Response> {
        // The body, if any, belongs to the last request.
        let is_last_begun = self.requests.len() == 1;
        let Some(request) = awaiting_answer(&mut self.requests, self.outgoing.as_ref(), self.written) else {
            return Some(answer);
        };
        if let Some(outgoing) = self.outgoing.as_mut().filter(|_| is_last_begun) {
            answer = outgoing.hold(answer)?;
        }
        request.answered += 1;
        let is_last = request.answered == request.count;
        request.reply = request.reply.take().and_then(|reply| reply.put(answer, is_last));
        if is_last {
            self.requests.pop_front();
            self.released = self.released.saturating_sub(1);
        }
        None
    }

    /// Takes a push that confirms the first subscription. Returns any other.
    pub(super) fn confirm(&mut self, message: Vec<Response>) -> Result<(), Vec<Response>> {
        let Some(PendingRequest { expected: Expected::Pushes(name, left), .. }) = self.awaiting_answer() else {
            return Err(message);
        };
        let kind = message.first().and_then(Response::as_bytes);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case(name.as_bytes())) {
            return Err(message);
        }
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.answer(Response::Push(message));
        }
        Ok(())
    }

    /// Whether the next answer may be streamed: not if it is one of a pipeline.
    pub(super) fn takes_stream(&mut self) -> bool {
        self.awaiting_answer().is_some_and(|request| matches!(request.reply, Some(ReplySender::One(_))))
    }

    fn awaiting_answer(&mut self) -> Option<&mut PendingRequest> {
        awaiting_answer(&mut self.requests, self.outgoing.as_ref(), self.written)
    }

    pub(super) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let replies = self.requests.iter_mut().filter_map(|request| request.reply.as_mut());
        // All are polled, so that each can wake the task.
        let waiting = replies.filter_map(|reply| reply.poll_abandoned(cx).is_pending().then_some(())).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Fails every request of which a byte was written, and puts the others back, in their order.
    pub(super) fn fail(&mut self, cause: &ConnectionError, queue: &mut RequestQueue) {
        // It belongs to the last request.
        let mut outgoing = self.outgoing.take();
        while let Some(request) = self.requests.pop_back() {
            let mut outgoing = outgoing.take();
            let Some(reply) = request.reply else { continue };
            match (request.commands, outgoing.as_mut().and_then(OutgoingBody::take_answer)) {
                (Some(commands), None) if request.start >= self.written => {
                    let commands = commands.with_body(outgoing.and_then(OutgoingBody::into_body));
                    queue.put_first(Request { commands, reply, expected: request.expected, permit: request.permit });
                }
                (_, Some(answer)) => drop(reply.put(answer, true)),
                _ => reply.fail(ClientError::Lost(cause.clone())),
            }
        }
    }
}

/// The request whose command the server may be answering: some of it was sent, and it is not answered.
fn awaiting_answer<'a>(
    requests: &'a mut VecDeque<PendingRequest>,
    outgoing: Option<&OutgoingBody>,
    written: u64,
) -> Option<&'a mut PendingRequest> {
    let is_answered = requests.len() == 1 && outgoing.is_some_and(OutgoingBody::is_answered);
    let request = requests.front_mut().filter(|_| !is_answered)?;
    (request.answered < request.encoded && request.start < written).then_some(request)
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight")
            .field("requests", &self.requests.len())
            .field("unwritten", &self.unwritten())
            .finish_non_exhaustive()
    }
}
