//! INFO of a server: what is counted of its commands, errors and bytes.

use std::time::Duration;

use kvstore::{
    server::Password,
    standalone::{self, StackSettings},
    store::Store,
};

use crate::support::{Client, Server, request};

fn server() -> Server {
    Server::of(|listener| standalone::server(&Store::new(), &StackSettings::default()).listen(listener))
}

async fn info(client: &mut Client, sections: &str) -> String {
    client.sends(format!("INFO {sections}\r\n")).await;
    client.reads_bulk().await
}

/// The value of a field.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn number(text: &str, name: &str) -> u64 {
    field(text, name).parse().unwrap_or_else(|_| panic!("{name} is no number"))
}

#[tokio::test(start_paused = true)]
async fn commands_are_counted_with_their_errors() {
    let server = server();
    let (mut one, mut two) = (server.connect(), server.connect());
    one.asks("SET k v\r\nGET k\r\nGET k\r\n", "+OK\r\n$1\r\nv\r\n$1\r\nv\r\n").await;
    two.asks("GET k\r\nPING\r\n", "$1\r\nv\r\n+PONG\r\n").await;
    for wrong in ["LPUSH k 1", "GET", "NOSUCH a b", "SETEX k 0 v"] {
        two.sends(format!("{wrong}\r\n")).await;
        two.reads_line().await;
    }
    two.sends("CONFIG GET port\r\n").await;
    two.reads_line().await;
    let text = info(&mut two, "commandstats errorstats stats").await;
    let stat = |name: &str| field(&text, &format!("cmdstat_{name}")).to_owned();
    assert!(stat("get").starts_with("calls=3,usec=") && stat("get").ends_with(",rejected_calls=1,failed_calls=0"));
    assert!(stat("lpush").ends_with("rejected_calls=0,failed_calls=1") && stat("lpush").starts_with("calls=1,"));
    assert!(stat("setex").ends_with("rejected_calls=0,failed_calls=1"));
    assert!(stat("config|get").starts_with("calls=1,") && stat("ping").starts_with("calls=1,"));
    assert!(!text.to_lowercase().contains("nosuch"));
    assert_eq!((field(&text, "errorstat_ERR"), field(&text, "errorstat_WRONGTYPE")), ("count=3", "count=1"));
    assert_eq!(number(&text, "total_error_replies"), 4);
    // The INFO itself has begun.
    assert_eq!(number(&text, "total_commands_processed"), 1 + 3 + 1 + 1 + 1 + 1 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_authentication_is_counted() {
    let store = Store::new();
    let server = Server::of(|listener| {
        standalone::server(&store, &StackSettings::default()).authenticate(Password::new("secret")).listen(listener)
    });
    let mut client = server.connect();
    client.asks("GET k\r\n", "-NOAUTH Authentication required.\r\n").await;
    client.asks("AUTH secret\r\n", "+OK\r\n").await;
    let text = info(&mut client, "everything").await;
    assert_eq!(field(&text, "cmdstat_get"), "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0");
    assert_eq!(field(&text, "errorstat_NOAUTH"), "count=1");
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_and_rates_measured() {
    let mut client = server().connect();
    let before = info(&mut client, "stats").await;
    let set = request(&["SET", "k", &"x".repeat(100_000)]);
    client.asks(&set, "+OK\r\n").await;
    client.asks("STRLEN k\r\n", ":100000\r\n").await;
    let after = info(&mut client, "stats").await;
    let grown = |name: &str| number(&after, name) - number(&before, name);
    assert_eq!(grown("total_net_input_bytes"), (set.len() + "STRLEN k\r\n".len() + "INFO stats\r\n".len()) as u64);
    let answered = "+OK\r\n:100000\r\n".len() + format!("${}\r\n\r\n", before.len()).len() + before.len();
    assert_eq!(grown("total_net_output_bytes"), answered as u64);
    assert!(grown("total_reads_processed") >= 3 && grown("total_writes_processed") == 3);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let rates = info(&mut client, "stats").await;
    assert_eq!(number(&rates, "instantaneous_ops_per_sec"), 4);
    assert!(field(&rates, "instantaneous_input_kbps").parse::<f64>().expect("a number") > 90.0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(number(&info(&mut client, "stats").await, "instantaneous_ops_per_sec"), 0);
}

#[tokio::test(start_paused = true)]
async fn resetstat_resets_all_counts() {
    let mut client = server().connect();
    client.sends("GET\r\n").await;
    client.reads_line().await;
    client.asks("CONFIG RESETSTAT\r\n", "+OK\r\n").await;
    let text = info(&mut client, "everything").await;
    assert!(!text.contains("cmdstat_get") && !text.contains("errorstat_"));
    assert_eq!((number(&text, "total_error_replies"), number(&text, "total_commands_processed")), (0, 2));
    assert!(number(&text, "total_net_input_bytes") < 100);
}

#[tokio::test(start_paused = true)]
async fn a_run_has_a_name() {
    let mut client = server().connect();
    let text = info(&mut client, "").await;
    let id = field(&text, "run_id");
    assert!(id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!((field(&text, "cluster_enabled"), field(&text, "blocked_clients")), ("0", "0"));
    assert_eq!(field(&info(&mut client, "server").await, "run_id"), id);
}

#[tokio::test(start_paused = true)]
async fn errors_inside_of_the_reply_of_a_script_are_counted_once() {
    let server = server();
    let mut client = server.connect();
    for (source, reply, errors) in [
        (
            "return {1, {err = 'My error'}, {{err = 'Other error'}}}",
            "*3\r\n:1\r\n-My error\r\n*1\r\n-Other error\r\n",
            2,
        ),
        ("return {redis.pcall('nosuch')}", "*1\r\n-ERR Unknown Redis command called from script\r\n", 1),
    ] {
        client.asks(crate::support::request(&["EVAL", source, "0"]), reply).await;
        let text = info(&mut client, "commandstats stats").await;
        assert_eq!(number(&text, "total_error_replies"), errors, "{source}");
        assert!(field(&text, "cmdstat_eval").ends_with("rejected_calls=0,failed_calls=0"));
        client.asks("CONFIG RESETSTAT\r\n", "+OK\r\n").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_scripts_are_counted_and_an_error_that_is_passed_on_once() {
    let server = server();
    let mut client = server.connect();
    client.asks("SET k v\r\nCONFIG RESETSTAT\r\n", "+OK\r\n+OK\r\n").await;
    for (source, set, lpush, eval, errors) in [
        ("redis.call('set','k','v')", "1 0 0", "", "1 0 0", 0),
        ("redis.call('lpush','k','v')", "", "1 0 1", "1 0 1", 1),
        ("return redis.pcall('lpush','k','v')", "", "1 0 1", "1 0 1", 1),
        ("redis.pcall('lpush','k','v')", "", "1 0 1", "1 0 0", 1),
        ("return {err=redis.pcall('lpush','k','v').err}", "", "1 0 1", "1 0 1", 2),
        ("redis.pcall('nosuch')", "", "", "1 0 0", 1),
        ("redis.call('nosuch')", "", "", "1 0 1", 1),
        ("redis.call('set')", "0 1 0", "", "1 0 1", 1),
        ("redis.pcall('set')", "0 1 0", "", "1 0 0", 1),
        ("redis.call('eval','return 1','0')", "", "", "1 1 1", 1),
        ("redis.pcall({})", "", "", "1 0 0", 0),
        ("redis.call({})", "", "", "1 0 1", 1),
        ("error('boom')", "", "", "1 0 1", 1),
    ] {
        client.sends(crate::support::request(&["EVAL", source, "0"])).await;
        client.reads_line().await;
        let text = info(&mut client, "commandstats errorstats stats").await;
        for (name, expected) in [("set", set), ("lpush", lpush), ("eval", eval)] {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:")));
            let counts = line.map(|line| line.split([',', '=']).collect::<Vec<_>>());
            let counts = counts.map(|words| [words[1], words[7], words[9]].join(" ")).unwrap_or_default();
            assert_eq!(counts, expected, "{name} of {source}");
        }
        let codes = text.lines().filter_map(|line| line.strip_prefix("errorstat_"));
        let codes = codes.filter_map(|line| line.split_once("=")?.1.parse::<u64>().ok());
        assert_eq!((codes.sum(), number(&text, "total_error_replies")), (errors, errors), "{source}");
        client.asks("CONFIG RESETSTAT\r\n", "+OK\r\n").await;
    }
}
