//! The program: its flags, its environment, its file, its signals.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use kvstore::{
    client::{Client, Endpoint},
    protocol::Response,
};

/// A running server; killed when the test ends before it does.
struct Running {
    process: Child,
    /// Where it says that it listens.
    places: Vec<String>,
}

fn kvstore() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvstore"));
    command.env_clear().stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("the program runs");
    let text = [&output.stdout[..], &output.stderr].concat();
    (output, String::from_utf8(text).expect("text"))
}

impl Running {
    /// Starts a server on any free port, and reads its start-up line.
    fn start(command: &mut Command) -> Self {
        let mut process =
            command.args(["--port", "0", "--threads", "1"]).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut line = String::new();
        // An import tells what came of it before.
        while !line.contains("listens on") {
            line.clear();
            assert_ne!(lines.read_line(&mut line).expect("a start-up line"), 0, "it has ended");
        }
        let places = line.split_once("listens on ").expect("where it listens").1;
        let places =
            places.split(", ").map(|place| place.split_whitespace().next().unwrap_or_default().to_owned()).collect();
        process.stderr = Some(lines.into_inner());
        Self { process, places }
    }

    /// Sends a signal, and waits for the end: whether it was a success, and the last lines of the log.
    fn stop(mut self, signal: &str) -> (bool, String) {
        let kill = format!("kill -{signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
        let mut log = String::new();
        self.process.stderr.take().expect("a pipe").read_to_string(&mut log).expect("text");
        (self.process.wait().expect("it ends").success(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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
    let start = || Running::start(journaled(&directory).args(["--appendfsync", "always"]));
    let rpush = |number: u64| kvstore::protocol::Command::new("RPUSH").arg("list").arg(number);
    let (mut issued, mut acknowledged) = (0, 0);
    for round in 0..8 {
        let server = start();
        let client = Client::connect(&*server.places[0]).await.unwrap();
        let len = client.execute(kvstore::protocol::Command::new("LLEN").arg("list")).await.unwrap();
        let found = integer(&len);
        assert!(acknowledged <= found && found <= issued, "{found} of {acknowledged} to {issued}");
        let pushes: Vec<_> = (found..found + 500).map(|number| client.execute(rpush(number))).collect();
        (issued, acknowledged) = (found + 500, found);
        for push in pushes.into_iter().take(round * 50 + 1) {
            acknowledged = integer(&push.await.unwrap());
        }
        server.stop("KILL");
    }
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
    assert!(server.stop("TERM").0);
    let server = Running::start(&mut journaled(&directory));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some(&b"value"[..]));
    drop(server);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn mistakes_are_told_before_anything_starts() {
    for (args, text) in [
        (&["--max-clients", "0"][..], "--max-clients must be at least 1"),
        (&["--config", "/nowhere.toml"], "cannot read /nowhere.toml"),
        (&["--bind", "203.0.113.1", "--port", "0"], "cannot listen on 203.0.113.1:0"),
        (&["--log", "kvstore=loud"], "--log kvstore=loud"),
        (&["--timeout", "soon"], "invalid value 'soon'"),
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
    for flag in ["--bind", "--port", "--unixsocket", "--requirepass", "--max-clients", "--timeout", "--command-timeout"]
    {
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
    assert!(text.contains("22 keys") && text.contains("SKIPPED, not supported: stream"), "{text}");
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

    let server = Running::start(kvstore().arg("--import").arg(&exported));
    let client = Client::connect(&*server.places[0]).await.unwrap();
    assert_eq!(client.get("text").await.unwrap().as_deref(), Some(&b"hello"[..]));
    std::fs::remove_dir_all(&scratch).unwrap();
}
