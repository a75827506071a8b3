//! The commands of a connection, in front of a service that knows none of them. The texts are Redis's.

use std::{sync::Arc, time::Duration};

use kvstore::{
    protocol::{Command, Protocol, Response, Session},
    routing::Router,
    server::{AuthError, Authenticate, Credentials, Identity, NoTouch, Password, ServerStatus},
};
use tokio::{
    sync::{Notify, mpsc},
    time::sleep,
};

use crate::support::{Server, request, words};

const NO_AUTH: &str = "-NOAUTH Authentication required.\r\n";
const WRONG_PASSWORD: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

/// A server of bare words.
fn open() -> Server {
    Server::start(words())
}

fn locked() -> Server {
    Server::of(|listener| kvstore::serve(listener, words()).authenticate(Password::new("secret")))
}

/// A server whose service answers what `tell` finds in a command.
fn telling(tell: impl Fn(&Command) -> String + Clone + Send + 'static) -> Server {
    Server::start(tower::service_fn(move |command: Command| {
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::from(tell(&command))))
    }))
}

#[tokio::test(start_paused = true)]
async fn ping_answers_pong_or_its_argument() {
    open().connect().asks("PING\r\nping hello\r\n", "+PONG\r\n$5\r\nhello\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn echo_answers_its_argument() {
    open().connect().asks(request(&["ECHO", "a\r\nb"]), "$4\r\na\r\nb\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_number_of_arguments_is_refused() {
    let server = open();
    for (command, name) in [
        ("PING a b", "ping"),
        ("ECHO", "echo"),
        ("SELECT", "select"),
        ("AUTH", "auth"),
        ("RESET now", "reset"),
        ("CLIENT", "client"),
        ("CLIENT ID x", "client|id"),
        ("CLIENT SETNAME", "client|setname"),
        ("CLIENT KILL", "client|kill"),
        ("CLIENT REPLY", "client|reply"),
    ] {
        let expected = format!("-ERR wrong number of arguments for '{name}' command\r\n");
        server.connect().asks(format!("{command}\r\n"), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn select_changes_the_database_of_later_commands() {
    let server = telling(|command| command.session().database().to_string());
    server.connect().asks("GET a\r\nSELECT 9\r\nGET a\r\n", "$1\r\n0\r\n+OK\r\n$1\r\n9\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn select_refuses_what_is_no_database() {
    let server = open();
    for (index, text) in [
        ("16", "DB index is out of range"),
        ("-1", "DB index is out of range"),
        ("x", "value is not an integer or out of range"),
        ("99999999999", "value is out of range, value must between -2147483648 and 2147483647"),
    ] {
        server.connect().asks(format!("SELECT {index}\r\n"), format!("-ERR {text}\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn hello_refuses_what_it_does_not_know() {
    let server = open();
    for (options, answer) in [
        ("1", "NOPROTO unsupported protocol version"),
        ("4", "NOPROTO unsupported protocol version"),
        ("x", "ERR Protocol version is not an integer or out of range"),
        ("2 FOO", "ERR Syntax error in HELLO option 'FOO'"),
        ("2 AUTH x", "ERR Syntax error in HELLO option 'AUTH'"),
        ("2 AUTH nobody x", "WRONGPASS invalid username-password pair or user is disabled."),
        ("2 SETNAME", "ERR Syntax error in HELLO option 'SETNAME'"),
        ("2 SETNAME \"a b\"", "ERR Client names cannot contain spaces, newlines or special characters."),
    ] {
        server.connect().asks(format!("HELLO {options}\r\n"), format!("-{answer}\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_hello_changes_nothing() {
    let server = locked();
    let mut client = server.connect();
    client.asks("HELLO 3 AUTH default guess SETNAME bob\r\n", WRONG_PASSWORD).await;
    client.asks("AUTH secret\r\nCLIENT GETNAME\r\n", "+OK\r\n$-1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn hello_says_what_the_server_is_called() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).server_name("mine", "1.2.3"));
    server
        .connect()
        .asks("HELLO\r\n", "*14\r\n$6\r\nserver\r\n$4\r\nmine\r\n$7\r\nversion\r\n$5\r\n1.2.3\r\n$5\r\nproto\r\n:2\r\n")
        .await;
}

#[tokio::test(start_paused = true)]
async fn hello_shakes_hands_in_one_command() {
    let server = locked();
    let mut client = server.connect();
    client.asks("HELLO 3 AUTH default secret SETNAME bob\r\n", "%7\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    client.asks("CLIENT GETNAME\r\n", "$3\r\nbob\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn without_a_password_there_is_one_user_who_needs_none() {
    let server = open();
    server.connect().asks("AUTH default anything\r\n", "+OK\r\n").await;
    server.connect().asks("AUTH nobody anything\r\n", WRONG_PASSWORD).await;
    server
        .connect()
        .asks(
            "AUTH secret\r\n",
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn auth_takes_no_three_arguments() {
    open().connect().asks("AUTH a b c\r\n", "-ERR syntax error\r\n").await;
    locked().connect().asks("AUTH a b c\r\n", "-ERR syntax error\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_before_authentication() {
    let server = locked();
    for command in ["PING", "ECHO a", "GET a", "SELECT 1", "CLIENT ID", "MULTI", "NOPE"] {
        server.connect().asks(format!("{command}\r\n"), NO_AUTH).await;
    }
    server
        .connect()
        .asks(
            "HELLO 3\r\n",
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time\r\n",
        )
        .await;
    server.connect().asks("QUIT\r\n", "+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn the_right_password_opens_and_a_wrong_one_does_not_close() {
    let mut client = locked().connect();
    client.asks("AUTH guess\r\nPING\r\n", format!("{WRONG_PASSWORD}{NO_AUTH}")).await;
    client.asks("AUTH nobody secret\r\nPING\r\n", format!("{WRONG_PASSWORD}{NO_AUTH}")).await;
    client.asks("AUTH secret\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
    client.asks("AUTH guess\r\nPING\r\n", format!("{WRONG_PASSWORD}+PONG\r\n")).await;
}

/// An authenticator that lets everybody in, once it is told to.
struct Slow {
    asked: mpsc::UnboundedSender<Credentials>,
    go: Arc<Notify>,
}

impl Slow {
    fn server() -> (Server, mpsc::UnboundedReceiver<Credentials>, Arc<Notify>) {
        let (asked, credentials) = mpsc::unbounded_channel();
        let go = Arc::new(Notify::new());
        let slow = Slow { asked, go: go.clone() };
        let tell = tower::service_fn(|command: Command| {
            let user = command.session().user().unwrap_or("nobody").to_owned();
            std::future::ready(Ok::<_, std::convert::Infallible>(Response::from(user)))
        });
        (Server::of(|listener| kvstore::serve(listener, tell).authenticate(slow)), credentials, go)
    }
}

impl Authenticate for Slow {
    async fn authenticate(&self, credentials: Credentials, _: &Session) -> Result<Identity, AuthError> {
        let user = String::from_utf8_lossy(&credentials.user).into_owned();
        self.asked.send(credentials).expect("the test listens");
        self.go.notified().await;
        Ok(Identity::new(user))
    }
}

#[tokio::test(start_paused = true)]
async fn an_authenticator_that_takes_its_time_holds_up_its_client_alone() {
    let (server, mut asked, go) = Slow::server();
    let mut slow = server.connect();
    slow.sends("AUTH alice pw\r\nGET a\r\n").await;
    let credentials = asked.recv().await.expect("it is asked");
    assert_eq!((&*credentials.user, &*credentials.password), (&b"alice"[..], &b"pw"[..]));
    server.connect().asks("GET a\r\n", NO_AUTH).await;
    assert!(slow.hears_nothing().await);
    go.notify_one();
    slow.gets("+OK\r\n$5\r\nalice\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_slow_auth_is_read_by_the_rules_after_it() {
    let (server, mut asked, go) = Slow::server();
    let mut client = server.connect();
    client.sends("AUTH alice pw\r\n").await;
    asked.recv().await.expect("it is asked");
    client.sends(request(&["GET", &"k".repeat(20_000)])).await;
    assert!(client.hears_nothing().await);
    go.notify_one();
    client.gets("+OK\r\n$5\r\nalice\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_while_it_is_authenticated_leaves_nothing_behind() {
    let (server, mut asked, go) = Slow::server();
    let mut client = server.connect();
    client.sends("AUTH alice pw\r\n").await;
    asked.recv().await.expect("it is asked");
    client.half_closes().await;
    go.notify_one();
    client.gets("+OK\r\n").await;
    assert!(client.is_closed().await);
}

/// Panics instead of saying who it is.
struct Panics;

impl Authenticate for Panics {
    async fn authenticate(&self, _: Credentials, _: &Session) -> Result<Identity, AuthError> {
        panic!("no authentication today")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_authenticator_is_an_answer() {
    let server = Server::of(|listener| kvstore::serve(listener, words()).authenticate(Panics));
    server.connect().asks("AUTH secret\r\nPING\r\n", format!("-ERR internal error\r\n{NO_AUTH}")).await;
}

#[tokio::test(start_paused = true)]
async fn reset_forgets_what_the_client_said() {
    let server = telling(|command| {
        let session = command.session();
        let is_resp3 = session.protocol() == Protocol::Resp3;
        format!(
            "{} {is_resp3} {} {:?}",
            session.database(),
            session.extensions().get::<NoTouch>().is_some(),
            session.user()
        )
    });
    let mut client = server.connect();
    client.sends("SELECT 3\r\nCLIENT SETNAME bob\r\nCLIENT NO-TOUCH ON\r\n").await;
    client.gets("+OK\r\n+OK\r\n+OK\r\n").await;
    client.asks("HELLO 3\r\n", "%7\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    client.sends("GET a\r\n").await;
    assert_eq!(client.reads_bulk().await, "3 true true Some(\"default\")");
    client.asks("RESET\r\nCLIENT GETNAME\r\n", "+RESET\r\n$-1\r\n").await;
    client.sends("GET a\r\n").await;
    assert_eq!(client.reads_bulk().await, "0 false false Some(\"default\")");
}

#[tokio::test(start_paused = true)]
async fn reset_keeps_what_the_server_says_of_itself() {
    let server = telling(|command| match command.session().extensions().get::<ServerStatus>() {
        Some(status) => format!("{} of {}", status.connections(), status.max_connections()),
        None => "nothing".to_owned(),
    });
    server.connect().asks("GET a\r\nRESET\r\nGET a\r\n", "$10\r\n1 of 10000\r\n+RESET\r\n$10\r\n1 of 10000\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn reset_asks_for_the_password_again() {
    locked().connect().asks("AUTH secret\r\nRESET\r\nPING\r\n", format!("+OK\r\n+RESET\r\n{NO_AUTH}")).await;
}

#[tokio::test(start_paused = true)]
async fn quit_is_the_last_answer() {
    let mut client = open().connect();
    client.asks("PING\r\nQUIT whatever\r\nPING\r\n", "+PONG\r\n+OK\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn connections_are_counted() {
    let server = open();
    server.connect().asks("CLIENT ID\r\n", ":1\r\n").await;
    server.connect().asks("CLIENT ID\r\n", ":2\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_the_name_that_it_was_given() {
    let mut client = open().connect();
    client.asks("CLIENT GETNAME\r\nCLIENT SETNAME bob\r\nCLIENT GETNAME\r\n", "$-1\r\n+OK\r\n$3\r\nbob\r\n").await;
    client.asks("CLIENT SETNAME \"\"\r\nCLIENT GETNAME\r\n", "+OK\r\n$-1\r\n").await;
    client
        .asks(
            "CLIENT SETNAME 'a b'\r\n",
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_library_says_what_it_is() {
    let mut client = open().connect();
    client.asks("CLIENT SETINFO LIB-NAME lib\r\nCLIENT SETINFO lib-ver 1.2\r\nCLIENT INFO\r\n", "+OK\r\n+OK\r\n").await;
    assert!(client.reads_bulk().await.ends_with(" resp=2 lib-name=lib lib-ver=1.2\n"));
    client.asks("CLIENT SETINFO foo bar\r\n", "-ERR Unrecognized option 'foo'\r\n").await;
    let refusal = "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n";
    client.asks("CLIENT SETINFO lib-name 'a b'\r\n", refusal).await;
}

#[tokio::test(start_paused = true)]
async fn client_info_is_a_line_about_oneself() {
    let mut client = open().connect();
    client.sends("CLIENT INFO\r\n").await;
    let line = client.reads_bulk().await;
    assert!(
        line.starts_with("id=1 addr=memory:0 laddr=memory:0 fd=-1 name= age=0 idle=0 flags=N capa= db=0 "),
        "{line}"
    );
    assert!(line.contains(" cmd=client|info user=default "), "{line}");
    assert!(line.ends_with('\n'), "{line}");
}

#[tokio::test(start_paused = true)]
async fn client_list_says_for_how_long_each_has_been_there_and_been_silent() {
    let server = open();
    let mut other = server.connect();
    other.asks("PING\r\n", "+PONG\r\n").await;
    sleep(Duration::from_millis(5500)).await;
    let mut client = server.connect();
    client.sends("CLIENT LIST\r\n").await;
    let all = client.reads_bulk().await;
    assert!(all.contains(" age=5 idle=5 ") && all.contains(" age=0 idle=0 "), "{all}");
    other.asks("PING\r\n", "+PONG\r\n").await;
    sleep(Duration::from_secs(2)).await;
    client.sends("CLIENT LIST\r\n").await;
    let all = client.reads_bulk().await;
    assert!(all.contains(" age=7 idle=2 ") && all.contains(" age=2 idle=0 "), "{all}");
}

#[tokio::test(start_paused = true)]
async fn client_list_has_a_line_for_every_connection() {
    let server = open();
    let mut other = server.connect();
    other.asks("CLIENT SETNAME bob\r\nSELECT 2\r\nGET a\r\n", "+OK\r\n+OK\r\n$5\r\nGET a\r\n").await;
    let mut client = server.connect();
    client.sends("CLIENT LIST\r\nCLIENT LIST ID 1 7\r\nCLIENT LIST TYPE normal\r\nCLIENT LIST TYPE pubsub\r\n").await;
    let all = client.reads_bulk().await;
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.starts_with("id=1 ") && all.contains(" name=bob ") && all.contains(" db=2 "), "{all}");
    assert!(all.contains(" cmd=get "), "{all}");
    assert_eq!(client.reads_bulk().await.lines().count(), 1);
    assert_eq!(client.reads_bulk().await.lines().count(), 2);
    assert_eq!(client.reads_bulk().await, "");
}

#[tokio::test(start_paused = true)]
async fn client_refuses_what_it_does_not_know() {
    let server = open();
    for (words, text) in [
        ("LIST FOO", "syntax error"),
        ("LIST ID", "syntax error"),
        ("LIST ID x", "Invalid client ID"),
        ("LIST TYPE", "syntax error"),
        ("LIST TYPE foo", "Unknown client type 'foo'"),
        ("KILL 1.1.1.1:1", "No such client"),
        ("KILL ID", "No such client"),
        ("KILL ID 0", "client-id should be greater than 0"),
        ("KILL ID x", "client-id should be greater than 0"),
        ("KILL ID 99 ADDR", "syntax error"),
        ("KILL TYPE foo", "Unknown client type 'foo'"),
        ("KILL SKIPME maybe", "syntax error"),
        ("KILL FOO bar", "syntax error"),
        ("KILL NOT-IDLE 1", "syntax error"),
        ("KILL MAXAGE x", "maxage is not an integer or out of range"),
        ("LIST IDLE 0", "idle should be greater than 0"),
        ("LIST DB -1", "db is not an integer or out of range"),
        ("NO-EVICT maybe", "syntax error"),
        ("NO-TOUCH maybe", "syntax error"),
        ("REPLY maybe", "syntax error"),
    ] {
        server.connect().asks(format!("CLIENT {words}\r\n"), format!("-ERR {text}\r\n")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_is_killed_by_its_number() {
    let server = open();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.asks("PING\r\n", "+PONG\r\n").await;
    two.asks("CLIENT KILL ID 1\r\nCLIENT KILL ID 1\r\nCLIENT KILL ID 99\r\n", ":1\r\n").await;
    assert!(one.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn clients_are_killed_by_address_user_and_type() {
    for filter in ["memory:0", "ADDR memory:0", "LADDR memory:0", "USER default", "TYPE normal", "SKIPME yes"] {
        let server = open();
        let (mut one, mut two) = (server.connect(), server.connect());
        one.asks("PING\r\n", "+PONG\r\n").await;
        two.sends(format!("CLIENT KILL {filter}\r\n")).await;
        let answer = two.reads_line().await;
        assert_eq!(answer, if filter == "memory:0" { "+OK" } else { ":1" }, "{filter}");
        assert!(one.is_closed().await, "{filter}");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_are_selected_by_what_all_conditions_say() {
    let server = open();
    let mut one = server.connect();
    one.asks("CLIENT SETNAME one\r\nSELECT 3\r\nCLIENT SETINFO LIB-NAME lib\r\n", "+OK\r\n".repeat(3)).await;
    one.asks("CLIENT SETINFO LIB-VER 2.1\r\nCLIENT CAPA redirect other\r\n", "+OK\r\n+OK\r\n").await;
    one.asks("CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\n", "+OK\r\n+OK\r\n").await;
    sleep(Duration::from_secs(5)).await;
    let mut two = server.connect();
    two.asks("CLIENT SETNAME two\r\n", "+OK\r\n").await;
    for (filter, selected) in [
        ("NAME one", "one"),
        ("NOT-NAME one", "two"),
        ("DB 3", "one"),
        ("NOT-DB 3", "two"),
        ("LIB-NAME lib LIB-VER 2.1", "one"),
        ("LIB-NAME lib NAME two", ""),
        ("NOT-LIB-VER 2.1", "two"),
        ("CAPA r", "one"),
        ("NOT-CAPA r", "two"),
        ("FLAGS Te", "one"),
        ("NOT-FLAGS e", "two"),
        ("IDLE 4", "one"),
        ("MAXAGE 4", "one"),
        ("ID 1 2 9", "one two"),
        ("NOT-ID 1", "two"),
        ("SKIPME yes", "one"),
        ("USER default TYPE normal", "one two"),
        ("IP 127.0.0.1", ""),
        ("not-ip 127.0.0.1 addr memory:0 laddr memory:0", "one two"),
    ] {
        two.sends(format!("CLIENT LIST {filter}\r\n")).await;
        let lines = two.reads_bulk().await;
        let names = lines.split(' ').filter_map(|field| field.strip_prefix("name=")).collect::<Vec<_>>();
        assert_eq!(names.join(" "), selected, "{filter}");
    }
    two.asks("CLIENT KILL NAME one DB 3\r\n", ":1\r\n").await;
    assert!(one.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn whoever_kills_itself_reads_the_answer() {
    let mut client = open().connect();
    client.asks("CLIENT KILL ID 1 SKIPME no\r\nPING\r\n", ":1\r\n").await;
    assert!(client.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn no_touch_is_seen_by_services() {
    let server = telling(|command| command.session().extensions().get::<NoTouch>().is_some().to_string());
    let mut client = server.connect();
    client.asks("CLIENT NO-TOUCH ON\r\nGET a\r\n", "+OK\r\n$4\r\ntrue\r\n").await;
    client.asks("CLIENT NO-TOUCH OFF\r\nGET a\r\n", "+OK\r\n$5\r\nfalse\r\n").await;
    client.asks("CLIENT NO-EVICT ON\r\nCLIENT NO-EVICT OFF\r\n", "+OK\r\n+OK\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn replies_are_off_until_they_are_on_again() {
    let mut client = open().connect();
    client.sends("CLIENT REPLY OFF\r\nPING\r\nGET a\r\nCLIENT REPLY SKIP\r\nPING\r\n").await;
    assert!(client.hears_nothing().await);
    client.asks("CLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_skipped_reply_is_the_next_one_alone() {
    let mut client = open().connect();
    client.asks("CLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n", "$1\r\nb\r\n").await;
    client.asks("CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn connection_commands_need_no_service() {
    let never = crate::support::Hand {
        ready: |_: &mut std::task::Context<'_>| std::task::Poll::<Result<(), std::convert::Infallible>>::Pending,
        call: |_| std::future::pending(),
    };
    let mut client = Server::start(never).connect();
    client.asks("PING\r\nCLIENT ID\r\n", "+PONG\r\n:1\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn settings_of_the_server_are_set_through_the_store() {
    let server = Server::start(kvstore::store::Store::new());
    let mut client = server.connect();
    let mut idle = server.connect();
    idle.asks("PING\r\n", "+PONG\r\n").await;
    let timeout = "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n";
    client.asks("CONFIG GET timeout\r\n", timeout).await;
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an \
                   integer\r\n";
    client.asks("CONFIG SET maxclients 2 timeout soon\r\n", refusal).await;
    let refusal = "-ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter\r\n";
    client.asks("CONFIG SET timeout soon TIMEOUT 10\r\n", refusal).await;
    client.asks("CONFIG GET maxclients\r\n", "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n").await;
    client.asks("CONFIG SET maxclients 2 timeout 10\r\n", "+OK\r\n").await;
    let mut third = server.connect();
    third.gets("-ERR max number of clients reached\r\n").await;
    third.is_closed().await;
    // Also for a connection that was idle before.
    idle.is_closed().await;
}

#[tokio::test(start_paused = true)]
async fn counts_of_connections_start_from_zero_again() {
    let server = Server::start(kvstore::store::Store::new());
    let mut client = server.connect();
    for (command, count) in
        [("PING", "total_connections_received:1\r\n"), ("CONFIG RESETSTAT", "total_connections_received:0\r\n")]
    {
        client.sends(format!("{command}\r\n")).await;
        client.gets(if command == "PING" { "+PONG\r\n" } else { "+OK\r\n" }).await;
        client.sends("INFO stats\r\n").await;
        let info = client.reads_bulk().await;
        assert!(info.contains(count), "{info}");
    }
}

#[tokio::test(start_paused = true)]
async fn sub_commands_of_client_that_the_server_does_not_know_go_to_the_service() {
    open().connect().asks("CLIENT FOO bar\r\n", "$14\r\nCLIENT FOO bar\r\n").await;
    let router = Router::<()>::new().command("CLIENT COLOUR", || "blue");
    let mut client = Server::start(router).connect();
    client.asks("CLIENT COLOUR\r\n", "$4\r\nblue\r\n").await;
    client.asks("CLIENT FOO\r\n", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n").await;
    let store = Server::start(kvstore::store::Store::new());
    store.connect().asks("CLIENT FOO\r\n", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP.\r\n").await;
}

#[tokio::test]
async fn settings_can_be_changed_as_the_server_starts() {
    let server =
        Server::of(|listener| kvstore::serve(listener, words()).on_start(|server| server.set_max_connections(1)));
    let mut first = server.connect();
    first.asks(b"PING\r\n", b"+PONG\r\n").await;
    server.connect().gets("-ERR max number of clients reached\r\n").await;
}
