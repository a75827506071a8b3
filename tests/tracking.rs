//! Client tracking: clients keep what they have read, and are told when it has changed.

use std::time::Duration;

use kvstore::{standalone, store::Store};

use crate::support::{Client, Server, settle};

fn server() -> (Server, Store) {
    let store = Store::new();
    (Server::of(|listener| standalone::server(&store, &Default::default()).listen(listener)), store)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// The message that these keys have changed, in RESP3.
fn invalid(keys: &[&str]) -> String {
    let list: String = keys.iter().map(|key| bulk(key)).collect();
    format!(">2\r\n$10\r\ninvalidate\r\n*{}\r\n{list}", keys.len())
}

/// The same in RESP2, as a message of the channel.
fn published(keys: &[&str]) -> String {
    invalid(keys).replacen(">2\r\n$10\r\ninvalidate\r\n", "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n", 1)
}

/// A client that speaks RESP3.
async fn resp3(server: &Server) -> Client {
    let mut client = server.connect();
    client.sends("HELLO 3\r\n").await;
    client.reads_until("modules\r\n*0\r\n").await;
    client
}

/// A client that speaks RESP3, and tracks keys with these options.
async fn tracking(server: &Server, options: &str) -> Client {
    let mut client = resp3(server).await;
    client.asks(format!("CLIENT TRACKING ON {options}\r\n"), "+OK\r\n").await;
    client
}

/// The line of a statistic of INFO.
async fn info(client: &mut Client, name: &str) -> String {
    client.sends("INFO\r\n").await;
    let text = client.reads_bulk().await;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("the field").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_once_of_a_change_of_what_it_has_read() {
    let (server, _) = server();
    let (mut reader, mut writer) = (tracking(&server, "").await, server.connect());
    reader.asks("GET k\r\nMGET l m\r\n", "_\r\n*2\r\n_\r\n_\r\n").await;
    writer.asks("SET other 1\r\nSET k 1\r\nSET k 2\r\nMSET l 1 m 1\r\n", "+OK\r\n".repeat(4)).await;
    reader.gets(invalid(&["k"]) + &invalid(&["l"]) + &invalid(&["m"])).await;
    assert!(reader.hears_nothing().await);
    reader.asks("GET k\r\n", "$1\r\n2\r\n").await;
    writer.asks("SELECT 3\r\nSET k 1\r\n", "+OK\r\n+OK\r\n").await;
    reader.gets(invalid(&["k"])).await;
}

#[tokio::test(start_paused = true)]
async fn every_way_in_which_a_key_changes_is_told() {
    for change in [
        "SET k 2",
        "DEL k",
        "APPEND k x",
        "EXPIRE k 10",
        "RENAME k x",
        "RENAME other k",
        "COPY other k REPLACE",
        "MOVE k 1",
        "INCR k",
        "PERSIST k",
        "GETEX k EX 5",
        "GETDEL k",
        "SETRANGE k 0 x",
        "EXPIREAT k 1",
        "UNLINK k",
        "SETEX k 5 v",
    ] {
        let (server, _) = server();
        let (mut reader, mut writer) = (tracking(&server, "").await, server.connect());
        writer.asks("SET k 1 EX 100\r\nSET other 1\r\n", "+OK\r\n+OK\r\n").await;
        reader.asks("GET k\r\n", "$1\r\n1\r\n").await;
        writer.sends(format!("{change}\r\n")).await;
        reader.gets(invalid(&["k"])).await;
        assert!(reader.hears_nothing().await, "{change}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_the_groups_of_a_stream_is_not_told() {
    for (change, is_told) in [
        ("XREADGROUP GROUP g c STREAMS k >", false),
        ("XCLAIM k g c 0 1-0", false),
        ("XACK k g 1-0", false),
        ("XSETID k 5-0", false),
        ("XGROUP CREATE k h 0", false),
        ("XGROUP DESTROY k g", false),
        ("XGROUP CREATE new g 0 MKSTREAM", true),
        ("XACKDEL k g IDS 1 1-0", true),
        ("XADD k 5-0 a 1", true),
    ] {
        let (server, _) = server();
        let (mut reader, mut writer) = (tracking(&server, "").await, server.connect());
        writer
            .asks("XADD k 1-0 a 1\r\nXADD k 2-0 a 2\r\nXGROUP CREATE k g 0\r\n", "$3\r\n1-0\r\n$3\r\n2-0\r\n+OK\r\n")
            .await;
        writer.sends("XREADGROUP GROUP g p COUNT 1 STREAMS k >\r\nPING\r\n").await;
        writer.reads_until("+PONG\r\n").await;
        reader.asks("XLEN k\r\nXLEN new\r\n", ":2\r\n:0\r\n").await;
        writer.sends(format!("{change}\r\nPING\r\n")).await;
        writer.reads_until("+PONG\r\n").await;
        if is_told {
            reader.gets(invalid(&[if change.contains("new") { "new" } else { "k" }])).await;
        }
        assert!(reader.hears_nothing().await, "{change}");
    }
}

#[tokio::test]
async fn a_key_that_expires_is_told() {
    let (server, _) = server();
    let (mut reader, mut writer) = (tracking(&server, "").await, server.connect());
    writer.asks("SET k 1 PX 20\r\nSET l 1 PX 20\r\n", "+OK\r\n+OK\r\n").await;
    reader.asks("GET k\r\n", "$1\r\n1\r\n").await;
    reader.gets(invalid(&["k"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_database_that_changes_as_a_whole_is_told_without_keys() {
    const ALL: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";
    for change in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1"] {
        let (server, _) = server();
        let (mut reader, mut broadcast) = (tracking(&server, "").await, tracking(&server, "BCAST PREFIX x").await);
        let mut writer = server.connect();
        writer.asks("SET k 1\r\n", "+OK\r\n").await;
        reader.asks("GET k\r\n", "$1\r\n1\r\n").await;
        assert_eq!(info(&mut writer, "tracking_total_keys").await, "1");
        writer.asks(format!("{change}\r\n"), "+OK\r\n").await;
        reader.gets(ALL).await;
        broadcast.gets(ALL).await;
        assert_eq!(info(&mut writer, "tracking_total_keys").await, "0");
    }
    let (server, _) = server();
    let (mut reader, mut writer) = (tracking(&server, "").await, server.connect());
    reader.asks("GET missing\r\n", "_\r\n").await;
    writer.asks("FLUSHALL\r\n", "+OK\r\n").await;
    reader.gets(ALL).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_of_its_own_changes_behind_their_answer_unless_it_wants_no_loop() {
    let (server, _) = server();
    let mut client = tracking(&server, "").await;
    client.asks("GET k\r\nSET k 1\r\nGET k\r\n", "_\r\n+OK\r\n".to_owned() + &invalid(&["k"]) + "$1\r\n1\r\n").await;
    client.asks("FLUSHALL\r\n", "+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n").await;
    client.asks("CLIENT TRACKING ON NOLOOP\r\nGET k\r\nSET k 1\r\nGET k\r\n", "+OK\r\n_\r\n+OK\r\n$1\r\n1\r\n").await;
    let mut broadcast = tracking(&server, "BCAST NOLOOP").await;
    broadcast.asks("SET x 1\r\nPING\r\n", "+OK\r\n+PONG\r\n").await;
    let mut other = server.connect();
    other.asks("SET k 2\r\n", "+OK\r\n").await;
    client.gets(invalid(&["k"])).await;
    broadcast.gets(invalid(&["k"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_overtake_the_answer_with_the_old_value() {
    let (server, store) = server();
    let (mut reader, mut broadcast) = (tracking(&server, "").await, tracking(&server, "BCAST").await);
    for client in [&mut reader, &mut broadcast] {
        client.sends("GET k\r\n").await;
    }
    settle().await;
    store.execute(&kvstore::protocol::Command::new("SET").with_args(["k", "1"]));
    reader.gets("_\r\n".to_owned() + &invalid(&["k"])).await;
    broadcast.gets("_\r\n".to_owned() + &invalid(&["k"])).await;
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_transaction_follow_its_answer() {
    let (server, _) = server();
    let (mut client, mut other) = (tracking(&server, "").await, server.connect());
    client.asks("GET k\r\n", "_\r\n").await;
    client.asks("MULTI\r\nSET k 1\r\nGET k\r\nPING\r\n", "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n").await;
    client.asks("EXEC\r\n", "*3\r\n+OK\r\n$1\r\n1\r\n+PONG\r\n".to_owned() + &invalid(&["k"])).await;
    // What it has read last is tracked, also if it says nothing more.
    other.asks("SET k 2\r\n", "+OK\r\n").await;
    client.gets(invalid(&["k"])).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_waited_is_told_behind_its_answer() {
    let (server, _) = server();
    let (mut client, mut other) = (tracking(&server, "").await, server.connect());
    client.asks("LRANGE to 0 -1\r\n", "*0\r\n").await;
    client.sends("BLMOVE from to LEFT LEFT 0\r\n").await;
    settle().await;
    other.asks("LPUSH from a\r\n", ":1\r\n").await;
    client.gets("$1\r\na\r\n".to_owned() + &invalid(&["to"])).await;
}

#[tokio::test(start_paused = true)]
async fn with_optin_the_next_command_is_tracked_and_with_optout_it_is_not() {
    let (server, _) = server();
    let mut writer = server.connect();
    let (mut opt_in, mut opt_out) = (tracking(&server, "OPTIN").await, tracking(&server, "OPTOUT").await);
    opt_in.asks("GET a\r\nCLIENT CACHING YES\r\nGET b\r\nGET c\r\n", "_\r\n+OK\r\n_\r\n_\r\n").await;
    opt_out.asks("GET a\r\nCLIENT CACHING NO\r\nGET b\r\nGET c\r\n", "_\r\n+OK\r\n_\r\n_\r\n").await;
    writer.asks("SET a 1\r\nSET b 1\r\nSET c 1\r\n", "+OK\r\n".repeat(3)).await;
    opt_in.gets(invalid(&["b"])).await;
    opt_out.gets(invalid(&["a"]) + &invalid(&["c"])).await;

    let transaction = "CLIENT CACHING YES\r\nMULTI\r\nGET a\r\nGET b\r\nEXEC\r\nMULTI\r\nGET c\r\nEXEC\r\n";
    let answers = "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\n1\r\n$1\r\n1\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n";
    opt_in.asks(transaction, answers).await;
    writer.asks("SET a 1\r\nSET b 1\r\nSET c 1\r\n", "+OK\r\n".repeat(3)).await;
    opt_in.gets(invalid(&["a"]) + &invalid(&["b"])).await;
    assert!(opt_in.hears_nothing().await && opt_out.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn client_caching_is_not_used_up_by_commands_of_client_and_is_by_others() {
    let (server, _) = server();
    let (mut client, mut writer) = (tracking(&server, "OPTIN").await, server.connect());
    client
        .asks("CLIENT CACHING YES\r\nCLIENT GETNAME\r\nCLIENT GETREDIR\r\nGET a\r\n", "+OK\r\n_\r\n:0\r\n_\r\n")
        .await;
    client.asks("CLIENT CACHING YES\r\nPING\r\nCLIENT GETNAME\r\nGET b\r\n", "+OK\r\n+PONG\r\n_\r\n_\r\n").await;
    client.asks("CLIENT CACHING YES\r\nGET c\r\nCLIENT GETNAME\r\nGET b\r\n", "+OK\r\n_\r\n_\r\n_\r\n").await;
    writer.asks("SET a 1\r\nSET b 1\r\nSET c 1\r\n", "+OK\r\n".repeat(3)).await;
    client.gets(invalid(&["a"]) + &invalid(&["c"])).await;
    assert!(client.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_has_the_changed_keys_of_a_commit_for_each_prefix() {
    let (server, _) = server();
    let mut writer = server.connect();
    let (mut all, mut some) = (tracking(&server, "BCAST").await, tracking(&server, "BCAST PREFIX a: PREFIX b:").await);
    assert_eq!(info(&mut writer, "tracking_total_prefixes").await, "3");
    writer.asks("MSET b:1 1 a:2 1 a:1 1 c 1 a:1 2\r\nGET c\r\n", "+OK\r\n$1\r\n1\r\n").await;
    all.gets(invalid(&["a:1", "a:2", "b:1", "c"])).await;
    some.gets(invalid(&["a:1", "a:2"]) + &invalid(&["b:1"])).await;
    some.asks("CLIENT TRACKING ON BCAST PREFIX c\r\n", "+OK\r\n").await;
    writer.asks("SET c 2\r\n", "+OK\r\n").await;
    some.gets(invalid(&["c"])).await;
    some.asks("CLIENT TRACKING OFF\r\n", "+OK\r\n").await;
    writer.asks("SET c 2\r\n", "+OK\r\n").await;
    assert!(some.hears_nothing().await);
    assert_eq!(info(&mut writer, "tracking_total_prefixes").await, "1");
}

#[tokio::test(start_paused = true)]
async fn messages_are_redirected() {
    let (server, _) = server();
    let (mut two, mut three) = (server.connect(), resp3(&server).await);
    two.asks("CLIENT ID\r\n", ":1\r\n").await;
    two.sends("SUBSCRIBE __redis__:invalidate\r\n").await;
    two.reads_until("invalidate\r\n:1\r\n").await;
    three.asks("CLIENT ID\r\n", ":2\r\n").await;
    let (mut first, mut second) = (server.connect(), server.connect());
    first.asks("CLIENT TRACKING ON REDIRECT 1\r\nCLIENT GETREDIR\r\nGET k\r\n", "+OK\r\n:1\r\n$-1\r\n").await;
    second.asks("CLIENT TRACKING ON REDIRECT 2\r\nGET k\r\n", "+OK\r\n$-1\r\n").await;
    let mut writer = server.connect();
    writer.asks("SET k 1\r\n", "+OK\r\n").await;
    two.gets(published(&["k"])).await;
    three.gets(invalid(&["k"])).await;
    writer.asks("FLUSHALL\r\n", "+OK\r\n").await;
    two.gets("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n").await;
    assert!(first.hears_nothing().await && second.hears_nothing().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_learns_that_its_redirection_is_broken() {
    let (server, _) = server();
    let mut target = server.connect();
    target.asks("CLIENT ID\r\n", ":1\r\n").await;
    let (mut client, mut writer) = (tracking(&server, "REDIRECT 1").await, server.connect());
    client.asks("GET k\r\n", "_\r\n").await;
    // It is closed for the client, though the server still waits for the other end of it.
    target.asks("QUIT\r\n", "+OK\r\n").await;
    writer.asks("SET k 1\r\n", "+OK\r\n").await;
    client.gets(">2\r\n$21\r\ntracking-redir-broken\r\n:1\r\n").await;
    client.sends("CLIENT TRACKINGINFO\r\n").await;
    client.reads_until("broken_redirect\r\n$8\r\nredirect\r\n:1\r\n$8\r\nprefixes\r\n*0\r\n").await;
    writer.sends("CLIENT LIST\r\n").await;
    let list = writer.reads_bulk().await;
    assert!(list.contains(" flags=tR ") && list.contains(" redir=1 "), "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_redirection_is_broken_as_soon_as_its_client_is_told_that_it_is_closed() {
    let (server, _) = server();
    let (mut target, mut writer) = (server.connect(), server.connect());
    for (id, end) in [(1, "QUIT"), (4, "CLIENT KILL ID 4 SKIPME no")] {
        target.asks("CLIENT ID\r\n", format!(":{id}\r\n")).await;
        let mut client = tracking(&server, &format!("REDIRECT {id}")).await;
        client.asks("SET k 1\r\nGET k\r\n", "+OK\r\n$1\r\n1\r\n").await;
        target.sends(format!("{end}\r\n")).await;
        // The connection is open still: the client has not closed its side.
        target.reads_line().await;
        writer.asks("SET k 2\r\n", "+OK\r\n").await;
        client.gets(format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n")).await;
        target = server.connect();
    }
}

#[tokio::test(start_paused = true)]
async fn the_settings_are_shown() {
    let (server, _) = server();
    let mut client = server.connect();
    let shown = |flags: &[&str], redirect: i64, prefixes: &[&str]| {
        let list =
            |texts: &[&str]| format!("*{}\r\n{}", texts.len(), texts.iter().map(|text| bulk(text)).collect::<String>());
        let (flags, prefixes) = (list(flags), list(prefixes));
        format!("*6\r\n$5\r\nflags\r\n{flags}$8\r\nredirect\r\n:{redirect}\r\n$8\r\nprefixes\r\n{prefixes}")
    };
    client.asks("CLIENT TRACKINGINFO\r\nCLIENT GETREDIR\r\n", shown(&["off"], -1, &[]) + ":-1\r\n").await;
    client.asks("CLIENT TRACKING ON\r\nCLIENT TRACKINGINFO\r\n", "+OK\r\n".to_owned() + &shown(&["on"], 0, &[])).await;
    client.asks("CLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST PREFIX b PREFIX a NOLOOP\r\n", "+OK\r\n+OK\r\n").await;
    client.asks("CLIENT TRACKINGINFO\r\n", shown(&["on", "bcast", "noloop"], 0, &["a", "b"])).await;
    client.sends("CLIENT INFO\r\n").await;
    let line = client.reads_bulk().await;
    assert!(line.contains(" flags=tB ") && line.contains(" redir=0 "), "{line}");
    client.asks("CLIENT TRACKING OFF\r\nCLIENT TRACKING ON OPTIN\r\n", "+OK\r\n+OK\r\n").await;
    client
        .asks(
            "CLIENT CACHING YES\r\nCLIENT TRACKINGINFO\r\n",
            "+OK\r\n".to_owned() + &shown(&["on", "optin", "caching-yes"], 0, &[]),
        )
        .await;
}

#[tokio::test(start_paused = true)]
async fn options_that_do_not_fit_are_refused() {
    let (server, _) = server();
    let mut client = server.connect();
    for (line, answer) in [
        ("CLIENT TRACKING foo", "syntax error"),
        ("CLIENT TRACKING ON foo", "syntax error"),
        ("CLIENT TRACKING ON PREFIX", "syntax error"),
        ("CLIENT TRACKING ON REDIRECT x", "value is not an integer or out of range"),
        ("CLIENT TRACKING ON REDIRECT 99", "The client ID you want redirect to does not exist"),
        ("CLIENT TRACKING ON REDIRECT 1 REDIRECT 1", "A client can only redirect to a single other client"),
        ("CLIENT TRACKING ON PREFIX a", "PREFIX option requires BCAST mode to be enabled"),
        ("CLIENT TRACKING ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST"),
        ("CLIENT TRACKING ON OPTOUT OPTIN", "You can't specify both OPTIN mode and OPTOUT mode"),
        (
            "CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar PREFIX fo",
            "Prefix 'foo' overlaps with another provided prefix 'fo'. Prefixes for a single client must not overlap.",
        ),
        (
            "CLIENT CACHING YES",
            "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ),
    ] {
        client.asks(format!("{line}\r\n"), format!("-ERR {answer}\r\n")).await;
    }
    client.asks("CLIENT TRACKING ON OPTIN\r\n", "+OK\r\n").await;
    let switch = "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
                  with a different mode.";
    let broadcast = "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
                     with a different mode.";
    for (line, answer) in [
        ("CLIENT TRACKING ON OPTOUT", switch),
        ("CLIENT TRACKING ON BCAST", broadcast),
        ("CLIENT CACHING NO", "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        ("CLIENT CACHING maybe", "syntax error"),
    ] {
        client.asks(format!("{line}\r\n"), format!("-ERR {answer}\r\n")).await;
    }
    client.asks("CLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST PREFIX foo\r\n", "+OK\r\n+OK\r\n").await;
    let overlap =
        "Prefix 'foobar' overlaps with an existing prefix 'foo'. Prefixes for a single client must not overlap.";
    client.asks("CLIENT TRACKING ON BCAST PREFIX foobar\r\n", format!("-ERR {overlap}\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_full_evicts_keys_and_tells_it() {
    let (server, _) = server();
    let (mut client, mut other) = (tracking(&server, "").await, server.connect());
    other.asks("CONFIG SET tracking-table-max-keys 2\r\n", "+OK\r\n").await;
    other.asks("CONFIG GET tracking-table-max-keys\r\n", "*2\r\n$23\r\ntracking-table-max-keys\r\n$1\r\n2\r\n").await;
    client.asks("GET a\r\nGET b\r\n", "_\r\n_\r\n").await;
    client.sends("GET c\r\n").await;
    client.gets("_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n").await;
    client.reads_until("\r\n").await;
    assert_eq!(info(&mut other, "tracking_total_keys").await, "2");
    other.asks("CONFIG SET tracking-table-max-keys 1\r\n", "+OK\r\n").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.gets(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n").await;
    client.reads_until("\r\n").await;
    assert_eq!(info(&mut other, "tracking_total_items").await, "1");
}

#[tokio::test(start_paused = true)]
async fn a_client_with_noloop_is_told_what_its_own_read_evicts() {
    let (server, _) = server();
    let (mut client, mut other) = (tracking(&server, "NOLOOP").await, server.connect());
    other.asks("CONFIG SET tracking-table-max-keys 1\r\n", "+OK\r\n").await;
    client.asks("GET a\r\n", "_\r\n").await;
    client.asks("GET b\r\n", "_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n").await;
    client.reads_until("\r\n").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_tracked_after_reset_or_the_end_of_the_connection() {
    let (server, _) = server();
    let (mut one, two, mut other) = (tracking(&server, "").await, tracking(&server, "BCAST").await, server.connect());
    one.asks("GET k\r\n", "_\r\n").await;
    assert_eq!(info(&mut other, "tracking_clients").await, "2");
    one.asks("RESET\r\n", "+RESET\r\n").await;
    drop(two);
    settle().await;
    assert_eq!(info(&mut other, "tracking_clients").await, "0");
    assert_eq!(info(&mut other, "tracking_total_keys").await, "0");
    other.asks("SET k 1\r\n", "+OK\r\n").await;
    one.asks("HELLO 3 SETNAME x\r\nCLIENT GETNAME\r\n", "").await;
    one.reads_until("$1\r\nx\r\n").await;
    assert!(one.hears_nothing().await);
}
