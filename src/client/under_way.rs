//! [`UnderWay`]: the requests between the queue and their answers, in the order of the stream.

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
    outgoing::Outgoing,
    queue::Queue,
    request::{Commands, Reply, Request},
    sharing::Expected,
};

/// What was taken from the queue and is not answered.
///
/// The last entry may be encoded in part, the first one answered in part; what is encoded and not written is in the
/// output.
#[derive(Default)]
pub(super) struct UnderWay {
    entries: VecDeque<Entry>,
    output: Output,
    /// How many bytes were written since the connection began.
    written: u64,
    /// How many entries at the front hold their commands no more.
    released: usize,
    /// The value of the command that was begun last, until it is encoded.
    outgoing: Option<Outgoing>,
}

struct Entry {
    /// Kept until they are encoded and begun to be written: until then the entry can go back to the queue.
    commands: Option<Commands>,
    count: usize,
    encoded: usize,
    answered: usize,
    /// Where the first byte stands in the stream.
    start: u64,
    expected: Expected,
    reply: Option<Reply>,
    room: Option<OwnedSemaphorePermit>,
}

impl UnderWay {
    pub(super) fn begin(&mut self, request: Request) {
        let Request { commands, reply, expected, room } = request;
        let (count, start) = (commands.as_slice().len(), self.written + self.output.remaining() as u64);
        self.entries.push_back(Entry {
            commands: Some(commands),
            count,
            encoded: 0,
            answered: 0,
            start,
            expected,
            reply: Some(reply),
            room,
        });
    }

    /// Encodes the next command of the request that was begun last. False when there is none.
    pub(super) fn encode(&mut self, codec: &mut ClientCodec) -> bool {
        let Some(entry) = self.entries.back_mut().filter(|entry| entry.encoded < entry.count) else { return false };
        let command = entry.commands.as_ref().and_then(|commands| commands.as_slice().get(entry.encoded));
        let encoded = command.map(|command| match command.streamed_len() {
            None => codec.encode(command, &mut self.output),
            Some(_) => Outgoing::begin(command, entry.start, codec, &mut self.output)
                .map(|outgoing| self.outgoing = Some(outgoing)),
        });
        match encoded {
            Some(Err(reason)) => {
                // Every command was checked before it was queued, so this is the first one, and nothing is sent yet.
                if let Some(reply) = entry.reply.take() {
                    reply.fail(ClientError::Unsupported(reason));
                }
                self.entries.pop_back();
            }
            Some(Ok(())) | None => entry.encoded += 1,
        }
        true
    }

    /// Whether a value is on its way out.
    pub(super) fn is_sending_value(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Encodes on of the value, `room` bytes at most. Pending while its source has nothing. False when there is no
    /// value, or the head of its command must be written before.
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

    /// Counts bytes that were written, and lets go of the commands that are on their way.
    pub(super) fn written(&mut self, bytes: usize) {
        self.written += bytes as u64;
        while let Some(entry) = self.entries.get_mut(self.released) {
            if entry.start >= self.written || entry.encoded < entry.count {
                return;
            }
            entry.commands = None;
            self.released += 1;
        }
    }

    /// Takes the answer to the first command. It comes back when no command was sent that it could answer.
    pub(super) fn answer(&mut self, mut answer: Response) -> Option<Response> {
        // Its value is on its way only if it is the last one that was begun.
        let is_last_begun = self.entries.len() == 1;
        let Some(entry) = asking(&mut self.entries, self.outgoing.as_ref(), self.written) else { return Some(answer) };
        if let Some(outgoing) = self.outgoing.as_mut().filter(|_| is_last_begun) {
            answer = outgoing.hold(answer)?;
        }
        entry.answered += 1;
        let is_last = entry.answered == entry.count;
        entry.reply = entry.reply.take().and_then(|reply| reply.put(answer, is_last));
        if is_last {
            self.entries.pop_front();
            self.released = self.released.saturating_sub(1);
        }
        None
    }

    /// Takes a push that confirms the subscription whose turn it is. Any other comes back.
    pub(super) fn confirm(&mut self, message: Vec<Response>) -> Result<(), Vec<Response>> {
        let Some(Entry { expected: Expected::Pushes(name, left), .. }) = self.asking() else { return Err(message) };
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

    /// Whether the next answer may be given out before it is whole: not where it is collected with others.
    pub(super) fn takes_pieces(&mut self) -> bool {
        self.asking().is_some_and(|entry| matches!(entry.reply, Some(Reply::One(_))))
    }

    fn asking(&mut self) -> Option<&mut Entry> {
        asking(&mut self.entries, self.outgoing.as_ref(), self.written)
    }

    pub(super) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let replies = self.entries.iter_mut().filter_map(|entry| entry.reply.as_mut());
        // Every one of them is asked, so that every one can wake the task.
        let waiting = replies.filter_map(|reply| reply.poll_abandoned(cx).is_pending().then_some(())).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Fails every request of which a byte was written, and puts the others back, in their order.
    pub(super) fn fail(&mut self, cause: &ConnectionError, queue: &mut Queue) {
        // If it is anybody's, it is the last one's.
        let mut outgoing = self.outgoing.take();
        while let Some(entry) = self.entries.pop_back() {
            let mut outgoing = outgoing.take();
            let Some(reply) = entry.reply else { continue };
            match (entry.commands, outgoing.as_mut().and_then(Outgoing::take_answer)) {
                (Some(commands), None) if entry.start >= self.written => {
                    let commands = commands.with_body(outgoing.and_then(Outgoing::into_body));
                    queue.put_first(Request { commands, reply, expected: entry.expected, room: entry.room });
                }
                (_, Some(answer)) => drop(reply.put(answer, true)),
                _ => reply.fail(ClientError::Lost(cause.clone())),
            }
        }
    }
}

/// The request whose command the server may be answering: some of it was sent, and it is not answered.
fn asking<'a>(entries: &'a mut VecDeque<Entry>, outgoing: Option<&Outgoing>, written: u64) -> Option<&'a mut Entry> {
    let is_answered = entries.len() == 1 && outgoing.is_some_and(Outgoing::is_answered);
    let entry = entries.front_mut().filter(|_| !is_answered)?;
    (entry.answered < entry.encoded && entry.start < written).then_some(entry)
}

impl fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay")
            .field("requests", &self.entries.len())
            .field("unwritten", &self.unwritten())
            .finish_non_exhaustive()
    }
}
