//! How the program starts where servers run: addresses, sockets, limits, environments, files, supervisors.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::PermissionsExt,
            net::{SocketAddr, UnixDatagram, UnixListener},
        },
    },
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use kvstore::{
    client::{Client, Endpoint},
    protocol::Command as Request,
};

use crate::program::{Running, free_port, kvstore, output};

/// A directory that is removed at the end of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kvstore-starting-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("a file");
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn ask(place: &str, words: &[&str]) -> String {
    let client = Client::connect(place).await.expect("it listens");
    let request = Request::new(words[0]).with_args(&words[1..]);
    client.execute(request).await.expect("an answer").to_string()
}

async fn config(place: &str, name: &str) -> String {
    let answer = ask(place, &["CONFIG", "GET", name]).await;
    answer.split('"').nth(3).expect("a value").to_owned()
}

/// Runs the program to its end: its exit code, and all that it prints.
fn ended(command: &mut Command) -> (i32, String) {
    let (output, text) = output(command);
    (output.status.code().expect("an exit code"), text)
}

#[tokio::test]
async fn addresses_are_listened_on() {
    for (bind, places) in [
        (&["--bind", "127.0.0.1"][..], &["127.0.0.1"][..]),
        (&["--bind", "127.0.0.1", "--bind", "127.0.0.2"], &["127.0.0.1", "127.0.0.2"]),
        (&["--bind", "127.0.0.1,127.0.0.2"], &["127.0.0.1", "127.0.0.2"]),
        (&["--bind", "127.0.0.1 -203.0.113.1 127.0.0.2"], &["127.0.0.1", "127.0.0.2"]),
        (&["--bind", "*"], &["0.0.0.0"]),
        (&["--bind", "127.0.0.1", "--bind", "-203.0.113.1"], &["127.0.0.1"]),
        (&["--bind=-203.0.113.1,127.0.0.1"], &["127.0.0.1"]),
    ] {
        let server = Running::start(kvstore().args(bind));
        let found: Vec<_> = server.places.iter().map(|place| place.rsplit_once(':').unwrap().0).collect();
        assert_eq!(found, places, "{bind:?}");
        assert_eq!(ask(&server.places[0].replace("0.0.0.0", "127.0.0.1"), &["PING"]).await, "+PONG");
    }
}

#[tokio::test]
async fn addresses_are_listened_on_wherever_they_are_set() {
    let scratch = Scratch::new("addresses");
    let toml = scratch.file("kvstore.toml", "bind = \"127.0.0.1 127.0.0.2\"\n");
    let conf = scratch.file("redis.conf", "bind 127.0.0.1 127.0.0.2\nsave \"\"\n");
    for command in [
        kvstore().env("KVSTORE_BIND", "127.0.0.1 127.0.0.2"),
        kvstore().arg("--config").arg(toml),
        kvstore().arg("--config").arg(conf),
    ] {
        let server = Running::start(command);
        assert_eq!(server.places.len(), 2, "{:?}", server.places);
        assert_eq!(config(&server.places[0], "bind").await, "127.0.0.1 127.0.0.2");
    }
}

/// Whether this machine has IPv6.
fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

#[tokio::test]
async fn both_protocols_listen_on_one_port() {
    // The first server finds a free port.
    let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let port = port.to_string();
    for bind in [&["--bind", "0.0.0.0", "--bind", "-::"], &["--bind", "*", "--bind", "-::*"]] {
        let server = Running::start_as_it_is(kvstore().args(bind).args(["--port", &port]));
        let both = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        assert_eq!(server.places, both[..if has_ipv6() { 2 } else { 1 }], "{bind:?}");
        assert_eq!(ask(&format!("127.0.0.1:{port}"), &["PING"]).await, "+PONG");
        if has_ipv6() {
            assert_eq!(ask(&format!("[::1]:{port}"), &["PING"]).await, "+PONG");
        }
        assert!(server.stop("TERM").0);
    }
}

/// In a network without any address of its own, and so without `::1`.
#[test]
fn an_optional_address_of_ipv6_may_be_missing() {
    let alone = |bind: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", env!("CARGO_BIN_EXE_kvstore"), "--appendonly", "no"]).args(bind);
        command.env_clear();
        command
    };
    if !Command::new("unshare").args(["--map-root-user", "--net", "true"]).status().is_ok_and(|status| status.success())
    {
        return eprintln!("skipped: there is no way to a network of its own");
    }
    let server = Running::start(&mut alone(&["--bind", "0.0.0.0", "--bind", "-::1"]));
    assert!(server.places.len() == 1 && server.places[0].starts_with("0.0.0.0:"), "{:?}", server.places);
    let (code, told) = ended(alone(&["--bind", "::1"]).args(["--port", "0"]));
    assert!(code == 69 && told.contains("cannot listen on ::1:0"), "{told}");
}

#[test]
fn what_cannot_be_listened_on_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, text) in [
        (&["--port", &*port][..], "Address already in use"),
        (&["--bind", "203.0.113.1"], "cannot listen on 203.0.113.1:6379"),
        (&["--bind", "no.such.host.invalid"], "cannot listen on no.such.host.invalid:6379"),
        (&["--bind", "-203.0.113.1"], "there is no address to listen on"),
        (&["--port", "none"], "there is no address to listen on"),
        (&["--port", "none", "--unixsocket", "/nowhere/socket"], "cannot listen on /nowhere/socket"),
    ] {
        let (code, told) = ended(kvstore().args(args));
        assert_eq!(code, 69, "{told}");
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test]
async fn a_socket_has_its_permissions_and_replaces_a_dead_one_only() {
    let scratch = Scratch::new("sockets");
    let path = scratch.path("socket");
    let start = |command: &mut Command| Running::start(command.arg("--unixsocket").arg(&path));
    // The listener is gone, and its file is still there.
    drop(UnixListener::bind(&path).unwrap());
    let server = start(kvstore().args(["--unixsocketperm", "750"]));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(Client::connect(Endpoint::unix(&path)).await.unwrap().ping("").await.unwrap(), "PONG");
    let (code, told) = ended(kvstore().args(["--port", "0", "--unixsocket"]).arg(&path));
    assert!(code == 69 && told.contains("Address already in use"), "{told}");
    assert_eq!(Client::connect(Endpoint::unix(&path)).await.unwrap().ping("").await.unwrap(), "PONG");
    assert!(server.stop("TERM").0 && !path.exists());

    fs::write(&path, "of somebody else").unwrap();
    let (code, told) = ended(kvstore().args(["--port", "0", "--unixsocket"]).arg(&path));
    assert!(code == 69 && told.contains("is no socket, and is not replaced"), "{told}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "of somebody else");
}

#[tokio::test]
async fn a_socket_alone_is_listened_on() {
    let scratch = Scratch::new("socket-alone");
    let path = scratch.path("socket");
    let server = Running::start_as_it_is(kvstore().args(["--port", "none", "--unixsocket"]).arg(&path));
    assert_eq!(server.places, [path.to_str().unwrap()]);
    let client = Client::connect(Endpoint::unix(&path)).await.unwrap();
    let list =
        async |words: &[&str]| client.execute(Request::new("CLIENT").with_args(words)).await.unwrap().to_string();
    assert!(list(&["INFO"]).await.contains(" flags=U "));
    for idle in ["0", "-1"] {
        assert_eq!(list(&["LIST", "IDLE", idle]).await, "-ERR idle should be greater than 0");
    }
}

#[tokio::test]
async fn clients_are_as_many_as_the_limit_of_files_allows() {
    let mut shell = Command::new("sh");
    let program = format!("ulimit -n 100; exec {} --max-clients 1000 \"$@\"", env!("CARGO_BIN_EXE_kvstore"));
    shell.env_clear().env("KVSTORE_APPENDONLY", "no").args(["-c", &program, "kvstore"]);
    let server = Running::start(&mut shell);
    assert!(server.log.contains("the limit of open files is too low for --max-clients"), "{}", server.log);
    let place = &*server.places[0];
    let mut clients = vec![Client::connect(place).await.unwrap()];
    let get = Request::new("CONFIG").with_args(["GET", "maxclients"]);
    let most = clients[0].execute(get).await.unwrap().to_string();
    let most: usize = most.split('"').nth(3).unwrap().parse().unwrap();
    assert!((2..100).contains(&most), "{most}");
    for _ in 1..most {
        clients.push(Client::connect(place).await.expect("there is room"));
    }
    let refusal = clients[0].execute(Request::new("CONFIG").with_args(["SET", "maxclients", "1000"])).await;
    let refusal = refusal.unwrap().to_string();
    assert!(refusal.ends_with(&format!("the specified number of clients, try with {most}")), "{refusal}");
    let one_more = async { Client::connect(place).await?.ping("").await };
    let refused = one_more.await.unwrap_err().to_string();
    assert!(refused.contains("max number of clients reached"), "{refused}");
    assert_eq!(clients[0].ping("").await.unwrap(), "PONG");
}

#[tokio::test]
async fn the_environment_of_kubernetes_is_no_setting() {
    let scratch = Scratch::new("kubernetes");
    let file = scratch.file("kvstore.toml", "port = 0\n");
    let mut command = kvstore();
    command.arg("--config").arg(file).envs([
        ("KVSTORE_SERVICE_HOST", "10.0.0.1"),
        ("KVSTORE_SERVICE_PORT", "6379"),
        ("KVSTORE_PORT", "tcp://10.0.0.1:6379"),
        ("KVSTORE_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
        ("KVSTORE_PORT_6379_TCP_PROTO", "tcp"),
        ("KVSTORE_PORT_6379_TCP_PORT", "6379"),
        ("KVSTORE_PORT_6379_TCP_ADDR", "10.0.0.1"),
        ("KVSTORE_REQUIREPAS", "secret"),
        ("KVSTORE_PROT", "7000"),
        ("KVSTORE_WAREHOUSE", "north"),
    ]);
    let server = Running::start_as_it_is(&mut command);
    assert!(
        server.log.contains("KVSTORE_PORT=tcp://10.0.0.1:6379 is that of a service of Kubernetes"),
        "{}",
        server.log
    );
    for unknown in ["REQUIREPAS is no setting; KVSTORE_REQUIREPASS is one", "PROT is no setting; KVSTORE_PORT is one"] {
        assert!(server.log.contains(&format!("environment variable KVSTORE_{unknown}")), "{}", server.log);
    }
    assert!(server.log.contains("KVSTORE_WAREHOUSE is no setting: `kvstore --help`"), "{}", server.log);
    assert_eq!(server.log.matches("WARN").count(), 4, "{}", server.log);
    assert!(!server.places[0].ends_with(":6379"));
}

#[test]
fn files_with_mistakes_are_told_with_their_lines() {
    let scratch = Scratch::new("mistakes");
    for (name, content, told) in [
        ("a.toml", "port = \n", &["a.toml: TOML parse error at line 1"][..]),
        ("b.toml", "\nprot = 1\n", &["b.toml:2: there is no setting `prot`; `port` is one"]),
        ("c.toml", "[server]\nport = 1\n", &["c.toml:1: `server` is"]),
        (
            "d.toml",
            "port = 70000\ntimeout = \"soon\"\n",
            &["d.toml:1: invalid value '70000'", "d.toml:2: invalid value 'soon'"],
        ),
        ("e.toml", "appendonly = \"maybe\"\n", &["e.toml:1: invalid value 'maybe'"]),
        ("a.conf", "maxclients 5 6\n", &["a.conf:1: wrong number of arguments of `maxclients`"]),
        (
            "h.conf",
            "port\nrequirepass old # x\nrequirepas a b\n",
            &[
                "h.conf:1: wrong number of arguments of `port`\n",
                "h.conf:2: wrong number of arguments of `requirepass`; a value with spaces is in quotes",
                "h.conf:3: there is no setting `requirepas`",
            ],
        ),
        ("b.conf", "requirepass \"a\n", &["b.conf:1: the quotes are not balanced"]),
        ("c.conf", "# one\ncluster-enabled yes\n", &["c.conf:2: `cluster-enabled yes`: there is no cluster mode"]),
        (
            "d.conf",
            "maxclient 5\nuser ada on\n",
            &["d.conf:1: there is no setting `maxclient`", "d.conf:2: `user ada on`"],
        ),
        ("e.conf", "include /no/such.conf\n", &["e.conf:1: cannot read /no/such.conf"]),
        ("f.conf", "hash-max-listpack-entries many\n", &["f.conf:1: invalid value 'many'"]),
        (
            "g.conf",
            "hz 1000\nmaxmemory 1gb\n",
            &[
                "g.conf:1: invalid value '1000' for '--hz <VALUE>': argument must be between 1 and 500 inclusive",
                "g.conf:2: invalid value '1gb' for '--maxmemory <VALUE>': a limit of the memory, and eviction, are not available",
            ],
        ),
    ] {
        let (code, text) = ended(kvstore().arg("--config").arg(scratch.file(name, content)));
        assert_eq!(code, 78, "{text}");
        told.iter().for_each(|told| assert!(text.contains(told), "{told}: {text}"));
    }
    let (code, text) = ended(kvstore().args(["--config", "/no/such.toml"]));
    assert!(code == 78 && text.contains("cannot read /no/such.toml"), "{text}");
}

#[tokio::test]
async fn a_file_may_have_texts_for_numbers_and_numbers_for_texts() {
    let scratch = Scratch::new("toml");
    let text = "bind = \"127.0.0.1\"\nport = \"0\"\nmaxclients = \"7\"\nrequirepass = 1234\nmax-request-args = 100\nproto-max-bulk-len = \"2mb\"\n\
                hash-max-listpack-entries = 5\nclient-output-buffer-limit = [\"normal 1mb 0 0\", \"pubsub 5 4 3\"]\n";
    let server = Running::start_as_it_is(kvstore().arg("--config").arg(scratch.file("kvstore.toml", text)));
    let place = format!("redis://:1234@{}", server.places[0]);
    for (name, value) in [
        ("maxclients", "7"),
        ("max-request-args", "100"),
        ("proto-max-bulk-len", "2097152"),
        ("hash-max-listpack-entries", "5"),
        ("client-output-buffer-limit", "normal 1048576 0 0 slave 268435456 67108864 60 pubsub 5 4 3"),
    ] {
        assert_eq!(config(&place, name).await, value, "{name}");
    }
}

/// What the files that Redis 7.0 and Valkey 9.1 are packaged with set, without their comments.
const PACKAGED: &str = "
protected-mode yes
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize yes
pidfile /run/redis/redis-server.pid
loglevel notice
logfile /var/log/redis/redis-server.log
databases 16
always-show-logo no
set-proc-title yes
proc-title-template \"{title} {listen-addr} {server-mode}\"
locale-collate \"\"
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-disable-tcp-nodelay no
replica-priority 100
dual-channel-replication-enabled no
acllog-max-len 128
lazyfree-lazy-eviction no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
appendonly no
appendfilename \"appendonly.aof\"
appenddirname \"appendonlydir\"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events \"\"
hash-max-listpack-entries 512
hash-max-ziplist-value 64
list-max-listpack-size -2
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
jemalloc-bg-thread yes
";

#[test]
fn data_that_a_cache_does_not_read_is_told_of() {
    let scratch = Scratch::new("unread");
    let data = scratch.path("data");
    let start = |journal| Running::start(kvstore().arg("--dir").arg(&data).args(["--appendonly", journal]));
    assert!(start("yes").stop("TERM").0);
    start("no").line_with("has data that is not read");
}

#[tokio::test]
async fn a_redis_conf_is_read_as_it_is() {
    let scratch = Scratch::new("redis-conf");
    scratch.file("part.conf", "maxclients 70\n");
    let (parts, data) = (scratch.path("p*.conf"), scratch.path("data"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("dump.rdb"), "of another server").unwrap();
    let text = format!(
        "# a comment\nbind 127.0.0.1 -203.0.113.1\nport 7000\ninclude {}\ndir {}\n{PACKAGED}maxclients 71\nhz 100\nlog-format legacy\nrequirepass \"a b\"\n",
        parts.display(),
        data.display()
    );
    let file = scratch.file("redis.conf", &text);
    let mut command = kvstore();
    let mut server = Running::start(command.env_remove("KVSTORE_APPENDONLY").arg("--config").arg(file));
    server.line_with("dump.rdb is not read");
    assert_eq!(server.places.len(), 1);
    assert_eq!(server.log.matches("daemonize").count(), 1, "{}", server.log);
    assert!(!server.log.contains("lazyfree"), "{}", server.log);
    let place = format!("redis://:a%20b@{}", server.places[0]);
    for (name, value) in [
        ("maxclients", "71"),
        ("tcp-backlog", "511"),
        ("hash-max-listpack-entries", "512"),
        ("hash-max-listpack-value", "64"),
        ("hz", "100"),
        ("oom-score-adj-values", "0 200 800"),
        ("log-format", "legacy"),
        ("appendonly", "no"),
        // What Redis does without a line for it.
        ("save", "3600 1 300 100 60 10000"),
        ("dir", data.to_str().unwrap()),
    ] {
        assert_eq!(config(&place, name).await, value, "{name}");
    }
}

#[test]
fn the_file_that_redis_is_packaged_with_is_well() {
    let (file, data) = ("/etc/redis/redis.conf", Scratch::new("packaged"));
    if fs::read_to_string(file).is_err() {
        return eprintln!("skipped: there is no {file}");
    }
    let (code, text) = ended(kvstore().args(["--check", "--config", file, "--dir"]).arg(data.path("data")));
    assert!(code == 0 && text.contains("databases = 16  (/etc/redis/redis.conf:"), "{text}");
}

#[test]
fn the_check_says_what_is_set_from_where_and_all_that_is_wrong() {
    let scratch = Scratch::new("check");
    let data = scratch.path("data");
    // The check listens on them.
    let (port, other) = (free_port(), free_port());
    let file = scratch.file("kvstore.toml", &format!("port = {port}\ntimeout = 5\nrequirepass = \"secret\"\n"));
    let check = |args: &[&str]| ended(kvstore().args(args).arg("--config").arg(&file).arg("--check"));
    let (code, text) = check(&["--port", &other.to_string(), "--dir", data.to_str().unwrap()]);
    let file_name = file.display();
    for line in [
        format!("port = {other}  (command line)\n"),
        format!("port = {port}  ({file_name}:1, overridden)\n"),
        format!("timeout = 5  ({file_name}:2)\n"),
        "appendonly = no  (environment variable KVSTORE_APPENDONLY)\n".to_owned(),
        "all is well\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    assert!(code == 0 && !text.contains("secret") && !data.exists(), "{text}");

    let (code, text) = check(&["--max-clients", "0", "--log", "kvstore=loud"]);
    assert!(code == 78 && text.matches("wrong: ").count() == 2, "{text}");
    let (code, text) = check(&["--import", "/no/such/file", "--unixsocket", file.to_str().unwrap()]);
    assert!(code == 78 && text.matches("wrong: ").count() == 2, "{text}");
}

#[test]
fn the_check_tries_the_start_and_leaves_nothing() {
    let scratch = Scratch::new("obstacles");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (file, socket) = (scratch.file("file", ""), scratch.path("socket"));
    let check =
        |args: &[&str]| ended(kvstore().env("KVSTORE_PORT", "0").args(["--check", "--appendonly", "yes"]).args(args));
    let (below_file, new) = (file.join("data"), scratch.path("new/data"));
    let [below_file, new, socket] = [&below_file, &new, &socket].map(|path| path.to_str().unwrap());
    for (args, wrong) in [
        (&["--dir", below_file][..], &["dir: "][..]),
        (&["--dir", "/proc"], &["dir: /proc: "]),
        (&["--dir", "/proc/data", "--port", &port], &["dir: /proc/data: ", "Address already in use"]),
        (&["--bind", "203.0.113.1 127.0.0.1", "--dir", new], &["cannot listen on 203.0.113.1:0"]),
        (&["--bind", "-203.0.113.1", "--dir", new], &["there is no address to listen on"]),
        (&["--unixsocket", "/nowhere/socket", "--dir", new], &["cannot listen on /nowhere/socket"]),
        (
            &["--tls-port", &port, "--tls-cert-file", "/no/cert", "--tls-key-file", "/no/key", "--dir", new],
            &["/no/cert: it cannot", "/no/key: it cannot", "tls-ca-cert-file is missing", "Address already in use"],
        ),
    ] {
        let (code, text) = check(args);
        assert_eq!(text.matches("wrong: ").count(), wrong.len(), "{text}");
        assert!(code == 78 && wrong.iter().all(|wrong| text.contains(wrong)), "{text}");
    }
    drop(UnixListener::bind(socket).unwrap());
    let (code, text) = check(&["--dir", new, "--unixsocket", socket]);
    assert!(code == 0, "{text}");
    // The socket of a server that is gone is there still.
    let left: Vec<_> = fs::read_dir(&scratch.0).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.len() == 2 && scratch.path("socket").exists(), "{left:?}");

    let server = Running::start(kvstore().args(["--appendonly", "yes", "--dir", new]));
    let (code, text) = check(&["--dir", new]);
    assert!(code == 78 && text.contains("another process uses the directory"), "{text}");
    assert!(server.stop("TERM").0);
}

#[tokio::test]
async fn the_level_of_the_log_changes_what_is_logged() {
    let mut server = Running::start(&mut kvstore());
    let place = server.places[0].clone();
    assert_eq!(config(&place, "loglevel").await, "notice");
    for (level, key) in [("warning", "one"), ("debug", "two"), ("notice", "three")] {
        assert_eq!(ask(&place, &["CONFIG", "SET", "loglevel", level]).await, "+OK");
        assert_eq!(config(&place, "loglevel").await, level);
        ask(&place, &["STRLEN", key]).await;
    }
    let refusal = ask(&place, &["CONFIG", "SET", "loglevel", "kvstore=loud"]).await;
    assert!(refusal.starts_with("-ERR CONFIG SET failed (possibly related to argument 'loglevel')"), "{refusal}");
    server.signal("TERM");
    server.line_with("kvstore has stopped");
    assert_eq!(server.log.matches("STRLEN").count(), 1, "{}", server.log);
}

#[tokio::test]
async fn what_is_set_at_the_start_only_is_refused_in_words() {
    let server = Running::start(&mut kvstore());
    let set = async |name: &str, value: &str| ask(&server.places[0], &["CONFIG", "SET", name, value]).await;
    for name in ["port", "bind", "tls-port", "dir", "databases", "linger"] {
        let refusal = set(name, "17").await;
        assert!(refusal.ends_with("can't set immutable config: it is set at the start only"), "{refusal}");
    }
    assert!(set("save", "60 1").await.contains("there is no directory"));
    assert_eq!(set("save", "").await, "+OK");
    for (name, value) in [("shutdown-timeout", "17"), ("tls-auth-clients", "no"), ("tls-cert-file", "a.crt")] {
        assert_eq!((set(name, value).await, config(&server.places[0], name).await), ("+OK".into(), value.into()));
    }
    assert!(set("tls-auth-clients", "maybe").await.contains("maybe is not yes, optional or no"));
    assert_eq!(config(&server.places[0], "tls-protocols").await, "TLSv1.2 TLSv1.3");
}

#[tokio::test]
async fn the_time_of_a_shutdown_can_be_set() {
    let server = Running::start(kvstore().args(["--shutdown-timeout", "1h"]));
    let mut stream = TcpStream::connect(&server.places[0]).unwrap();
    // In the middle of a request, so that the shutdown waits for it.
    stream.write_all(b"BLPOP k 0\r\n").unwrap();
    assert_eq!(ask(&server.places[0], &["CONFIG", "SET", "shutdown-timeout", "0"]).await, "+OK");
    assert!(server.stop("TERM").0);
}

#[tokio::test]
async fn the_configuration_is_written_to_the_file_that_it_came_from() {
    let scratch = Scratch::new("rewrite");
    for (name, before, after) in [
        (
            "redis.conf",
            "# mine\nport 0\nbind 127.0.0.1\nmaxclients 50\n# the end\n",
            "# mine\nport 0\nbind 127.0.0.1\nmaxclients 60\n# the end\n# Generated by CONFIG REWRITE\ntimeout 9\n",
        ),
        (
            "kvstore.toml",
            "# mine\nport = 0\nmax-clients = 50 # few\n# the end\n",
            "# mine\nport = 0\nmax-clients = 60 # few\ntimeout = 9\n# the end\n",
        ),
    ] {
        let file = scratch.file(name, before);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let data = scratch.path("data");
        let start = || Running::start(kvstore().env("KVSTORE_DIR", &data).arg("--config").arg(&file));
        let server = start();
        let place = &*server.places[0];
        assert_eq!(ask(place, &["CONFIG", "SET", "maxclients", "60", "timeout", "9"]).await, "+OK");
        assert_eq!(fs::read_to_string(&file).unwrap(), before);
        assert_eq!(ask(place, &["CONFIG", "REWRITE"]).await, "+OK");
        assert_eq!(fs::read_to_string(&file).unwrap(), after);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(server.stop("TERM").0);
        let server = start();
        assert_eq!(config(&server.places[0], "maxclients").await, "60");
        assert_eq!(config(&server.places[0], "timeout").await, "9");
    }
    let server = Running::start(&mut kvstore());
    let answer = ask(&server.places[0], &["CONFIG", "REWRITE"]).await;
    assert_eq!(answer, "-ERR The server is running without a config file");
}

#[tokio::test]
async fn every_bound_is_a_flag_and_a_parameter() {
    for (name, value, shown) in [
        ("timeout", "5m", "300"),
        ("tcp-keepalive", "60", "60"),
        ("tcp-backlog", "7", "7"),
        ("max-request-args", "100", "100"),
        ("max-request-bytes", "1mb", "1048576"),
        ("max-inline-bytes", "1kb", "1024"),
        ("reply-buffer-limit", "1mb", "1048576"),
        ("slow-reader-timeout", "1m", "60"),
        ("slow-sender-limit", "1kb 30", "1024 30"),
        ("unauthenticated-limits", "20 1kb 2kb", "20 1kb 2kb"),
        ("unauthenticated-sender", "1kb 30s", "1kb 30s"),
        ("unauthenticated-buffer", "8kb", "8192"),
        ("query-buffer-timeout", "10s", "10"),
        ("slot-patience", "10s", "10"),
        ("max-rejecting", "5", "5"),
        ("linger", "100ms", "100ms"),
        ("shutdown-timeout", "2s", "2"),
    ] {
        let variable = format!("KVSTORE_{}", name.to_uppercase().replace('-', "_"));
        let server = Running::start(kvstore().env(variable, value));
        assert_eq!(config(&server.places[0], name).await, shown, "{name}");
    }
}

#[test]
fn limits_before_a_client_authenticates_are_settings() {
    let server = Running::start(kvstore().args(["--requirepass", "secret", "--unauthenticated-limits", "3 16kb 64kb"]));
    let mut stream = TcpStream::connect(&server.places[0]).expect("it listens");
    stream.write_all(b"*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$5\r\nwrong\r\n*4\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it closes");
    assert!(text.starts_with("-WRONGPASS") && text.contains("unauthenticated multibulk length"), "{text}");
}

#[tokio::test]
async fn a_hangup_does_not_end_it() {
    let mut server = Running::start(&mut kvstore());
    server.signal("HUP");
    server.line_with("SIGHUP");
    assert_eq!(ask(&server.places[0], &["PING"]).await, "+PONG");
    assert!(server.stop("TERM").0);
}

#[test]
fn the_first_line_says_what_listens_is_durable_and_protected() {
    let scratch = Scratch::new("first-line");
    let data = scratch.path("data");
    for (args, told) in [
        (&["--appendonly", "no"][..], &["data=memory", "protection=\"no clients from other machines\""][..]),
        (&["--appendonly", "no", "--protected-mode", "no"], &["protection=\"none\""]),
        (
            &["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "secret"],
            &["(always)", "protection=\"password\""],
        ),
    ] {
        let server = Running::start(kvstore().args(args).arg("--dir").arg(&data));
        told.iter().for_each(|told| assert!(server.log.contains(told), "{told}: {}", server.log));
        assert!(!server.log.contains("secret") && server.stop("TERM").0);
    }
}

#[test]
fn a_fatal_error_is_an_object_in_a_log_of_objects() {
    let scratch = Scratch::new("fatal");
    let file = scratch.file("kvstore.toml", "log-format = \"json\"\nport = 70000\ntimeout = \"soon\"\n");
    for (command, code, words) in [
        (kvstore().args(["--log-format", "json", "--log", "off", "--bind", "203.0.113.1"]), 69, &["203.0.113.1"][..]),
        (kvstore().args(["--log-format", "json", "--port", "70000"]), 78, &["70000"]),
        (kvstore().args(["--log-format=json", "--no-such-flag"]), 2, &["--no-such-flag"]),
        (kvstore().env("KVSTORE_LOG_FORMAT", "json").arg("--no-such-flag"), 2, &["--no-such-flag"]),
        (kvstore().arg("--config").arg(&file), 78, &["kvstore.toml:2", "kvstore.toml:3"]),
    ] {
        let (found, text) = ended(command);
        let lines: Vec<_> = text.lines().collect();
        assert!(found == code && lines.len() == words.len(), "{found} {text}");
        for (line, word) in lines.into_iter().zip(words) {
            assert!(line.starts_with("{\"timestamp\":\"") && line.ends_with('}'), "{line}");
            assert!(line.contains("\"level\":\"ERROR\"") && line.contains(word), "{line}");
        }
    }
}

#[test]
fn lines_of_the_log_are_objects_if_that_is_set() {
    let mut server = Running::start(kvstore().args(["--log-format", "json"]));
    server.signal("HUP");
    server.line_with("SIGHUP");
    let first = server.log.lines().next().unwrap();
    assert!(first.starts_with("{\"timestamp\":\"") && first.ends_with('}'), "{first}");
    assert!(first.contains("\"level\":\"INFO\"") && first.contains("\"data\":\"memory\""), "{first}");
}

/// A supervisor at an address of its own, and that address as `NOTIFY_SOCKET` has it.
fn supervisors(scratch: &Scratch) -> [(UnixDatagram, String); 2] {
    let (path, name) = (scratch.path("notify"), format!("kvstore-notify-{}", std::process::id()));
    let in_file_system = UnixDatagram::bind(&path).expect("a socket");
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    [
        (in_file_system, path.display().to_string()),
        (UnixDatagram::bind_addr(&address).expect("a socket"), format!("@{name}")),
    ]
}

#[test]
fn a_supervisor_is_told_of_the_start_the_life_and_the_end() {
    let scratch = Scratch::new("supervisor");
    let data = scratch.path("data");
    for (supervisor, place) in supervisors(&scratch) {
        supervisor.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let until = |text: &str| {
            let mut told = String::new();
            let mut message = [0; 4096];
            while !told.lines().any(|line| line == text) {
                let read = supervisor.recv(&mut message).unwrap();
                told.push_str(std::str::from_utf8(&message[..read]).unwrap());
                told.push('\n');
            }
            told
        };
        let mut command = kvstore();
        command.env("NOTIFY_SOCKET", place).env("WATCHDOG_USEC", "20000").arg("--dir").arg(&data);
        let server = Running::start(command.args(["--appendonly", "yes"]));
        let told = until("READY=1");
        assert!(told.contains("STATUS=loading"), "{told}");
        until("WATCHDOG=1");
        until("WATCHDOG=1");
        server.signal("TERM");
        until("STOPPING=1");
        assert!(server.wait().0);
    }
}

#[test]
fn exit_codes_say_why() {
    let scratch = Scratch::new("exit-codes");
    let data = scratch.path("data");
    let start = |directory: &Path| {
        let mut command = kvstore();
        command.args(["--appendonly", "yes", "--port", "0", "--threads", "1", "--dir"]).arg(directory);
        command
    };
    let server = Running::start_as_it_is(&mut start(&data));
    let (code, text) = ended(&mut start(&data));
    assert!(code == 75 && text.contains("another process uses the directory"), "{text}");
    assert!(server.stop("TERM").0);
    let (code, text) = ended(&mut start(&scratch.file("file", "")));
    assert_eq!(code, 74, "{text}");
    assert_eq!(ended(kvstore().arg("--no-such-flag")).0, 2);
    assert_eq!(ended(kvstore().args(["--port", "x"])).0, 78);

    let journal = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path());
    let journal = journal.filter(|file| file.is_file() && fs::metadata(file).unwrap().len() > 0);
    for file in journal {
        fs::write(&file, "this is no journal of this program, and long enough to be one").unwrap();
    }
    let (code, text) = ended(&mut start(&data));
    assert!(code == 65 && text.contains("kvstore check"), "{code} {text}");
}
