//! What several tests need: a server over in-memory pipes, a client that speaks literal bytes, and services that do what a
//! test says.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use kvstore::{
    protocol::{Command, Response},
    server::{PipeConnector, PipeListener, Serve, Stopped},
    testing,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    task::JoinHandle,
    time::timeout,
};
use tower::{BoxError, Service, service_fn};

pub(crate) use kvstore::testing::{Call, Mock, Script, mock, settle};

/// How long a test waits before it takes something for lost. Under paused time it passes at once.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A server over in-memory pipes, for clients that speak literal bytes.
pub(crate) struct Server(testing::Server);

impl Server {
    /// A server with the default settings.
    pub(crate) fn start<S>(service: S) -> Self
    where
        S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    {
        Self(testing::Server::start(service))
    }

    /// A server with settings of its own.
    pub(crate) fn of(build: impl FnOnce(PipeListener) -> Serve) -> Self {
        Self(testing::Server::start_with(build))
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(self.0.stream())
    }

    /// A client whose pipe holds so many bytes in each direction.
    pub(crate) fn connect_with_room(&self, bytes: usize) -> Client {
        Client::new(self.0.connector().connect_with_room(bytes).expect("the server listens"))
    }

    pub(crate) fn connector(&self) -> PipeConnector {
        self.0.connector().clone()
    }

    /// Tells the server to stop, and hands back what becomes of it.
    pub(crate) fn stop(self) -> JoinHandle<Stopped> {
        let stopped = self.0.stop();
        tokio::spawn(async { stopped.await.expect("the server does not panic") })
    }
}

/// A client that sends and expects literal bytes.
pub(crate) struct Client<Io = DuplexStream> {
    pub(crate) io: Io,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Client<Io> {
    pub(crate) fn new(io: Io) -> Self {
        Self { io }
    }

    pub(crate) async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        let send = async {
            self.io.write_all(bytes.as_ref()).await?;
            self.io.flush().await
        };
        let sent = timeout(PATIENCE, send).await;
        sent.expect("the server takes what is sent").expect("the connection holds");
    }

    /// Expects these bytes next.
    #[track_caller]
    pub(crate) fn gets(&mut self, expected: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.expects(expected.as_ref(), caller).await;
        }
    }

    /// Sends a request and expects its answer.
    #[track_caller]
    pub(crate) fn asks(&mut self, request: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            self.sends(request).await;
            self.expects(answer.as_ref(), caller).await;
        }
    }

    async fn expects(&mut self, expected: &[u8], caller: &std::panic::Location<'_>) {
        let mut got = self.reads(expected.len()).await;
        if got != expected {
            // What follows says more about what went wrong.
            let _ = timeout(Duration::from_millis(100), (&mut self.io).take(1000).read_to_end(&mut got)).await;
        }
        assert_eq!(Text(&got), Text(expected), "at {caller}");
    }

    /// Reads so many bytes, or what there is before the end.
    pub(crate) async fn reads(&mut self, count: usize) -> Vec<u8> {
        let mut got = Vec::new();
        let read = timeout(PATIENCE, (&mut self.io).take(count as u64).read_to_end(&mut got)).await;
        match read {
            Ok(read) => read.expect("the connection holds"),
            Err(_) => panic!("nothing came after {:?}", Text(&got)),
        };
        got
    }

    /// Reads to the end of the line.
    pub(crate) async fn reads_line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let byte = self.reads(1).await;
            assert!(!byte.is_empty(), "the connection ended after {:?}", Text(&line));
            line.extend(byte);
        }
        String::from_utf8(line).expect("a line of text").trim_end().to_owned()
    }

    /// Reads a bulk, as text.
    pub(crate) async fn reads_bulk(&mut self) -> String {
        let header = self.reads_line().await;
        let length: usize = header[1..].parse().unwrap_or_else(|_| panic!("no bulk: {header}"));
        let body = self.reads(length + 2).await;
        String::from_utf8(body[..length].to_vec()).expect("text")
    }

    /// Reads on until this comes, and past it.
    pub(crate) async fn reads_until(&mut self, end: &str) {
        let mut got = Vec::new();
        while !got.ends_with(end.as_bytes()) {
            let byte = self.reads(1).await;
            assert!(!byte.is_empty(), "the connection ended after {:?}", Text(&got));
            got.extend(byte);
        }
    }

    /// Reads all that comes until the server closes.
    pub(crate) async fn reads_all(&mut self) -> Vec<u8> {
        self.reads(usize::MAX).await
    }

    /// Whether the server closes without another word.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let rest = self.reads(1).await;
        assert_eq!(Text(&rest), Text(b""), "the connection goes on");
        rest.is_empty()
    }

    /// Whether everything has come to rest, and the server has said nothing and holds the connection.
    pub(crate) async fn hears_nothing(&mut self) -> bool {
        settle().await;
        let mut byte = [0];
        let read = std::future::poll_fn(|cx| {
            let mut buffer = tokio::io::ReadBuf::new(&mut byte);
            Poll::Ready(
                Pin::new(&mut self.io).poll_read(cx, &mut buffer).map(|read| read.map(|()| buffer.filled().len())),
            )
        });
        match read.await {
            Poll::Pending => true,
            Poll::Ready(read) => panic!("not nothing: {read:?}, {:?}", Text(&byte)),
        }
    }

    /// Sends no more, and still reads.
    pub(crate) async fn half_closes(&mut self) {
        self.io.shutdown().await.expect("the connection holds");
    }
}

/// Bytes that a failed assertion shows as text.
#[derive(PartialEq)]
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = &self.0[..self.0.len().min(400)];
        write!(f, "\"{}\" ({} bytes)", cut.escape_ascii(), self.0.len())
    }
}

/// A request of bulks.
pub(crate) fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes += &format!("${}\r\n{word}\r\n", word.len());
    }
    bytes.into()
}

/// Answers a command with its own words, at once.
pub(crate) fn words()
-> impl Service<Command, Response = Response, Error = Infallible, Future = Ready<Result<Response, Infallible>>>
+ Clone
+ Send
+ 'static {
    service_fn(|command: Command| ready(Ok(words_of(&command))))
}

pub(crate) fn words_of(command: &Command) -> Response {
    Response::from(command.words().collect::<Vec<_>>().join(&b' '))
}

/// Answers with the command's own words.
pub(crate) trait AnswerWords {
    fn answer_words(self);
}

impl AnswerWords for Call {
    fn answer_words(self) {
        let words = words_of(self.command());
        self.answer(words);
    }
}

/// A service made of two functions: its readiness and its call.
#[derive(Clone)]
pub(crate) struct Hand<R, C> {
    pub(crate) ready: R,
    pub(crate) call: C,
}

impl<R, C, F, E> Service<Command> for Hand<R, C>
where
    R: FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
    C: FnMut(Command) -> F,
    F: Future<Output = Result<Response, E>>,
{
    type Response = Response;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        (self.ready)(cx)
    }

    fn call(&mut self, command: Command) -> F {
        (self.call)(command)
    }
}
