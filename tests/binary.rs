//! The program: its flags, its environment, its file, its signals.

use std::{
    path::Path,
    process::{Child, Command},
};

use kvstore::{
    client::{Client, Endpoint},
    protocol::Response,
};

use crate::program::{Running, kvstore, output};

#[tokio::test]
async fn a_signal_stops_the_server_in_order() {
    for signal in ["TERM", "INT"] {
        let server = Running::start(&mut kvstore());
        let client = Client::connect(&*server.places[0]).await.unwrap();
        client.set("key", "value").await.unwrap();
        let (is_success, log) = server.stop(signal);
        assert!(is_success);
        assert!(log.contains("kvstore has stopped") && log.contains("connections_cut=0"), "{log}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_served_and_removed() {
    let path = std::env::temp_dir().join(format!("kvstore-test-{}.sock", std::process::id()));
    let server = Running::start(kvstore().arg("--unixsocket").arg(&path));
    assert_eq!(server.places[1], path.to_str().unwrap());
    let client = Client::connect(Endpoint::unix(&path)).await.unwrap();
    assert_eq!(client.ping("").await.unwrap(), "PONG");
    drop(client);
    server.stop("TERM");
    assert!(!path.exists());
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let path = std::env::temp_dir().join(format!("kvstore-test-{}.toml", std::process::id()));
    std::fs::write(&path, "requirepass = \"file\"\ndatabases = 3\nmax-clients = 7\n").unwrap();
    let server = Running::start(
        kvstore()
            .arg("--config")
            .arg(&path)
            .env("KVSTORE_REQUIREPASS", "environment")
            .env("KVSTORE_DATABASES", "4")
            .args(["--databases", "5"]),
    );
    std::fs::remove_file(&path).unwrap();
    let place = &server.places[0];
    let refused = async |url: String| Client::connect(url).await.unwrap_err().to_string();
    assert!(refused(format!("redis://:file@{place}")).await.contains("refused AUTH: WRONGPASS"));
    assert!(refused(format!("redis://:environment@{place}/5")).await.contains("ERR DB index is out of range"));
    let client = Client::connect(format!("redis://:environment@{place}/4")).await.unwrap();
    let config = kvstore::protocol::Command::new("CONFIG").with_args(["GET", "maxclients"]);
    assert_eq!(client.execute(config).await.unwrap().to_string(), "[\"maxclients\", \"7\"]");
}

#[tokio::test]
async fn keyspace_events_are_set_at_the_start() {
    let path = std::env::temp_dir().join(format!("kvstore-test-{}-events.toml", std::process::id()));
    std::fs::write(&path, "notify-keyspace-events = \"Kg\"\n").unwrap();
    let mut commands = [kvstore(), kvstore(), kvstore()];
    commands[0].args(["--notify-keyspace-events", "KEA"]);
    commands[1].env("KVSTORE_NOTIFY_KEYSPACE_EVENTS", "Ex");
    commands[2].arg("--config").arg(&path);
    for (command, shown) in commands.iter_mut().zip(["AKE", "xE", "gK"]) {
        let server = Running::start(command);
        let client = Client::connect(&*server.places[0]).await.unwrap();
        let config = kvstore::protocol::Command::new("CONFIG").with_args(["GET", "notify-keyspace-events"]);
        let expected = format!("[\"notify-keyspace-events\", \"{shown}\"]");
        assert_eq!(client.execute(config).await.unwrap().to_string(), expected);
    }
    std::fs::remove_file(&path).unwrap();
}

/// The resident memory of a process without its files, in bytes.
#[cfg(target_os = "linux")]
fn resident(process: &Child) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a process");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("its memory");
    line.split_whitespace().nth(1).expect("a number").parse::<usize>().expect("a number") * 1024
}

/// Commands with many names run on a thread of their own, and the subscriptions are dropped by another.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_memory_of_many_subscriptions_goes_back_to_the_system() {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::{Duration, Instant, sleep},
    };

    let server = Running::start(&mut kvstore());
    let before = resident(&server.process);
    let stream = tokio::net::TcpStream::connect(&*server.places[0]).await.unwrap();
    let (mut reads, mut writes) = stream.into_split();
    let writing = tokio::spawn(async move {
        for first in (0..200_000).step_by(2000) {
            let names: String = (first..first + 2000).map(|number| format!(" a-channel-of-many:{number}")).collect();
            writes.write_all(format!("SUBSCRIBE{names}\r\n").as_bytes()).await.unwrap();
        }
        writes.write_all(b"PING\r\n").await.unwrap();
        writes
    });
    let mut confirmations = Vec::new();
    while !confirmations.ends_with(b"$4\r\npong\r\n$0\r\n\r\n") {
        assert_ne!(reads.read_buf(&mut confirmations).await.unwrap(), 0);
    }
    let taken = resident(&server.process) - before;
    assert!(taken > 16 << 20, "{taken}");
    drop((writing.await.unwrap(), reads));
    let deadline = Instant::now() + Duration::from_secs(5);
    while resident(&server.process) - before > taken / 3 {
        assert!(Instant::now() < deadline, "{} of {taken} are left", resident(&server.process) - before);
        sleep(Duration::from_millis(50)).await;
    }
}

/// The program with a journal in this directory.
fn journaled(directory: &Path) -> Command {
    let mut command = kvstore();
    command.arg("--dir").arg(directory).args(["--appendonly", "yes"]);
    command
}

fn integer(response: &Response) -> u64 {
    match response {
        Response::Integer(number) => *number as u64,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn whatever_was_acknowledged_is_there_after_a_kill() {
    let directory = std::env::temp_dir().join(format!("kvstore-test-{}-journal", std::process::id()));
    let start = |policy| Running::start(journaled(&directory).args(["--appendfsync", policy]));
    let rpush = |number: u64| kvstore::protocol::Command::new("RPUSH").arg("list").arg(number);
    let (mut issued, mut acknowledged) = (0, 0);
    for policy in ["always", "everysec"].into_iter().cycle().take(20) {
        let server = start(policy);
        let client = Client::connect(&*server.places[0]).await.unwrap();
        let len = client.execute(kvstore::protocol::Command::new("LLEN").arg("list")).await.unwrap();
        let found = integer(&len);
        assert!(acknowledged <= found && found <= issued, "{found} of {acknowledged} to {issued}");
        let pushes: Vec<_> = (found..found + 500).map(|number| client.execute(rpush(number))).collect();
        (issued, acknowledged) = (found + 500, found);
        for push in pushes.into_iter().take(fastrand::usize(1..450)) {
            acknowledged = integer(&push.await.unwrap());
        }
        server.stop("KILL");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn snapshots_alone_are_taken_at_a_save_point_and_at_shutdown() {
    let directory = std::env::temp_dir().join(format!("kvstore-test-{}-snapshots", std::process::id()));
    let start = || {
        let mut command = kvstore();
        Running::start(command.arg("--dir").arg(&directory).args(["--appendonly", "no", "--save", "3600 1"]))
    };
    let command = |words: &[&str]| kvstore::protocol::Command::new(words[0]).with_args(&words[1..]);
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    client.set("key", "1").await.unwrap();
    assert_eq!(
        client.execute(command(&["CONFIG", "GET", "save"])).await.unwrap().to_string(),
        "[\"save\", \"3600 1\"]"
    );
    assert_eq!(client.execute(command(&["SAVE"])).await.unwrap(), kvstore::protocol::Response::ok());
    client.set("key", "2").await.unwrap();
    assert!(
        format!("{:?}", client.execute(command(&["SHUTDOWN", "ABORT"])).await).contains("No shutdown in progress.")
    );
    let _ = client.execute(command(&["SHUTDOWN"])).await;
    assert!(server.wait().0);
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"2"[..]));
    client.set("key", "3").await.unwrap();
    let _ = client.execute(command(&["SHUTDOWN", "NOSAVE"])).await;
    assert!(server.wait().0);
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"2"[..]));
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn a_restart_has_the_data_and_a_second_process_is_refused() {
    let directory = std::env::temp_dir().join(format!("kvstore-test-{}-restart", std::process::id()));
    let server = Running::start(&mut journaled(&directory));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    client.set("key", "value").await.unwrap();
    let (other, text) = output(&mut journaled(&directory));
    assert!(!other.status.success() && text.contains("another process uses the directory"), "{text}");
    // Before it listens, and so before it finds that the port is in use.
    let port = server.places[0].rsplit_once(':').unwrap().1;
    let (other, text) = output(journaled(&directory).args(["--port", port]));
    assert!(!other.status.success() && text.contains("another process uses the directory"), "{text}");
    assert!(server.stop("TERM").0);
    let server = Running::start(&mut journaled(&directory));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test]
async fn the_journal_ends_and_begins_while_the_server_runs() {
    let directory = std::env::temp_dir().join(format!("kvstore-test-{}-appendonly", std::process::id()));
    let start = || Running::start(journaled(&directory).args(["--appendfsync", "always"]));
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    let set_journal = |value| kvstore::protocol::Command::new("CONFIG").with_args(["SET", "appendonly", value]);
    client.set("key", "1").await.unwrap();
    client.execute(set_journal("no")).await.unwrap();
    client.set("key", "2").await.unwrap();
    server.stop("KILL");
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"1"[..]));
    client.execute(set_journal("no")).await.unwrap();
    client.set("key", "3").await.unwrap();
    client.execute(set_journal("yes")).await.unwrap();
    client.set("other", "4").await.unwrap();
    server.stop("KILL");
    let server = start();
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"3"[..]));
    assert_eq!(client.get("other").await.unwrap().as_deref(), Some(&b"4"[..]));
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn mistakes_are_told_before_anything_starts() {
    for (args, text) in [
        (
            &["--max-clients", "0"][..],
            "invalid value '0' for '--max-clients <NUMBER>': it must be a number of at least 1",
        ),
        (&["--config", "/nowhere.toml"], "cannot read /nowhere.toml"),
        (&["--bind", "203.0.113.1", "--port", "0"], "cannot listen on 203.0.113.1:0"),
        (&["--log", "kvstore=loud"], "invalid value 'kvstore=loud'"),
        (&["--timeout", "soon"], "invalid value 'soon'"),
        (&["--notify-keyspace-events", "Q"], "invalid value 'Q'"),
        (&["--timeout", "soon", "--max-request-args", "0"], "\nkvstore: command line: invalid value '0'"),
        (&["--no-such-flag"], "unexpected argument"),
    ] {
        let (output, text_of) = output(kvstore().args(args));
        assert!(!output.status.success());
        assert!(text_of.contains(text), "{text_of}");
    }
}

#[test]
fn help_and_version_are_told() {
    let (output, help) = output(kvstore().arg("--help"));
    assert!(output.status.success());
    for flag in [
        "--bind",
        "--port",
        "--unixsocket",
        "--requirepass",
        "--max-clients",
        "--timeout",
        "--command-timeout",
        "Exit codes:",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    let (_, version) = self::output(kvstore().arg("--version"));
    assert_eq!(version.trim(), format!("kvstore {}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn files_are_imported_and_exported_while_no_server_runs() {
    let scratch = std::env::temp_dir().join(format!("kvstore-test-{}-moving", std::process::id()));
    let (directory, exported) = (scratch.join("data"), scratch.join("export.rdb"));
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/redis-7.0.rdb");
    let import = || output(kvstore().args(["import", fixture, "--dir"]).arg(&directory));
    let (done, text) = import();
    assert!(done.status.success(), "{text}");
    assert!(text.contains("23 keys, 1 library of functions"), "{text}");
    let (done, text) = import();
    assert!(!done.status.success() && text.contains("the store has keys already"), "{text}");

    let server = Running::start(&mut journaled(&directory));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("text").await.unwrap().as_deref(), Some(&b"hello"[..]));
    let export = || output(kvstore().arg("export").arg(&exported).arg("--dir").arg(&directory));
    let (done, text) = export();
    assert!(!done.status.success() && text.contains("another process uses the directory"), "{text}");
    drop(client);
    server.stop("TERM");
    let (done, text) = export();
    assert!(done.status.success() && text.contains("exported to"), "{text}");
    let (wrong, text) = output(kvstore().args(["export", "x.rdb", "--format", "json", "--dir"]).arg(&directory));
    assert!(!wrong.status.success() && text.contains("it is one of redis, valkey"), "{text}");

    let server = Running::start(kvstore().arg("--import").arg(&exported));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("text").await.unwrap().as_deref(), Some(&b"hello"[..]));
    std::fs::remove_dir_all(&scratch).unwrap();
}

/// A directory whose journal is damaged, and the path of the damaged file.
fn damaged(directory: &Path) -> std::path::PathBuf {
    use kvstore::store::{Fsync, Store};
    let store = Store::builder().durable(directory, Fsync::Always).open().expect("a new store");
    for number in 0..50 {
        let push = kvstore::protocol::Command::new("RPUSH").arg("list").arg(number.to_string());
        assert!(!store.execute(&push).is_error());
    }
    drop(store);
    let path = directory.join("journal-000000000001");
    let mut bytes = std::fs::read(&path).expect("the journal");
    bytes[500] ^= 1;
    std::fs::write(&path, bytes).expect("it is written");
    path
}

#[tokio::test]
async fn files_are_checked_and_repaired_while_no_server_runs() {
    let directory = std::env::temp_dir().join(format!("kvstore-test-{}-repair", std::process::id()));
    let path = damaged(&directory);
    let before = std::fs::read(&path).unwrap();
    let run = |args: &[&str]| output(kvstore().args(args).arg(&directory));

    let (checked, text) = run(&["check"]);
    assert_eq!(checked.status.code(), Some(65), "{text}");
    let found = format!("{} is damaged at byte ", path.display());
    assert!(text.contains(&found) && text.contains("a start would fail: restore a backup, or see what"), "{text}");
    let (started, text) = output(journaled(&directory).args(["--port", "0"]));
    assert!(started.status.code() == Some(65) && text.contains(&found), "{text}");
    assert!(text.contains("`kvstore check DIR` explains what is wrong"), "{text}");

    // Nobody can be asked.
    let (repaired, text) = run(&["repair"]);
    assert_eq!(repaired.status.code(), Some(1), "{text}");
    assert!(
        text.contains("bytes are lost, in which at least") && text.contains("nothing was changed: --yes"),
        "{text}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let (repaired, text) = run(&["repair", "--yes"]);
    assert!(repaired.status.success() && text.contains("all is well"), "{text}");
    assert_eq!(std::fs::read(path.with_extension("damaged")).unwrap(), before);
    let (repaired, text) = run(&["repair"]);
    assert!(repaired.status.success() && text.contains("all is well"), "{text}");
    let (checked, text) = run(&["check"]);
    assert!(checked.status.success() && text.contains("all is well"), "{text}");

    let server = Running::start(&mut journaled(&directory));
    for args in [&["check"][..], &["repair", "--yes"]] {
        let (refused, text) = run(args);
        assert!(refused.status.code() == Some(75) && text.contains("another process uses the directory"), "{text}");
    }
    let client = Client::connect(&*server.places[0]).await.unwrap();
    let length = integer(&client.execute(kvstore::protocol::Command::new("LLEN").arg("list")).await.unwrap());
    assert!((1..50).contains(&length), "{length}");
    drop((client, server));

    let snapshot = directory.join("snapshot-000000000001");
    std::fs::remove_file(directory.join("manifest")).unwrap();
    std::fs::write(&snapshot, "no snapshot").unwrap();
    let (repaired, text) = run(&["repair", "--yes"]);
    assert_eq!(repaired.status.code(), Some(65), "{text}");
    assert!(text.contains("restore a backup"), "{text}");

    let empty = directory.join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(output(kvstore().arg("check").arg(&empty)).0.status.success());
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
    let (missing, text) = output(kvstore().args(["check", "/nowhere/at/all"]));
    assert!(missing.status.code() == Some(74) && text.contains("/nowhere/at/all"), "{text}");
    let (missing, text) = output(kvstore().args(["export", "/nowhere.rdb", "--dir", "/nowhere/at/all"]));
    assert!(!missing.status.success() && text.contains("/nowhere/at/all: "), "{text}");
    std::fs::remove_dir_all(&directory).unwrap();
}
