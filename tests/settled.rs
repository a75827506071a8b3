//! Settled commands: their effect is there, and their answers wait for a disk. They do not hold up the next command.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use kvstore::{
    middleware::{ConcurrencyLimitLayer, LogLayer, TimeoutLayer},
    protocol::{
        Command, Response,
        parking::{mark_settled, settle_until},
    },
    server::{ConnectionCommands, ConnectionLayer, Password, Serve},
};
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::support::{Client, Server, request, settle, words_of};

/// A service that executes a command at its first poll, and answers when it is on disk.
///
/// NOW is answered at once, BIG at once with that many bytes, BYE at once and closes the connection. BUSY waits for the disk
/// and has not settled.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    /// The commands that were executed, each with its database.
    executed: Vec<String>,
    /// What tells each command that it is on disk.
    unsynced: Vec<oneshot::Sender<()>>,
}

impl Journal {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("no panic")
    }

    /// Executes a command. Returns what waits for the disk.
    fn execute(&self, command: &Command) -> oneshot::Receiver<()> {
        let (sender, synced) = oneshot::channel();
        let mut log = self.log();
        log.executed.push(format!("{}@{}", text(command), command.session().database()));
        log.unsynced.push(sender);
        synced
    }

    /// Syncs the first commands.
    fn sync(&self, commands: usize) {
        for synced in self.log().unsynced.drain(..commands) {
            // Fails if the connection is gone, and with it the command.
            let _ = synced.send(());
        }
    }

    fn sync_last(&self) {
        let last = self.log().unsynced.pop();
        last.expect("a command waits").send(()).expect("its future is there");
    }

    /// Returns what was executed since the last call, once everything has come to rest.
    async fn executed(&self) -> Vec<String> {
        settle().await;
        std::mem::take(&mut self.log().executed)
    }

    /// Whether the futures of all commands that wait were dropped.
    fn all_are_dropped(&self) -> bool {
        self.log().unsynced.iter().all(oneshot::Sender::is_closed)
    }
}

fn text(command: &Command) -> String {
    words_of(command).as_bytes().expect("a bulk").escape_ascii().to_string()
}

impl Service<Command> for Journal {
    type Response = Response;
    type Error = Infallible;
    type Future = Execution;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Execution {
        Execution { journal: self.clone(), command, synced: None }
    }
}

struct Execution {
    journal: Journal,
    command: Command,
    synced: Option<oneshot::Receiver<()>>,
}

impl Future for Execution {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { journal, command, synced } = &mut *self;
        if let Some(answer) = immediate(command) {
            return Poll::Ready(Ok(answer));
        }
        let synced = synced.get_or_insert_with(|| journal.execute(command));
        if Pin::new(synced).poll(cx).is_pending() {
            if !command.is("BUSY") {
                mark_settled();
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(words_of(command)))
    }
}

fn immediate(command: &Command) -> Option<Response> {
    let bytes = || str::from_utf8(command.arg_at(0).unwrap_or_default()).expect("text").parse().expect("a number");
    match () {
        () if command.is("NOW") => Some(words_of(command)),
        () if command.is("BIG") => Some(vec![b'x'; bytes()].into()),
        () if command.is("BYE") => Some(Response::Close(words_of(command).into())),
        () => None,
    }
}

fn serve(journal: &Journal, build: impl FnOnce(Serve) -> Serve) -> Client {
    Server::of(|listener| build(kvstore::serve(listener, journal.clone()))).connect()
}

/// What was executed, in database 0.
fn in_order(commands: &[&str]) -> Vec<String> {
    commands.iter().map(|command| format!("{command}@0")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_is_executed_before_its_first_command_is_answered() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    let names: Vec<String> = (0..128).map(|number| format!("SET{number:03}")).collect();
    client.sends(names.iter().map(|name| format!("{name}\r\n")).collect::<String>()).await;
    assert_eq!(journal.executed().await, in_order(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(client.hears_nothing().await);
    journal.sync(128);
    client.gets(names.iter().map(|name| format!("$6\r\n{name}\r\n")).collect::<String>()).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_later_is_executed_while_a_settled_command_waits() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A"]));
    client.sends("B\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["B"]));
    journal.sync(2);
    client.gets("$1\r\nA\r\n$1\r\nB\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_are_settled_than_allowed() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve.max_settled(2));
    client.sends("A\r\nB\r\nC\r\nD\r\nE\r\n").await;
    // Two that are settled, and one in flight.
    assert_eq!(journal.executed().await, in_order(&["A", "B", "C"]));
    journal.sync(1);
    client.gets("$1\r\nA\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["D"]));
    journal.sync(3);
    assert_eq!(journal.executed().await, in_order(&["E"]));
    journal.sync(1);
    client.gets("$1\r\nB\r\n$1\r\nC\r\n$1\r\nD\r\n$1\r\nE\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_wait_are_bounded_by_the_output_buffer() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve.output_buffer(10_000));
    client.sends("A\r\nBIG 6000\r\nBIG 6000\r\nB\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A"]));
    journal.sync(1);
    client.gets("$1\r\nA\r\n").await;
    client.reads_bulk().await;
    client.reads_bulk().await;
    assert_eq!(journal.executed().await, in_order(&["B"]));
}

#[tokio::test(start_paused = true)]
async fn with_a_bound_of_zero_a_settled_command_holds_up_the_next() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve.max_settled(0));
    client.sends("A\r\nSELECT 1\r\nB\r\n").await;
    assert_eq!(journal.executed().await, ["A@0"]);
    journal.sync(1);
    assert_eq!(journal.executed().await, ["B@1"]);
    client.gets("$1\r\nA\r\n+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn answers_keep_the_order_of_the_requests() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\nNOW\r\nPING\r\nB\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A", "B"]));
    journal.sync_last();
    assert!(client.hears_nothing().await);
    journal.sync(1);
    client.gets("$1\r\nA\r\n$3\r\nNOW\r\n+PONG\r\n$1\r\nB\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_command_holds_up_the_next() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\nBUSY\r\nB\r\n").await;
    // The mark of A is not taken for that of BUSY, which is polled on the same thread.
    assert_eq!(journal.executed().await, in_order(&["A", "BUSY"]));
    journal.sync(1);
    client.gets("$1\r\nA\r\n").await;
    assert_eq!(journal.executed().await, [""; 0]);
    journal.sync(1);
    client.gets("$4\r\nBUSY\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["B"]));
}

#[tokio::test(start_paused = true)]
async fn a_mark_of_another_future_is_not_taken_for_that_of_a_command() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    let _elsewhere = tokio::spawn(settle_until(std::future::pending::<()>()));
    client.sends("BUSY\r\nA\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["BUSY"]));
}

#[tokio::test(start_paused = true)]
async fn a_command_may_settle_after_it_was_busy() {
    let busy = Arc::new(tokio::sync::Semaphore::new(0));
    let permits = busy.clone();
    let service = service_fn(move |command: Command| {
        let busy = permits.clone();
        async move {
            if !command.is("NOW") {
                busy.acquire().await.expect("it is open").forget();
                settle_until(tokio::time::sleep(Duration::from_secs(1))).await;
            }
            Ok::<_, Infallible>(words_of(&command))
        }
    });
    let mut client = Server::start(service).connect();
    client.sends("A\r\nB\r\nNOW\r\n").await;
    assert!(client.hears_nothing().await);
    busy.add_permits(2);
    let start = tokio::time::Instant::now();
    client.gets("$1\r\nA\r\n$1\r\nB\r\n$3\r\nNOW\r\n").await;
    // Not one after the other.
    assert!(start.elapsed() < Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn select_and_multi_wait_for_effects_and_not_for_answers() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\nSELECT 3\r\nB\r\nMULTI\r\nSET a 1\r\nEXEC\r\nCLIENT SETNAME me\r\nCLIENT GETNAME\r\n").await;
    assert_eq!(journal.executed().await, ["A@0", "B@3", "MULTI@3", "SET a 1@3", "EXEC@3"]);
    assert!(client.hears_nothing().await);
    journal.sync(5);
    let own = "$1\r\nA\r\n+OK\r\n$1\r\nB\r\n$5\r\nMULTI\r\n$7\r\nSET a 1\r\n$4\r\nEXEC\r\n";
    client.gets(format!("{own}+OK\r\n$2\r\nme\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_command_waits_for_busy_ones_and_holds_up_those_behind() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve.max_in_flight(8));
    client.sends("A\r\nBUSY\r\nMULTI\r\nB\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A", "BUSY"]));
    journal.sync(2);
    assert_eq!(journal.executed().await, in_order(&["MULTI", "B"]));
    client.gets("$1\r\nA\r\n$4\r\nBUSY\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_changes_the_replies_waits_for_all_answers() {
    for (command, answer) in [
        ("AUTH default secret", "+OK\r\n"),
        ("HELLO 2", "*14\r\n"),
        ("RESET", "+RESET\r\n"),
        ("QUIT", "+OK\r\n"),
        ("CLIENT REPLY ON", "+OK\r\n"),
        ("MINE", "$4\r\nMINE\r\n"),
    ] {
        let journal = Journal::default();
        let auth = Password::new("secret");
        let mut client = serve(&journal, |serve| serve.authenticate(auth).exclusive(["MINE"]));
        client.asks("AUTH secret\r\n", "+OK\r\n").await;
        client.sends(format!("A\r\n{command}\r\nPING\r\nB\r\n")).await;
        assert_eq!(journal.executed().await, in_order(&["A"]), "{command}");
        assert!(client.hears_nothing().await);
        journal.sync(1);
        client.gets("$1\r\nA\r\n").await;
        if command == "MINE" {
            // It is settled, and those behind it wait for its answer.
            assert_eq!(journal.executed().await, in_order(&["MINE"]));
            journal.sync(1);
        }
        client.gets(answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_called_behind_a_response_that_closes_the_connection() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\nBYE\r\nB\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A"]));
    journal.sync(1);
    client.gets("$1\r\nA\r\n$3\r\nBYE\r\n").await;
    assert!(client.is_closed().await);
    assert_eq!(journal.executed().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn several_may_be_in_flight_beside_those_that_are_settled() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve.max_in_flight(2));
    client.sends("A\r\nB\r\nBUSY 1\r\nC\r\nD\r\n").await;
    // C is settled and behind a command that is not, so it counts as in flight.
    assert_eq!(journal.executed().await, in_order(&["A", "B", "BUSY 1", "C"]));
    journal.sync(2);
    client.gets("$1\r\nA\r\n$1\r\nB\r\n").await;
    assert_eq!(journal.executed().await, [""; 0]);
    journal.sync(1);
    client.gets("$6\r\nBUSY 1\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["D"]));
    journal.sync(2);
    client.gets("$1\r\nC\r\n$1\r\nD\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_closed_its_side_gets_its_answers() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    client.sends("A\r\nB\r\n").await;
    client.half_closes().await;
    assert_eq!(journal.executed().await, in_order(&["A", "B"]));
    journal.sync(2);
    client.gets("$1\r\nA\r\n$1\r\nB\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_answers_settled_commands() {
    let journal = Journal::default();
    let server = Server::start(journal.clone());
    let mut client = server.connect();
    client.sends("A\r\nB\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A", "B"]));
    let stopped = server.stop();
    settle().await;
    journal.sync(2);
    client.gets("$1\r\nA\r\n$1\r\nB\r\n").await;
    assert!(client.is_closed().await);
    assert_eq!(stopped.await.expect("no panic").cut, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_killed_or_lost_drops_them() {
    let journal = Journal::default();
    let server = Server::start(journal.clone());
    let (mut lost, mut killed) = (server.connect(), server.connect());
    killed.asks("CLIENT ID\r\n", ":2\r\n").await;
    lost.sends("A\r\nB\r\n").await;
    killed.sends("A\r\nB\r\n").await;
    assert_eq!(journal.executed().await.len(), 4);
    assert!(!journal.all_are_dropped());
    server.connect().asks("CLIENT KILL ID 2\r\n", ":1\r\n").await;
    assert!(killed.is_closed().await);
    // It cannot be told from a client that has closed its side, until something is written to it.
    drop(lost);
    journal.sync(1);
    settle().await;
    assert!(journal.all_are_dropped());
}

/// A client of a journal behind a layer, with the connection commands inside.
fn behind<L>(journal: &Journal, layer: L) -> Client
where
    L: Layer<kvstore::server::ConnectionService<Journal>>,
    L::Service: Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send>,
    L::Service: Clone + Send + 'static,
{
    let stack = ServiceBuilder::new().layer(layer).layer(ConnectionLayer::new()).service(journal.clone());
    let serve = |listener| kvstore::serve(listener, stack).connection_commands(ConnectionCommands::Inside);
    Server::of(serve).connect()
}

#[tokio::test(start_paused = true)]
async fn layers_pass_the_mark_on_and_a_limit_gives_the_permit_back() {
    let journal = Journal::default();
    let limit = ConcurrencyLimitLayer::new(1);
    let layers = ServiceBuilder::new().layer(LogLayer::new()).layer(limit.clone());
    let mut client = behind(&journal, layers.layer(TimeoutLayer::new(Duration::from_secs(60))).into_inner());
    client.sends("A\r\nSELECT 1\r\nB\r\nC\r\n").await;
    assert_eq!(journal.executed().await, ["A@0", "B@1", "C@1"]);
    assert_eq!(limit.in_use(), 0);
    journal.sync(3);
    client.gets("$1\r\nA\r\n+OK\r\n$1\r\nB\r\n$1\r\nC\r\n").await;
    assert_eq!((limit.in_use(), limit.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_settled_command_can_be_late_and_its_effect_stays() {
    let journal = Journal::default();
    let mut client = behind(&journal, TimeoutLayer::new(Duration::from_secs(1)));
    client.sends("A\r\n").await;
    client.gets("-TIMEOUT the command took too long\r\n").await;
    assert_eq!(journal.executed().await, in_order(&["A"]));
    assert!(journal.all_are_dropped());
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_pipeline_does_not_matter() {
    let journal = Journal::default();
    let mut client = serve(&journal, |serve| serve);
    let pipeline: Vec<u8> = (0..1000).flat_map(|number| request(&["SET", &format!("{number:04}")])).collect();
    client.sends(pipeline).await;
    for round in 0..8 {
        let executed = journal.executed().await.len();
        assert_eq!(executed, if round < 7 { 129 } else { 1000 - 7 * 129 });
        journal.sync(executed);
    }
    client.gets((0..1000).map(|number| format!("$8\r\nSET {number:04}\r\n")).collect::<String>()).await;
}
