//! The commands of a connection as a layer: what layers outside of it see, and how sessions change.

use std::sync::{Arc, Mutex};

use kvstore::{
    middleware::{DenyLayer, MapCommandLayer, RateLimitLayer},
    protocol::{Command, CommandError, Limits, Response, Session, mailbox::Unblock},
    routing::Router,
    server::{
        Accepted, AuthError, Authenticate, CloseReason, ConnectionCommands, ConnectionEvent, ConnectionLayer,
        Credentials, Identity, ListenOptions, Listener, Password, PauseMode, PipeListener, Serve, SocketOptions, pipe,
    },
    store::Store,
};
use tokio::io::DuplexStream;
use tower::ServiceBuilder;

use crate::support::{Client, Server, mock, request, settle, words};

/// A server whose stack has the layer.
fn inside<L, S>(layer: L, service: S) -> Server
where
    L: tower::Layer<kvstore::server::ConnectionService<S>>,
    L::Service: tower::Service<Command, Response = Response, Error: Into<tower::BoxError>, Future: Send>,
    L::Service: Clone + Send + 'static,
{
    let stack = ServiceBuilder::new().layer(layer).layer(ConnectionLayer::new()).service(service);
    Server::of(|listener| kvstore::serve(listener, stack).connection_commands(ConnectionCommands::Inside))
}

#[tokio::test(start_paused = true)]
async fn layers_outside_of_it_see_and_refuse_the_commands_of_a_connection() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    let log = MapCommandLayer::new(move |command: Command| {
        note.lock().expect("no panic").push(String::from_utf8_lossy(command.name()).into_owned());
        command
    });
    let layers = ServiceBuilder::new().layer(log).layer(DenyLayer::names(["SELECT"])).into_inner();
    let mut client = inside(layers, words()).connect();
    client.sends("PING\r\nSELECT 1\r\nCLIENT ID\r\nGET k\r\n").await;
    client.gets("+PONG\r\n").await;
    assert!(client.reads_line().await.starts_with('-'));
    client.gets(":1\r\n$5\r\nGET k\r\n").await;
    assert_eq!(*seen.lock().expect("no panic"), ["PING", "SELECT", "CLIENT", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_for_auth() {
    let limit = RateLimitLayer::new(2, std::time::Duration::from_secs(60)).per_connection();
    let stack = ServiceBuilder::new().layer(limit).layer(ConnectionLayer::new()).service(words());
    let server = Server::of(|listener| {
        let serve = kvstore::serve(listener, stack).connection_commands(ConnectionCommands::Inside);
        serve.authenticate(Password::new("secret"))
    });
    let mut client = server.connect();
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    client.asks("AUTH a\r\nAUTH b\r\n", wrong.repeat(2)).await;
    client.sends("AUTH secret\r\n").await;
    assert!(!client.reads_line().await.starts_with("+OK"));
}

#[tokio::test(start_paused = true)]
async fn without_the_layer_the_service_answers_everything() {
    let server =
        Server::of(|listener| kvstore::serve(listener, words()).connection_commands(ConnectionCommands::Inside));
    server.connect().asks("PING\r\n", "$4\r\nPING\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_default_stack_answers_the_same_wherever_the_layer_stands() {
    let talk = "PING\r\nping hi\r\nECHO x\r\nSELECT 1\r\nSET k v\r\nSELECT 0\r\nGET k\r\nCLIENT SETNAME me\r\nCLIENT GETNAME\r\n\
                CLIENT REPLY SKIP\r\nPING\r\nCLIENT ID\r\nSELECT 99\r\nRESET\r\nHELLO 3\r\nGET k\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nQUIT\r\n";
    let mut answers = Vec::new();
    let outermost = Server::start(Store::new());
    for server in [outermost, inside(tower::layer::util::Identity::new(), Store::new())] {
        let mut client = server.connect();
        client.sends(talk).await;
        answers.push(String::from_utf8(client.reads_all().await).expect("text"));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(
        answers[0].starts_with(
            "+PONG\r\n$2\r\nhi\r\n$1\r\nx\r\n+OK\r\n+OK\r\n+OK\r\n$-1\r\n+OK\r\n$2\r\nme\r\n:1\r\n-ERR DB"
        )
    );
    assert!(answers[0].contains("+RESET\r\n%7\r\n") && answers[0].ends_with("_\r\n+OK\r\n+OK\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_came_from_no_connection_is_answered_where_it_can_be() {
    use tower::ServiceExt;
    let stack = ServiceBuilder::new().layer(ConnectionLayer::new()).service(Store::new());
    let answer = |command: Command| stack.clone().oneshot(command);
    assert_eq!(answer(Command::new("PING")).await, Ok(Response::simple("PONG")));
    let refused = answer(Command::new("SELECT").arg(1)).await.expect("an answer");
    assert_eq!(refused.to_string(), "-ERR the command did not come from a connection");
    assert_eq!(answer(Command::new("GET").arg("k")).await, Ok(Response::Null));
}

/// Logs in as its argument.
async fn login(command: Command) -> Result<(), CommandError> {
    let user: Arc<str> = String::from_utf8_lossy(command.arg_at(0).ok_or(CommandError::wrong_arity("login"))?).into();
    tokio::task::yield_now().await;
    command.session_handle().expect("a connection").update(move |session| {
        session.set_user(Some(user));
        session.set_database(3);
    });
    Ok(())
}

fn whoami(command: Command) -> String {
    format!("{} {}", command.session().user().unwrap_or("nobody"), command.session().database())
}

#[tokio::test(start_paused = true)]
async fn a_login_by_a_command_of_ones_own_counts_for_the_next_of_the_same_pipeline() {
    let router = Router::new().command("LOGIN", login).command("WHOAMI", whoami);
    for in_flight in [1, 8] {
        let server = Server::of(|listener| {
            let serve = kvstore::serve(listener, router.clone()).authenticate(Password::new("never"));
            serve.allow_unauthenticated(["login"]).exclusive(["LOGIN"]).max_in_flight(in_flight)
        });
        let mut client = server.connect();
        client.asks("WHOAMI\r\n", "-NOAUTH Authentication required.\r\n").await;
        client
            .asks("LOGIN ada\r\nWHOAMI\r\nLOGIN bob\r\nWHOAMI\r\n", "+OK\r\n$5\r\nada 3\r\n+OK\r\n$5\r\nbob 3\r\n")
            .await;
        client.asks("RESET\r\nWHOAMI\r\n", "+RESET\r\n-NOAUTH Authentication required.\r\n").await;
    }
    // One at a time, no exclusive name is needed.
    let server = Server::start(router);
    server.connect().asks("WHOAMI\r\nLOGIN eve\r\nWHOAMI\r\n", "$9\r\ndefault 0\r\n+OK\r\n$5\r\neve 3\r\n").await;
}

/// Knows one user, and is down for another.
struct Directory;

struct Groups(&'static str);

impl Authenticate for Directory {
    async fn authenticate(&self, sent: Credentials, session: &Session) -> Result<Identity, AuthError> {
        assert_eq!(session.user(), None);
        match &*sent.user {
            b"ada" => Ok(Identity::new("ada").with(Groups("admins"))),
            b"down" => Err(std::io::Error::other("10.0.0.7 does not answer").into()),
            b"late" => Err(AuthError::Refused(CommandError::new("LOCKED", "too many attempts"))),
            _ => Err(AuthError::Denied),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_authenticator_yields_facts_and_says_when_it_cannot_tell() {
    let groups =
        |command: Command| command.session().extensions().get::<Groups>().map_or("none", |groups| groups.0).to_owned();
    let router = Router::<()>::new().command("GROUPS", groups);
    let server = Server::of(|listener| kvstore::serve(listener, router).authenticate(Directory));
    let mut client = server.connect();
    client.asks("AUTH eve x\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n").await;
    client.asks("AUTH down x\r\n", "-TRYAGAIN authentication is not available at the moment\r\n").await;
    client.asks("AUTH late x\r\n", "-LOCKED too many attempts\r\n").await;
    client.asks("AUTH ada x\r\nGROUPS\r\n", "+OK\r\n$6\r\nadmins\r\n").await;
    client.asks("RESET\r\nGROUPS\r\n", "+RESET\r\n-NOAUTH Authentication required.\r\n").await;
    client.sends("HELLO 3 AUTH ada x SETNAME me\r\n").await;
    client.reads_until("*0\r\n").await;
    client.asks("GROUPS\r\nCLIENT GETNAME\r\n", "$6\r\nadmins\r\n$2\r\nme\r\n").await;
}

/// Knows the tenant of each of its connections.
struct Tenants(PipeListener);

#[derive(Clone, Copy)]
struct Tenant(&'static str);

impl Listener for Tenants {
    type Io = DuplexStream;

    async fn accept(&mut self, options: &SocketOptions) -> Accepted<DuplexStream> {
        self.0.accept(options).await.tls_identity("CN=ada").with(Tenant("blue"))
    }

    fn local(&self) -> kvstore::protocol::Peer {
        self.0.local()
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_yields_facts_that_outlive_a_reset() {
    let tell = |command: Command| {
        let session = command.session();
        let tenant = session.extensions().get::<Tenant>().map_or("none", |tenant| tenant.0);
        format!("{tenant} {}", session.tls_identity().unwrap_or("none"))
    };
    let (connector, listener) = pipe();
    let serve = Serve::new(Router::<()>::new().command("TELL", tell)).listen(Tenants(listener));
    tokio::spawn(serve.into_future());
    let mut client = Client::new(connector.connect().expect("it listens"));
    client.asks("TELL\r\nRESET\r\nTELL\r\n", "$11\r\nblue CN=ada\r\n+RESET\r\n$11\r\nblue CN=ada\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn each_listener_has_its_own_authentication_and_limits() {
    let (local, listener) = pipe();
    let options = ListenOptions::new().without_authentication().limits(Limits::default().max_bulk(10));
    let server = Server::of(|remote| {
        kvstore::serve(remote, words()).authenticate(Password::new("secret")).listen_with(listener, options)
    });
    let mut local = Client::new(local.connect().expect("it listens"));
    local.asks("GET k\r\n", "$5\r\nGET k\r\n").await;
    local.sends(request(&["GET", &"k".repeat(11)])).await;
    local.gets("-ERR Protocol error: invalid bulk length\r\n").await;
    let mut remote = server.connect();
    remote.asks("GET k\r\n", "-NOAUTH Authentication required.\r\n").await;
    remote.asks("AUTH secret\r\n", "+OK\r\n").await;
    remote.sends(request(&["GET", &"k".repeat(11)])).await;
    assert_eq!(remote.reads_bulk().await.len(), 15);
    assert!(remote.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn clients_are_listed_found_told_and_killed() {
    let mut clients = None;
    let server = Server::of(|listener| {
        let serve = kvstore::serve(listener, words());
        clients = Some(serve.clients());
        serve
    });
    let clients = clients.expect("the server was made");
    assert!(clients.is_empty());
    let (mut one, mut two) = (server.connect(), server.connect());
    one.asks("CLIENT SETNAME one\r\nGET k\r\n", "+OK\r\n$5\r\nGET k\r\n").await;
    two.asks("PING\r\n", "+PONG\r\n").await;
    let names: Vec<_> = clients.list().iter().map(|client| client.session().name().to_vec()).collect();
    assert_eq!(names, [&b"one"[..], b""]);
    let found = clients.get(1).expect("it is connected");
    assert_eq!((found.id(), &*found.last_command()), (1, "get"));
    found.push(Response::simple("hello")).expect("it reads");
    one.gets("+hello\r\n").await;
    found.update(|session| session.set_name("other".into()));
    one.asks("CLIENT GETNAME\r\n", "$5\r\nother\r\n").await;
    found.kill();
    assert!(one.is_closed().await);
    assert!(clients.get(1).is_none() && found.push(Response::simple("late")).is_err());
    clients.get(2).expect("it is connected").close();
    assert!(two.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_commands_until_it_ends() {
    let mut clients = None;
    let server = Server::of(|listener| {
        let serve = kvstore::serve(listener, words());
        clients = Some(serve.clients());
        serve
    });
    let clients = clients.expect("the server was made");
    let (mut one, mut two) = (server.connect(), server.connect());
    one.asks("CLIENT PAUSE 1000 WRITE\r\nGET k\r\n", "+OK\r\n$5\r\nGET k\r\n").await;
    // What is refused anyway is not held back.
    one.asks("SET k\r\n", "$5\r\nSET k\r\n").await;
    let start = tokio::time::Instant::now();
    two.asks("GET k\r\nSET k v\r\n", "$5\r\nGET k\r\n$7\r\nSET k v\r\n").await;
    assert_eq!(start.elapsed().as_millis(), 1000);
    // All but CLIENT, until somebody lets them go on.
    one.asks("CLIENT PAUSE 100000\r\n", "+OK\r\n").await;
    two.sends("PING\r\n").await;
    assert!(two.hears_nothing().await);
    one.asks("CLIENT UNPAUSE\r\n", "+OK\r\n").await;
    two.gets("+PONG\r\n").await;
    clients.pause(std::time::Duration::from_millis(500), PauseMode::All);
    let start = tokio::time::Instant::now();
    two.asks("PING\r\n", "+PONG\r\n").await;
    assert_eq!(start.elapsed().as_millis(), 500);
    for (words, refusal) in [
        ("x", "timeout is not an integer or out of range"),
        ("-1", "timeout is negative"),
        ("1 SOME", "CLIENT PAUSE mode must be WRITE or ALL"),
    ] {
        one.asks(format!("CLIENT PAUSE {words}\r\n"), format!("-ERR {refusal}\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_for_a_client_that_leaves_and_for_a_server_that_stops() {
    let server = Server::start(words());
    let mut one = server.connect();
    one.asks("CLIENT PAUSE 100000\r\n", "+OK\r\n").await;
    let mut two = server.connect();
    two.sends("PING\r\n").await;
    settle().await;
    drop(two);
    let mut three = server.connect();
    three.sends("PING\r\n").await;
    settle().await;
    assert_eq!(server.stop().await.expect("no panic").cut, 0);
    assert!(three.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_of_refusals_protocol_errors_and_the_ends_of_connections() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    let name = |command: &Command| String::from_utf8_lossy(command.name()).into_owned();
    let server = Server::of(|listener| {
        kvstore::serve(listener, words()).authenticate(Password::new("secret")).observe(move |event| {
            note.lock().expect("no panic").push(match event {
                ConnectionEvent::Opened { session } => format!("opened {}", session.id()),
                ConnectionEvent::Answered { command, answer } => format!("{} {answer}", name(command)),
                ConnectionEvent::Refused { command, .. } => format!("refused {}", name(command)),
                ConnectionEvent::ProtocolError { session, error } => format!("{} {error}", session.id()),
                ConnectionEvent::Closed { session, reason } => match reason {
                    CloseReason::Finished => format!("closed {}", session.id()),
                    CloseReason::Killed => format!("killed {}", session.id()),
                    other => format!("{other:?} {}", session.id()),
                },
                _ => "something new".to_owned(),
            });
        })
    });
    let mut client = server.connect();
    client.sends("GET k\r\n*x\r\n").await;
    client.reads_all().await;
    drop(client);
    settle().await;
    let mut client = server.connect();
    client.asks("AUTH secret\r\n", "+OK\r\n").await;
    client.sends("CLIENT KILL ID 2 SKIPME no\r\n").await;
    client.reads_all().await;
    drop(client);
    settle().await;
    assert_eq!(
        *seen.lock().expect("no panic"),
        [
            "opened 1",
            "refused GET",
            "1 Protocol error: invalid multibulk length",
            "closed 1",
            "opened 2",
            "AUTH +OK",
            "CLIENT :1 (closed)",
            "closed 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_task_runs_beside_the_server_and_ends_with_it() {
    let (started, done) = (Arc::new(tokio::sync::Notify::new()), Arc::new(()));
    let (tell, held) = (started.clone(), done.clone());
    let server = Server::of(|listener| {
        let panics = async { panic!("a task that fails hurts nobody") };
        kvstore::serve(listener, words())
            .with_task::<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>(Box::pin(panics))
            .with_task(async move {
                let _held = held;
                tell.notify_one();
                std::future::pending::<()>().await
            })
    });
    started.notified().await;
    server.connect().asks("PING\r\n", "+PONG\r\n").await;
    assert_eq!(Arc::strong_count(&done), 2);
    server.stop().await.expect("no panic");
    settle().await;
    assert_eq!(Arc::strong_count(&done), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_tells_when_its_connection_is_gone() {
    let (service, mut script) = mock();
    let mut client = Server::start(service).connect();
    client.sends("SUBSCRIBE a\r\n").await;
    let call = script.expect("SUBSCRIBE").await;
    let push = call.command().push().expect("a connection");
    call.answer(());
    client.gets("+OK\r\n").await;
    let closed = tokio::spawn(async move { push.closed().await });
    settle().await;
    assert!(!closed.is_finished());
    drop(client);
    closed.await.expect("no panic");
}

/// `WAIT`: waits until it is unblocked.
async fn wait(command: Command) -> Response {
    match kvstore::protocol::parking::park_until(command.unblocked()).await {
        Unblock::Timeout => Response::Null,
        Unblock::Error => CommandError::UNBLOCKED.into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_blocks_is_unblocked() {
    let server = Server::start(Router::<()>::new().command("WAIT", wait));
    let (mut waiting, mut other) = (server.connect(), server.connect());
    other.asks("CLIENT UNBLOCK 1\r\n", ":0\r\n").await;
    waiting.sends("WAIT\r\n").await;
    settle().await;
    other.asks("CLIENT UNBLOCK 1 error\r\nCLIENT UNBLOCK 1\r\n", ":1\r\n:0\r\n").await;
    waiting.gets("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n").await;
    waiting.sends("WAIT\r\n").await;
    settle().await;
    other.asks("CLIENT UNBLOCK 1 TIMEOUT\r\n", ":1\r\n").await;
    waiting.gets("$-1\r\n").await;
    other.asks("CLIENT UNBLOCK 99\r\nCLIENT UNBLOCK -1\r\n", ":0\r\n:0\r\n").await;
    other.asks("CLIENT UNBLOCK x\r\n", "-ERR value is not an integer or out of range\r\n").await;
    other.asks("CLIENT UNBLOCK 1 NOW\r\n", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_during_a_pause_gives_its_place_back() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).max_connections(2));
    let mut one = server.connect();
    one.asks("CLIENT PAUSE 100000\r\n", "+OK\r\n").await;
    for _ in 0..10 {
        let mut two = server.connect();
        two.sends("GET k\r\n").await;
        settle().await;
        drop(two);
        settle().await;
    }
    server.connect().asks("CLIENT UNPAUSE\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_can_log_in_and_end_a_pause() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")));
    let mut one = server.connect();
    one.asks("AUTH secret\r\nCLIENT PAUSE 100000\r\n", "+OK\r\n+OK\r\n").await;
    server.connect().asks("AUTH secret\r\nCLIENT UNPAUSE\r\nPING\r\n", "+OK\r\n+OK\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_leaves_a_reply_skipped_that_is_to_be_skipped() {
    let server = Server::start(words());
    server.connect().asks("CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n", "+PONG\r\n").await;
    server.connect().asks("CLIENT REPLY OFF\r\nRESET\r\nPING\r\n", "+RESET\r\n+PONG\r\n").await;
    server.connect().asks("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn command_tells_the_sub_commands_of_client() {
    let mut client = Server::start(Store::new()).connect();
    client.sends("COMMAND INFO client|id\r\n").await;
    client.gets("*1\r\n*10\r\n$9\r\nclient|id\r\n:2\r\n").await;
    client.sends("COMMAND LIST FILTERBY PATTERN client|no*\r\n").await;
    client.reads_until("*2\r\n$15\r\nclient|no-evict\r\n$15\r\nclient|no-touch\r\n").await;
}

#[test]
fn passwords_are_not_in_the_debug_text_of_a_command() {
    let shown = format!("{:?} {:?}", Command::new("auth").arg("secret"), Command::new("GET").arg("k"));
    assert_eq!(shown, "Command(\"auth\" (redacted)) Command(\"GET\" \"k\")");
    assert!(!format!("{:?}", Command::new("HELLO").with_args(["3", "AUTH", "default", "secret"])).contains("secret"));
}
