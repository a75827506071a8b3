//! [`Connection`]: one stream to a server, and the requests in flight on it.

use std::{
    fmt,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, BufMut, BytesMut};
use kvstore_protocol::{Body, BodyPipe, ClientCodec, ProtocolError, Response};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Sleep, sleep, timeout},
};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::{
    ConnectionError, Refusal,
    handshake::Handshake,
    in_flight::InFlight,
    pushes::{PushHub, Pushed},
    queue::RequestQueue,
    request::Request,
    sharing::Expected,
};

/// The least and the most room for one read. A longer reply takes several reads: its length is what the server claims, and
/// nothing is reserved for all of it.
const READ: (usize, usize) = (4 * 1024, 64 * 1024);

/// No more commands are encoded while this many bytes are not written.
const UNWRITTEN: usize = 64 * 1024;

/// How long a server may take to read what it is sent once no caller waits for its answers.
const LINGER: Duration = Duration::from_secs(5);

pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum ConnectionEnd {
    /// No handle is left, or the client was closed.
    Done,
    Broken(ConnectionError),
}

pub(super) struct Connection {
    io: Box<dyn Io>,
    codec: ClientCodec,
    input: BytesMut,
    /// Longer replies are streamed.
    stream_over: Option<usize>,
    /// A long reply on its way to its reader. Nothing behind it is decoded before it is complete.
    incoming: Option<BodyPipe>,
    in_flight: InFlight,
    is_flushed: bool,
    /// Writing has failed. What the server sent before is still read.
    write_error: Option<io::Error>,
    linger: Option<Pin<Box<Sleep>>>,
    hub: Arc<PushHub>,
    /// Whether the server has answered more than the handshake.
    has_answered: bool,
}

impl Connection {
    pub(super) fn new(io: Box<dyn Io>, codec: ClientCodec, stream_over: Option<usize>, hub: Arc<PushHub>) -> Self {
        Self {
            io,
            codec,
            input: BytesMut::new(),
            stream_over,
            incoming: None,
            in_flight: InFlight::default(),
            is_flushed: true,
            write_error: None,
            linger: None,
            hub,
            has_answered: false,
        }
    }

    /// Whether the server has answered more than the handshake.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Sends the requests of the queue and distributes the answers, until the connection ends.
    ///
    /// # Cancel safety
    /// It can be dropped and called again.
    pub(super) async fn run(&mut self, queue: &mut RequestQueue) -> ConnectionEnd {
        poll_fn(|cx| self.poll(cx, queue)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, queue: &mut RequestQueue) -> Poll<ConnectionEnd> {
        loop {
            let is_full = match self.encode(cx, queue) {
                Ok(is_full) => is_full,
                Err(error) => return Poll::Ready(ConnectionEnd::Broken(ConnectionError::within(error))),
            };
            let has_written = self.poll_write(cx).is_ready();
            // Also while writing: a server may refuse a command before it has read all of it.
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => return Poll::Ready(ConnectionEnd::Broken(cause)),
                // Writing made room for more commands.
                Poll::Pending if is_full && has_written => {}
                Poll::Pending => return self.poll_done(cx, queue),
            }
        }
    }

    /// Encodes the requests of the queue, so that the commands of many callers are written together. True when the output is
    /// full.
    ///
    /// # Errors
    /// Those of the source of a value, of which a part may be sent.
    fn encode(&mut self, cx: &mut Context<'_>, queue: &mut RequestQueue) -> io::Result<bool> {
        while self.write_error.is_none() && self.in_flight.unwritten() < UNWRITTEN {
            if self.in_flight.is_sending_value() {
                let room = UNWRITTEN - self.in_flight.unwritten();
                match self.in_flight.poll_value(&mut self.codec, room, cx) {
                    Poll::Ready(Ok(true)) => continue,
                    Poll::Ready(Ok(false)) => break,
                    Poll::Ready(Err(error)) => return Err(error),
                    Poll::Pending => {
                        queue.receive_all(cx);
                        return Ok(false);
                    }
                }
            }
            if !self.in_flight.encode(&mut self.codec) {
                let Poll::Ready(Some(request)) = queue.poll_next(cx) else { return Ok(false) };
                self.in_flight.begin(request);
            }
        }
        // The end of the queue is noticed even while nothing can be written.
        queue.receive_all(cx);
        Ok(true)
    }

    /// Writes the output. Ready when all of it is written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_send(cx)) {
            Ok(()) => Poll::Ready(()),
            Err(error) => {
                self.write_error = Some(error);
                Poll::Pending
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_error.is_some() {
            return Poll::Pending;
        }
        while self.in_flight.output().has_remaining() {
            self.is_flushed = false;
            let written = ready!(poll_write_buf(Pin::new(&mut self.io), cx, self.in_flight.output()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.in_flight.written(written);
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and distributes the replies that have arrived.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.incoming.is_some() {
            // Backpressure: nothing more is read before the reader of the reply has room.
            ready!(self.poll_decode(cx))?;
        }
        match (self.poll_fill(cx), self.write_error.take()) {
            (Poll::Ready(Ok(0)) | Poll::Pending, Some(error)) => Poll::Ready(Err(error.into())),
            (Poll::Ready(Ok(0)), None) => Poll::Ready(Err(self.end_of_stream())),
            (Poll::Ready(Ok(_)), write_error) => {
                self.write_error = write_error;
                self.poll_decode(cx)
            }
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error.into())),
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let io = Pin::new(&mut self.io);
        let Some(incoming) = &self.incoming else {
            self.input.reserve(self.codec.missing().clamp(READ.0, READ.1));
            return poll_read_buf(io, cx, &mut self.input);
        };
        // A limit, even if the buffer has more room: what is read here waits for the reader of the reply.
        let room = usize::try_from(incoming.remaining()).unwrap_or(READ.1).clamp(READ.0, READ.1);
        self.input.reserve(room);
        poll_read_buf(io, cx, &mut (&mut self.input).limit(room))
    }

    fn end_of_stream(&self) -> ConnectionError {
        match self.input.is_empty() && self.codec.is_idle() {
            true => ConnectionError::Ended,
            false => io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside of a reply").into(),
        }
    }

    /// Distributes the replies that have arrived. Pending while the reader of a streamed one does not keep up.
    fn poll_decode(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            if let Some(incoming) = &mut self.incoming {
                ready!(incoming.poll_forward(&mut self.input, cx));
                if incoming.remaining() > 0 {
                    return Poll::Ready(Ok(()));
                }
                self.incoming = None;
            }
            let reply = match self.decode_head() {
                Some(head) => head,
                None => match self.codec.decode(&mut self.input)? {
                    Some(reply) => reply,
                    None => return Poll::Ready(Ok(())),
                },
            };
            self.accept(reply)?;
        }
    }

    /// A long reply of which the head has arrived, if it may be streamed.
    fn decode_head(&mut self) -> Option<Response> {
        let over = self.stream_over.filter(|_| self.in_flight.takes_stream())?;
        let length = self.codec.decode_head(&mut self.input, over)?;
        if let Some(whole) = usize::try_from(length).ok().filter(|length| *length <= self.input.len()) {
            return Some(Body::from(self.input.split_to(whole).freeze()).into());
        }
        let (incoming, body) = BodyPipe::new(length);
        self.incoming = Some(incoming);
        Some(body.into())
    }

    /// Sends a reply to its caller, or a push to the readers of pushes.
    fn accept(&mut self, reply: Response) -> Result<(), ConnectionError> {
        let reply = match reply {
            Response::Push(message) => {
                if let Err(message) = self.in_flight.confirm(message) {
                    self.hub.send(Pushed::Message(message));
                }
                return Ok(());
            }
            reply => reply,
        };
        self.has_answered = true;
        match self.in_flight.answer(reply) {
            None => Ok(()),
            Some(Response::Error(text)) => Err(ConnectionError::Refused(Refusal::new(text))),
            // Otherwise it would be taken for the answer to the next command.
            Some(_) => Err(ProtocolError::InvalidReply("no command was sent").into()),
        }
    }

    /// Ready when no more requests will come, and no caller waits for those in flight.
    fn poll_done(&mut self, cx: &mut Context<'_>, queue: &mut RequestQueue) -> Poll<ConnectionEnd> {
        ready!(queue.poll_done(cx));
        ready!(self.in_flight.poll_abandoned(cx));
        if let Some(incoming) = &mut self.incoming {
            ready!(incoming.poll_abandoned(cx));
        }
        if self.in_flight.unwritten() > 0 || self.in_flight.is_sending_value() {
            // A command that was begun is sent whole, unless the server does not read it.
            ready!(self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER))).as_mut().poll(cx));
        }
        Poll::Ready(ConnectionEnd::Done)
    }

    /// Fails the requests that were sent, and puts the others back.
    pub(super) fn fail(mut self, cause: &ConnectionError, queue: &mut RequestQueue) {
        if let Some(incoming) = self.incoming.take() {
            incoming.fail(cause.clone().into());
        }
        self.in_flight.fail(cause, queue);
    }

    /// Shuts down the stream.
    pub(super) async fn shut_down(mut self) {
        let shut_down = poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx));
        if !matches!(timeout(LINGER, shut_down).await, Ok(Ok(()))) {
            tracing::debug!("the connection was not closed in order");
        }
    }

    /// Sends the commands of the handshake, all at once.
    ///
    /// # Errors
    /// When the connection ends, or the server answers one of them with an error.
    pub(super) async fn shake_hands(&mut self, handshake: &Handshake) -> Result<(), ConnectionError> {
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        for (name, command) in handshake.commands() {
            let (request, answer) = Request::one(command, Expected::Reply, None);
            requests.push(request);
            answers.push((name, answer));
        }
        let mut queue = RequestQueue::of(requests);
        for (command, mut answer) in answers {
            let answer = tokio::select! {
                biased;
                answer = &mut answer => answer.ok(),
                end = self.run(&mut queue) => match (answer.try_recv(), end) {
                    (Ok(answer), _) => Some(answer),
                    (Err(_), ConnectionEnd::Broken(cause)) => return Err(cause),
                    (Err(_), ConnectionEnd::Done) => None,
                },
            };
            match answer {
                Some(Ok(Response::Error(text))) => {
                    return Err(ConnectionError::Handshake { command, refusal: handshake.without_secrets(text) });
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(ConnectionError::Ended),
            }
        }
        self.has_answered = false;
        Ok(())
    }
}

/// The task may end at any time, by a panic or with its runtime. The reader of a streamed reply learns of it.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            incoming.fail(ConnectionError::Stopped.into());
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("codec", &self.codec)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
