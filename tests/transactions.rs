//! What a service that answers MULTI and EXEC gets from the server: errors abort, commands of the connection are passed on
//! and run in order, and every command is called alone.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kvstore::{
    middleware::{ConcurrencyLimitLayer, DenyLayer, Next, TimeoutLayer, from_fn},
    protocol::{Command, CommandError, Response, Transaction, parking::settle_until},
    routing::{Arg, Route, Router},
    server::{ConnectionCommands, ConnectionEvent, ConnectionLayer, Password, Serve},
};
use tokio::sync::Semaphore;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::support::{Client, Server, settle, words_of};

const ABORTED: &str = "-EXECABORT Transaction discarded because of previous errors.\r\n";
const NOT_ALLOWED: &str = "-ERR Command not allowed inside a transaction\r\n";
const INTERNAL: &str = "-ERR internal error\r\n";

/// A service with transactions. A command is answered with its words and its database.
///
/// DURABLE settles, SLOW waits for a permit; in a transaction both are queued. PANIC panics, and NOSUCH is unknown.
#[derive(Clone)]
struct Transactional {
    /// The queued commands of each connection.
    queues: Arc<Mutex<HashMap<u64, Vec<Command>>>>,
    /// Permits for settled and slow commands.
    permits: Arc<Semaphore>,
}

impl Transactional {
    fn new() -> Self {
        Self { queues: Arc::default(), permits: Arc::new(Semaphore::new(0)) }
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<u64, Vec<Command>>> {
        self.queues.lock().expect("no panic")
    }

    async fn call(self, command: Command) -> Result<Response, Infallible> {
        if command.is("PANIC") {
            panic!("as it was told");
        }
        let transaction = command.session().transaction().cloned();
        let open = transaction.as_ref().filter(|transaction| transaction.is_open());
        Ok(match (open, command.name().to_ascii_uppercase().as_slice()) {
            (_, b"MULTI") => self.multi(&command, transaction),
            (Some(_), b"WATCH") => CommandError::err("WATCH inside MULTI is not allowed").into(),
            (Some(open), b"EXEC") => self.exec(&command, open),
            (None, b"EXEC") => CommandError::err("EXEC without MULTI").into(),
            (Some(open), b"DISCARD") => {
                open.end();
                Response::ok()
            }
            (Some(open), _) => self.queue(command.clone(), open).unwrap_or_else(Response::from),
            (None, b"DURABLE") => {
                settle_until(self.permits.acquire()).await.expect("it is open").forget();
                run(&command)
            }
            (None, b"SLOW") => {
                self.permits.acquire().await.expect("it is open").forget();
                run(&command)
            }
            (None, b"BROKEN") => {
                settle_until(self.permits.acquire()).await.expect("it is open").forget();
                CommandError::err("the disk is gone").into()
            }
            (None, _) => run(&command),
        })
    }

    fn multi(&self, command: &Command, transaction: Option<Transaction>) -> Response {
        let transaction = transaction.unwrap_or_else(|| new_transaction(command));
        if !transaction.begin() {
            return CommandError::err("MULTI calls can not be nested").into();
        }
        self.queues().insert(command.session().id(), Vec::new());
        Response::ok()
    }

    fn queue(&self, command: Command, open: &Transaction) -> Result<Response, CommandError> {
        match ConnectionLayer::check_queued(&command) {
            Some(checked) => checked?,
            None if command.is("NOSUCH") || command.is("CLIENT") => {
                return Err(CommandError::unknown_command(&command));
            }
            None => {}
        }
        open.count_queued(&command);
        self.queues().entry(command.session().id()).or_default().push(command);
        Ok(Response::simple("QUEUED"))
    }

    fn exec(&self, command: &Command, open: &Transaction) -> Response {
        let queued = self.queues().remove(&command.session().id()).unwrap_or_default();
        if open.end() {
            return Response::error("EXECABORT", "Transaction discarded because of previous errors.");
        }
        let mut session = command.shared_session();
        Response::array(queued.into_iter().map(|queued| {
            let queued = queued.in_session(session.clone(), command.number());
            match ConnectionLayer::run_queued(&queued) {
                Some(ran) => {
                    session = ran.session;
                    ran.response
                }
                None => run(&queued),
            }
        }))
    }
}

/// Puts a new transaction into the session of a connection.
fn new_transaction(command: &Command) -> Transaction {
    let transaction = Transaction::new();
    let shared = transaction.clone();
    let session = command.session_handle().expect("it came from a connection");
    session.update(|session| session.set_transaction(shared));
    transaction
}

/// The words of a command, and its database behind them.
fn run(command: &Command) -> Response {
    let words = words_of(command);
    let words = words.as_bytes().expect("a bulk").escape_ascii();
    Response::simple(format!("{words}@{}", command.session().database()))
}

/// A client of the service behind a layer, with the layer of the connection outermost or innermost.
fn behind<L>(service: &Transactional, layer: L, place: ConnectionCommands, build: impl FnOnce(Serve) -> Serve) -> Client
where
    L: Layer<BoxedService> + Clone,
    L::Service: Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send>,
    L::Service: Clone + Send + 'static,
{
    let service = service.clone();
    let call = service_fn(move |command| -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
        Box::pin(service.clone().call(command))
    });
    let inner = match place {
        ConnectionCommands::Outermost => tower::util::BoxCloneSyncService::new(call),
        ConnectionCommands::Inside => tower::util::BoxCloneSyncService::new(ConnectionLayer::new().layer(call)),
    };
    let stack = layer.layer(inner);
    Server::of(|listener| build(kvstore::serve(listener, stack).connection_commands(place))).connect()
}

type BoxedService = tower::util::BoxCloneSyncService<Command, Response, Infallible>;

fn connect(service: &Transactional) -> Client {
    behind(service, tower::layer::util::Identity::new(), ConnectionCommands::Outermost, |serve| serve)
}

#[tokio::test(start_paused = true)]
async fn commands_of_the_connection_are_passed_on_and_run_in_order() {
    for place in [ConnectionCommands::Outermost, ConnectionCommands::Inside] {
        let identity = tower::layer::util::Identity::new();
        let mut client = behind(&Transactional::new(), identity, place, |serve| serve);
        client.asks("PING\r\nMULTI\r\n", "+PONG\r\n+OK\r\n").await;
        let queued = "GET a\r\nSELECT 3\r\nGET b\r\nCLIENT SETNAME me\r\nCLIENT GETNAME\r\nPING\r\nSELECT 99\r\n";
        client.asks(queued, "+QUEUED\r\n".repeat(7)).await;
        let answers = "+GET a@0\r\n+OK\r\n+GET b@3\r\n+OK\r\n$2\r\nme\r\n+PONG\r\n-ERR DB index is out of range\r\n";
        client.asks("EXEC\r\nGET c\r\n", format!("*7\r\n{answers}+GET c@3\r\n")).await;
        // The next transaction of the connection is a new one.
        client.asks("MULTI\r\nEXEC\r\nPING\r\n", "+OK\r\n*0\r\n+PONG\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_may_not_queue_is_refused_and_aborts_it() {
    for (refused, error) in [
        ("AUTH secret", NOT_ALLOWED),
        ("HELLO 3 AUTH default secret", NOT_ALLOWED),
        ("PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"),
        ("CLIENT", "-ERR wrong number of arguments for 'client' command\r\n"),
        ("CLIENT GETNAME x", "-ERR wrong number of arguments for 'client|getname' command\r\n"),
        ("CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"),
        ("NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"),
        ("RESET x", "-ERR wrong number of arguments for 'reset' command\r\n"),
        ("PANIC", INTERNAL),
    ] {
        let mut client = connect(&Transactional::new());
        client.asks(format!("MULTI\r\n{refused}\r\n"), format!("+OK\r\n{error}")).await;
        client.asks("GET a\r\nEXEC\r\nGET a\r\n", format!("+QUEUED\r\n{ABORTED}+GET a@0\r\n")).await;
        client.asks("MULTI\r\nGET a\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+GET a@0\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_outside_of_a_transaction_does_not_abort_the_next() {
    let mut client = connect(&Transactional::new());
    client.asks("MULTI\r\nEXEC\r\n", "+OK\r\n*0\r\n").await;
    client
        .asks(
            "EXEC\r\nPANIC\r\nSELECT x\r\n",
            format!("-ERR EXEC without MULTI\r\n{INTERNAL}-ERR value is not an integer or out of range\r\n"),
        )
        .await;
    client.asks("MULTI\r\nGET a\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+GET a@0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn errors_to_multi_and_watch_do_not_abort() {
    let mut client = connect(&Transactional::new());
    client.asks("MULTI\r\nMULTI\r\n", "+OK\r\n-ERR MULTI calls can not be nested\r\n").await;
    client.asks("WATCH k\r\n", "-ERR WATCH inside MULTI is not allowed\r\n").await;
    client.asks("GET a\r\nEXEC\r\n", "+QUEUED\r\n*1\r\n+GET a@0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_aborts() {
    for place in [ConnectionCommands::Outermost, ConnectionCommands::Inside] {
        let mut client = behind(&Transactional::new(), DenyLayer::names(["SET", "ECHO"]), place, |serve| serve);
        for refused in ["SET a 1", "ECHO x"] {
            client.asks("MULTI\r\nGET a\r\n", "+OK\r\n+QUEUED\r\n").await;
            client.sends(format!("{refused}\r\n")).await;
            assert!(client.reads_line().await.starts_with("-NOPERM"));
            client.asks("EXEC\r\n", ABORTED).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_late_aborts() {
    let limit = ConcurrencyLimitLayer::new(1);
    let layers = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_secs(1))).layer(limit.clone());
    let service = Transactional::new();
    let mut client = behind(&service, layers.into_inner(), ConnectionCommands::Outermost, |serve| serve);
    client.asks("MULTI\r\n", "+OK\r\n").await;
    let never = service_fn(|_: Command| std::future::pending::<Result<Response, Infallible>>());
    let running = tokio::spawn(limit.layer(never).call(Command::new("GET")));
    settle().await;
    client.asks("GET a\r\n", "-TIMEOUT the command took too long\r\n").await;
    running.abort();
    settle().await;
    client.asks("GET b\r\nEXEC\r\n", format!("+QUEUED\r\n{ABORTED}")).await;
}

#[tokio::test(start_paused = true)]
async fn after_an_error_to_exec_the_transaction_is_over() {
    let refuse = Arc::new(AtomicBool::new(true));
    let denies = refuse.clone();
    let layer = from_fn(move |command: Command, next: Next| {
        let denies = denies.clone();
        async move {
            match command.is("EXEC") && denies.swap(false, Ordering::Relaxed) {
                true => Response::error("OVERLOADED", "too many commands at once"),
                false => next.run(command).await,
            }
        }
    });
    let mut client = behind(&Transactional::new(), layer, ConnectionCommands::Outermost, |serve| serve);
    client.asks("MULTI\r\nGET a\r\n", "+OK\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "-OVERLOADED too many commands at once\r\n").await;
    client.asks("GET b\r\nEXEC\r\n", "+GET b@0\r\n-ERR EXEC without MULTI\r\n").await;
    client.asks("MULTI\r\nGET c\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+GET c@0\r\n").await;
    assert!(!refuse.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_connection_aborts() {
    let service = Transactional::new();
    let mut clients = None;
    let mut client = behind(&service, tower::layer::util::Identity::new(), ConnectionCommands::Outermost, |serve| {
        clients = Some(serve.clients());
        serve.authenticate(Password::new("secret"))
    });
    client.asks("AUTH secret\r\nMULTI\r\nGET a\r\n", "+OK\r\n+OK\r\n+QUEUED\r\n").await;
    let connected = clients.expect("it serves").get(1).expect("a connection");
    connected.update(|session| session.set_user(None));
    client.asks("GET b\r\n", "-NOAUTH Authentication required.\r\n").await;
    connected.update(|session| session.set_user(Some("default".into())));
    client.asks("EXEC\r\n", ABORTED).await;
}

#[tokio::test(start_paused = true)]
async fn reset_and_quit_act_at_once() {
    for place in [ConnectionCommands::Outermost, ConnectionCommands::Inside] {
        let identity = tower::layer::util::Identity::new();
        let mut client = behind(&Transactional::new(), identity, place, |serve| serve);
        client.asks("MULTI\r\nGET a\r\nRESET\r\n", "+OK\r\n+QUEUED\r\n+RESET\r\n").await;
        client.asks("EXEC\r\nGET a\r\n", "-ERR EXEC without MULTI\r\n+GET a@0\r\n").await;
        client.asks("MULTI\r\nGET b\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n+GET b@0\r\n").await;
        client.asks("MULTI\r\nQUIT\r\nGET c\r\n", "+OK\r\n+OK\r\n").await;
        assert!(client.is_closed().await);
    }
}

#[tokio::test(start_paused = true)]
async fn client_list_shows_an_open_transaction() {
    let service = Transactional::new();
    let server = Server::start(service_fn(move |command| service.clone().call(command)));
    let (mut client, mut other) = (server.connect(), server.connect());
    client.asks("MULTI\r\nGET a\r\nGET b\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
    other.sends("CLIENT LIST ID 1\r\n").await;
    let open = other.reads_bulk().await;
    assert!(open.contains(" flags=x ") && open.contains(" multi=2 "), "{open}");
    client.asks("DISCARD\r\n", "+OK\r\n").await;
    other.sends("CLIENT LIST ID 1\r\n").await;
    let idle = other.reads_bulk().await;
    assert!(idle.contains(" flags=N ") && idle.contains(" multi=-1 "), "{idle}");
}

#[tokio::test(start_paused = true)]
async fn client_info_shows_the_number_of_watched_keys() {
    let server = Server::start(kvstore::store::Store::new());
    let mut client = server.connect();
    for (commands, answers, watched) in [
        ("PING\r\n", "+PONG\r\n", 0),
        ("WATCH a\r\nWATCH a b b\r\n", "+OK\r\n+OK\r\n", 2),
        ("UNWATCH\r\n", "+OK\r\n", 0),
        ("WATCH a b\r\nMULTI\r\nGET a\r\nEXEC\r\n", "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n", 0),
        ("WATCH c\r\nMULTI\r\nDISCARD\r\n", "+OK\r\n+OK\r\n+OK\r\n", 0),
    ] {
        client.asks(commands, answers).await;
        client.sends("CLIENT INFO\r\n").await;
        let info = client.reads_bulk().await;
        assert!(info.contains(&format!(" multi=-1 watch={watched} qbuf=")), "{commands}: {info}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_hello_changes_the_protocol_and_a_queued_kill_closes() {
    let mut client = connect(&Transactional::new());
    client.asks("MULTI\r\nHELLO 3\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*1\r\n%7\r\n").await;
    client.reads_until("$7\r\nmodules\r\n*0\r\n").await;
    client.asks("MULTI\r\nCLIENT KILL ID 1 SKIPME no\r\n", "+OK\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "*1\r\n:1\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn the_observer_is_told_of_commands_that_are_run_later() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    let identity = tower::layer::util::Identity::new();
    let mut client = behind(&Transactional::new(), identity, ConnectionCommands::Outermost, |serve| {
        serve.observe(move |event| {
            if let ConnectionEvent::Answered { command, answer } = event {
                let name = String::from_utf8_lossy(command.name()).into_owned();
                note.lock().expect("no panic").push(format!("{name} {answer}"));
            }
        })
    });
    client.asks("MULTI\r\nSELECT 1\r\n", "+OK\r\n+QUEUED\r\n").await;
    assert_eq!(*seen.lock().expect("no panic"), [""; 0]);
    client.asks("EXEC\r\n", "*1\r\n+OK\r\n").await;
    assert_eq!(*seen.lock().expect("no panic"), ["SELECT +OK"]);
}

#[tokio::test(start_paused = true)]
async fn in_a_transaction_every_command_is_called_alone() {
    let service = Transactional::new();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    let permits = Arc::new(Semaphore::new(0));
    let held = permits.clone();
    // Holds every GET up.
    let layer = from_fn(move |command: Command, next: Next| {
        note.lock().expect("no panic").push(String::from_utf8_lossy(command.name()).into_owned());
        let held = held.clone();
        async move {
            if command.is("GET") {
                held.acquire().await.expect("it is open").forget();
            }
            next.run(command).await
        }
    });
    let mut client = behind(&service, layer, ConnectionCommands::Outermost, |serve| serve.max_in_flight(8));
    client.sends("GET a\r\nGET b\r\nMULTI\r\nGET c\r\nPING\r\nSET d\r\nEXEC\r\nGET e\r\nGET f\r\n").await;
    let called = async || {
        settle().await;
        std::mem::take(&mut *seen.lock().expect("no panic"))
    };
    assert_eq!(called().await, ["GET", "GET"]);
    permits.add_permits(2);
    assert_eq!(called().await, ["MULTI", "GET"]);
    permits.add_permits(1);
    assert_eq!(called().await, ["PING", "SET", "EXEC", "GET", "GET"]);
    permits.add_permits(2);
    client.gets("+GET a@0\r\n+GET b@0\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.gets("*3\r\n+GET c@0\r\n+PONG\r\n+SET d@0\r\n+GET e@0\r\n+GET f@0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn an_error_behind_a_settled_command_aborts_before_exec_is_called() {
    let service = Transactional::new();
    let mut client = connect(&service);
    client.sends("DURABLE\r\nMULTI\r\nNOSUCH\r\nEXEC\r\nMULTI\r\nGET a\r\nEXEC\r\n").await;
    assert!(client.hears_nothing().await);
    assert!(service.queues().is_empty(), "EXEC was called");
    service.permits.add_permits(1);
    let unknown = "-ERR unknown command 'NOSUCH', with args beginning with: \r\n";
    client.gets(format!("+DURABLE@0\r\n+OK\r\n{unknown}{ABORTED}+OK\r\n+QUEUED\r\n*1\r\n+GET a@0\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_to_a_command_before_multi_does_not_abort() {
    let service = Transactional::new();
    let mut client = connect(&service);
    // The first two are answered while the transaction is open: with a disk that is gone, and behind that.
    client.asks("MULTI\r\nEXEC\r\n", "+OK\r\n*0\r\n").await;
    client.sends("BROKEN\r\nSELECT x\r\nMULTI\r\nGET a\r\n").await;
    assert!(client.hears_nothing().await);
    service.permits.add_permits(1);
    client.gets("-ERR the disk is gone\r\n-ERR value is not an integer or out of range\r\n+OK\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "*1\r\n+GET a@0\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn exec_waits_for_answers_if_it_changes_how_they_are_sent() {
    for (queued, answer) in [("HELLO 3", "*1\r\n%7\r\n"), ("CLIENT REPLY ON", "*1\r\n+OK\r\n")] {
        let service = Transactional::new();
        let mut client = connect(&service);
        client.sends(format!("DURABLE\r\nMULTI\r\n{queued}\r\nEXEC\r\n")).await;
        assert!(client.hears_nothing().await);
        assert_eq!(service.queues().len(), 1, "EXEC is not called");
        service.permits.add_permits(1);
        client.gets(format!("+DURABLE@0\r\n+OK\r\n+QUEUED\r\n{answer}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_of_a_router_is_refused_and_its_fallback_service_queues() {
    let service = Transactional::new();
    let queueing = service_fn(move |command| service.clone().call(command));
    let router = Router::new()
        .command("GREET", |Arg(name): Arg<String>| format!("hello, {name}"))
        .command("LATER", async || "later")
        .command("LAMP ON", || "on")
        .command("LIMITED", Route::handler(|| "limited").layer(ConcurrencyLimitLayer::new(1)))
        .command("GET", Route::service(queueing.clone()))
        .fallback_service(queueing);
    let mut client = Server::start(router).connect();
    client.asks("GREET Ada\r\nLAMP ON\r\n", "$10\r\nhello, Ada\r\n$2\r\non\r\n").await;
    for own in ["GREET Ada", "LATER", "LAMP ON", "LIMITED", "COMMAND COUNT"] {
        client.asks(format!("MULTI\r\n{own}\r\n"), format!("+OK\r\n{NOT_ALLOWED}")).await;
        client.asks("GET a\r\nSET b\r\nEXEC\r\n", format!("+QUEUED\r\n+QUEUED\r\n{ABORTED}")).await;
    }
    client.asks("MULTI\r\nGET a\r\nSET b\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\nGREET Bob\r\n", "*2\r\n+GET a@0\r\n+SET b@0\r\n$10\r\nhello, Bob\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn handlers_of_multi_and_its_kin_are_called() {
    let multi = |command: Command| new_transaction(&command).begin();
    let exec = |command: Command| command.session().transaction().is_some_and(Transaction::end);
    let router = Router::new().command("MULTI", multi).command("EXEC", exec).command("LAMP ON", || "on");
    let mut client = Server::start(router).connect();
    client.asks("MULTI\r\nEXEC\r\n", ":1\r\n:0\r\n").await;
    client.asks("MULTI\r\nLAMP HELP\r\nEXEC\r\n", format!(":1\r\n{NOT_ALLOWED}:1\r\n")).await;
}
