//! The options of the program: from flags, environment variables and a TOML file, in this order of precedence.

use std::{fs, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser};
use kvstore::store::{Compression, Fsync};
use serde::{Deserialize, Deserializer};

use crate::transfer::Transfer;

/// A key-value server that speaks the protocol of Redis (RESP2 and RESP3) and a small binary protocol.
///
/// Every option can also be set by an environment variable, or in a TOML file by the name of the flag without its dashes
/// (max-clients = 500). A flag overrides the environment, and the environment overrides the file. In the file a time is a
/// number of seconds or a text with a unit ("250ms"), and bind is an array.
#[derive(Clone, Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) transfer: Option<Transfer>,
    #[command(flatten)]
    pub(crate) config: Config,
}

/// The options of the server.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Config {
    /// The TOML file to read options from
    #[arg(long, short, env = "KVSTORE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,

    /// An address or host name to listen on; repeat it or separate by commas for several [default: 127.0.0.1]
    #[arg(long, env = "KVSTORE_BIND", value_name = "ADDRESS", value_delimiter = ',')]
    bind: Option<Vec<String>>,

    /// The TCP port to listen on; 0 picks a free one [default: 6379]
    #[arg(long, short, env = "KVSTORE_PORT")]
    port: Option<u16>,

    /// The path of a Unix socket to listen on, besides TCP
    #[arg(long, env = "KVSTORE_UNIXSOCKET", value_name = "PATH")]
    unixsocket: Option<PathBuf>,

    /// The permissions of the Unix socket, in octal such as 700 [default: those of the umask]
    #[arg(long, env = "KVSTORE_UNIXSOCKETPERM", value_name = "MODE", value_parser = permissions)]
    #[serde(deserialize_with = "permissions_in_file")]
    unixsocketperm: Option<u32>,

    /// The password that clients must send with AUTH; none is required by default
    #[arg(long, env = "KVSTORE_REQUIREPASS", value_name = "PASSWORD", hide_env_values = true)]
    requirepass: Option<String>,

    /// Refuse connections from other machines as long as no password is set [default: yes]
    #[arg(long, env = "KVSTORE_PROTECTED_MODE", value_name = "yes|no", value_parser = yes_or_no, action = ArgAction::Set)]
    #[serde(deserialize_with = "flag")]
    protected_mode: Option<bool>,

    /// The maximum number of connected clients; more are refused [default: 10000]
    #[arg(long, env = "KVSTORE_MAX_CLIENTS", value_name = "NUMBER")]
    max_clients: Option<usize>,

    /// Close a connection that is idle for this long, such as 300 (seconds) or 5m; 0 for never [default: 0]
    #[arg(long, env = "KVSTORE_TIMEOUT", value_name = "TIME", value_parser = duration)]
    #[serde(deserialize_with = "time")]
    timeout: Option<Duration>,

    /// The deadline of a command, such as 10 (seconds) or 250ms; 0 for none [default: 10s]
    #[arg(long, env = "KVSTORE_COMMAND_TIMEOUT", value_name = "TIME", value_parser = duration)]
    #[serde(deserialize_with = "time")]
    command_timeout: Option<Duration>,

    /// The maximum number of commands in flight, over all connections; more wait [default: 10000]
    #[arg(long, env = "KVSTORE_MAX_COMMANDS", value_name = "NUMBER")]
    max_commands: Option<usize>,

    /// The maximum number of commands in flight on one connection [default: 1]
    #[arg(long, env = "KVSTORE_MAX_IN_FLIGHT", value_name = "NUMBER")]
    max_in_flight: Option<usize>,

    /// Log commands that take this long or longer as slow, such as 10ms; 0 for never [default: 0]
    #[arg(long, env = "KVSTORE_SLOW", value_name = "TIME", value_parser = duration)]
    #[serde(deserialize_with = "time")]
    slow: Option<Duration>,

    /// The log level: error, warn, info, debug (one line for each command), trace, or a filter such as kvstore=debug
    /// [default: info]
    #[arg(long, env = "KVSTORE_LOG", value_name = "FILTER")]
    log: Option<String>,

    /// The number of worker threads [default: the number of processors]
    #[arg(long, env = "KVSTORE_THREADS", value_name = "NUMBER")]
    threads: Option<usize>,

    /// The number of databases that SELECT can choose from [default: 16]
    #[arg(long, env = "KVSTORE_DATABASES", value_name = "NUMBER")]
    databases: Option<usize>,

    /// The directory of the journal and of snapshots, which is created if it is missing [default: kvstore-data]
    #[arg(long, env = "KVSTORE_DIR", value_name = "DIRECTORY")]
    dir: Option<PathBuf>,

    /// Keep every change in a journal on disk, which snapshots replace when it has grown; with no, and without save points, the
    /// server is a cache [default: yes]
    #[arg(long, env = "KVSTORE_APPENDONLY", value_name = "yes|no", value_parser = yes_or_no, action = ArgAction::Set)]
    #[serde(deserialize_with = "flag")]
    appendonly: Option<bool>,

    /// When the journal is synced: before each answer, once a second, or when the system chooses [default: everysec]
    #[arg(long, env = "KVSTORE_APPENDFSYNC", value_name = "always|everysec|no", value_parser = fsync)]
    #[serde(deserialize_with = "fsync_in_file")]
    appendfsync: Option<Fsync>,

    /// Take a snapshot after so many seconds and changes, such as "3600 1 300 100"; "" for never [default: ""]
    #[arg(long, env = "KVSTORE_SAVE", value_name = "SECONDS CHANGES …", value_parser = save_points)]
    #[serde(deserialize_with = "save_points_in_file")]
    save: Option<SavePoints>,

    /// How snapshots are compressed: zstd takes longer than lz4, and makes smaller files [default: lz4]
    #[arg(long, env = "KVSTORE_SNAPSHOT_COMPRESSION", value_name = "none|lz4|zstd", value_parser = compression)]
    #[serde(deserialize_with = "compression_in_file")]
    snapshot_compression: Option<Compression>,

    /// The keyspace events to publish, by the letters that Redis has for them, such as KEA; none by default
    #[arg(long, env = "KVSTORE_NOTIFY_KEYSPACE_EVENTS", value_name = "LETTERS")]
    notify_keyspace_events: Option<String>,

    /// An RDB file, append-only file or directory of these to load before serving, into a store without keys
    #[arg(long, env = "KVSTORE_IMPORT", value_name = "FILE")]
    import: Option<PathBuf>,

    /// Follow this master as its replica, such as "10.0.0.1 6379"; REPLICAOF NO ONE ends it
    #[arg(long, env = "KVSTORE_REPLICAOF", value_name = "HOST PORT")]
    replicaof: Option<String>,

    /// The user that a replica identifies itself with at its master
    #[arg(long, env = "KVSTORE_MASTERUSER", value_name = "USER")]
    masteruser: Option<String>,

    /// The password of a replica at its master
    #[arg(long, env = "KVSTORE_MASTERAUTH", value_name = "PASSWORD", hide_env_values = true)]
    masterauth: Option<String>,
}

/// After how much time, and how many changes, a snapshot is taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SavePoints(pub(crate) Vec<(Duration, u64)>);

/// The options, with the file read and the defaults filled in.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) bind: Vec<String>,
    pub(crate) port: u16,
    pub(crate) unixsocket: Option<PathBuf>,
    pub(crate) unixsocketperm: Option<u32>,
    pub(crate) requirepass: Option<String>,
    pub(crate) protected_mode: bool,
    pub(crate) max_clients: usize,
    pub(crate) timeout: Option<Duration>,
    pub(crate) command_timeout: Option<Duration>,
    pub(crate) max_commands: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) slow: Option<Duration>,
    pub(crate) log: String,
    pub(crate) threads: usize,
    pub(crate) databases: usize,
    pub(crate) dir: PathBuf,
    /// When the journal is synced; `None` if there is none.
    pub(crate) journal: Option<Fsync>,
    pub(crate) save: SavePoints,
    pub(crate) snapshot_compression: Compression,
    /// As CONFIG SET takes them.
    pub(crate) notify_keyspace_events: String,
    pub(crate) import: Option<PathBuf>,
    pub(crate) replicaof: Option<(String, u16)>,
    pub(crate) masteruser: String,
    pub(crate) masterauth: String,
}

impl Config {
    /// Reads the file, if one is named, and fills in the defaults.
    ///
    /// # Errors
    /// A message for the operator, when the file cannot be read or an option is invalid.
    pub(crate) fn resolve(self) -> Result<Options, String> {
        let file = match &self.config {
            None => Self::default(),
            Some(path) => {
                let text =
                    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?
            }
        };
        let threads = || std::thread::available_parallelism().map_or(1, usize::from);
        let given = |time: Option<Duration>| time.filter(|time| !time.is_zero());
        let appendonly = self.appendonly.or(file.appendonly).unwrap_or(true);
        let appendfsync = self.appendfsync.or(file.appendfsync).unwrap_or_default();
        let options = Options {
            bind: self.bind.or(file.bind).unwrap_or_else(|| vec!["127.0.0.1".to_owned()]),
            port: self.port.or(file.port).unwrap_or(6379),
            unixsocket: self.unixsocket.or(file.unixsocket),
            unixsocketperm: self.unixsocketperm.or(file.unixsocketperm),
            requirepass: self.requirepass.or(file.requirepass).filter(|password| !password.is_empty()),
            protected_mode: self.protected_mode.or(file.protected_mode).unwrap_or(true),
            max_clients: self.max_clients.or(file.max_clients).unwrap_or(10_000),
            timeout: given(self.timeout.or(file.timeout)),
            command_timeout: given(self.command_timeout.or(file.command_timeout).or(Some(Duration::from_secs(10)))),
            max_commands: self.max_commands.or(file.max_commands).unwrap_or(10_000),
            max_in_flight: self.max_in_flight.or(file.max_in_flight).unwrap_or(1),
            slow: given(self.slow.or(file.slow)),
            log: self.log.or(file.log).unwrap_or_else(|| "info".to_owned()),
            threads: self.threads.or(file.threads).unwrap_or_else(threads),
            databases: self.databases.or(file.databases).unwrap_or(16),
            dir: self.dir.or(file.dir).unwrap_or_else(|| PathBuf::from("kvstore-data")),
            journal: appendonly.then_some(appendfsync),
            save: self.save.or(file.save).unwrap_or_default(),
            snapshot_compression: self.snapshot_compression.or(file.snapshot_compression).unwrap_or_default(),
            notify_keyspace_events: self.notify_keyspace_events.or(file.notify_keyspace_events).unwrap_or_default(),
            import: self.import.or(file.import),
            replicaof: self.replicaof.or(file.replicaof).as_deref().map(master).transpose()?,
            masteruser: self.masteruser.or(file.masteruser).unwrap_or_default(),
            masterauth: self.masterauth.or(file.masterauth).unwrap_or_default(),
        };
        options.check()
    }
}

impl Options {
    fn check(self) -> Result<Self, String> {
        let counts = [
            ("max-clients", self.max_clients),
            ("max-commands", self.max_commands),
            ("max-in-flight", self.max_in_flight),
            ("threads", self.threads),
            ("databases", self.databases),
        ];
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(format!("--{name} must be at least 1")),
            None => Ok(self),
        }
    }
}

/// `300`, `300s`, `5m`, `250ms`: a bare number is seconds, as in Redis.
fn duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}

/// `700`: digits of base 8.
fn permissions(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| "octal digits such as 700".to_owned())
}

fn permissions_in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(deserializer)?;
    permissions(&text).map(Some).map_err(serde::de::Error::custom)
}

/// A host and a port, with a space between them.
fn master(text: &str) -> Result<(String, u16), String> {
    let parsed = text.trim().rsplit_once([' ', ':']).and_then(|(host, port)| Some((host.trim(), port.parse().ok()?)));
    match parsed {
        Some((host, port)) if !host.is_empty() => Ok((host.to_owned(), port)),
        _ => Err(format!("--replicaof {text}: it is no host with a port, such as \"10.0.0.1 6379\"")),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("yes or no".to_owned()),
    }
}

fn fsync(text: &str) -> Result<Fsync, String> {
    match text {
        "always" => Ok(Fsync::Always),
        "everysec" => Ok(Fsync::EverySec),
        "no" => Ok(Fsync::No),
        _ => Err("always, everysec or no".to_owned()),
    }
}

fn compression(text: &str) -> Result<Compression, String> {
    Compression::named(text).ok_or_else(|| format!("{text} is none of none, lz4 and zstd"))
}

fn compression_in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Compression>, D::Error> {
    let text = String::deserialize(deserializer)?;
    compression(&text).map(Some).map_err(serde::de::Error::custom)
}

fn fsync_in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Fsync>, D::Error> {
    let text = String::deserialize(deserializer)?;
    fsync(&text).map(Some).map_err(serde::de::Error::custom)
}

fn save_points(text: &str) -> Result<SavePoints, String> {
    let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
    let numbers = numbers.map_err(|_| "pairs of seconds and changes")?;
    match numbers.as_chunks::<2>() {
        (pairs, []) if pairs.iter().all(|[seconds, _]| *seconds > 0) => {
            Ok(SavePoints(pairs.iter().map(|[seconds, changes]| (Duration::from_secs(*seconds), *changes)).collect()))
        }
        _ => Err("pairs of seconds and changes".to_owned()),
    }
}

fn save_points_in_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SavePoints>, D::Error> {
    let text = String::deserialize(deserializer)?;
    save_points(&text).map(Some).map_err(serde::de::Error::custom)
}

/// A time in the file: a number of seconds, or a text with a unit.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number of seconds, or a text such as \"250ms\"")]
    enum Time {
        Seconds(u64),
        Text(String),
    }
    match Time::deserialize(deserializer)? {
        Time::Seconds(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Time::Text(text) => duration(&text).map(Some).map_err(serde::de::Error::custom),
    }
}

/// A boolean in the file: `true`, `false`, or `yes` and `no` as the flag takes them.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "true, false, \"yes\" or \"no\"")]
    enum Flag {
        Flag(bool),
        Word(String),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Flag(flag) => Ok(Some(flag)),
        Flag::Word(word) => yes_or_no(&word).map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_file_has_the_names_of_the_flags() {
        let config = file(
            "port = 7000\nmax-clients = 5\ntimeout = 30\nslow = \"10ms\"\nprotected-mode = \"no\"\nbind = [\"::1\"]",
        );
        let options = config.unwrap().resolve().unwrap();
        assert_eq!((options.port, options.max_clients, options.protected_mode), (7000, 5, false));
        assert_eq!((options.timeout, options.slow), (Some(Duration::from_secs(30)), Some(Duration::from_millis(10))));
        assert_eq!(options.bind, ["::1"]);
    }

    #[test]
    fn an_unknown_name_in_a_file_is_an_error() {
        assert!(file("prot = 1").unwrap_err().to_string().contains("unknown field `prot`"));
    }

    #[test]
    fn a_count_of_nothing_is_an_error() {
        let config = Config { max_clients: Some(0), ..Config::default() };
        assert_eq!(config.resolve().unwrap_err(), "--max-clients must be at least 1");
    }

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        assert_eq!(duration("300"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("soon").is_err());
    }

    #[test]
    fn a_master_is_a_host_and_a_port() {
        assert_eq!(master("10.0.0.1 6379"), Ok(("10.0.0.1".to_owned(), 6379)));
        assert_eq!(master("some-host:1"), Ok(("some-host".to_owned(), 1)));
        assert!(master("6379").is_err() && master("host port").is_err() && master(" 1").is_err());
    }

    #[test]
    fn there_is_a_journal_unless_it_is_declined() {
        let journal = |text| file(text).unwrap().resolve().unwrap().journal;
        assert_eq!(journal(""), Some(Fsync::EverySec));
        assert_eq!(journal("appendfsync = \"always\""), Some(Fsync::Always));
        assert_eq!(journal("appendonly = \"no\"\nappendfsync = \"always\""), None);
        assert_eq!(journal("appendonly = true"), Some(Fsync::EverySec));
        assert_eq!(journal("appendonly = \"yes\"\nappendfsync = \"always\""), Some(Fsync::Always));
        assert!(file("appendfsync = \"often\"").unwrap_err().to_string().contains("always, everysec or no"));
    }

    #[test]
    fn a_compression_is_chosen_by_its_name() {
        let chosen = |text| file(text).unwrap().resolve().unwrap().snapshot_compression;
        assert_eq!(chosen(""), Compression::Lz4);
        assert_eq!(chosen("snapshot-compression = \"zstd\""), Compression::Zstd);
        assert_eq!(chosen("snapshot-compression = \"none\""), Compression::None);
        assert_eq!(compression("lzf"), Err("lzf is none of none, lz4 and zstd".to_owned()));
    }

    #[test]
    fn save_points_are_pairs() {
        let save = |text| file(text).unwrap().resolve().unwrap().save.0;
        assert_eq!(save("save = \"\""), []);
        assert_eq!(save("save = \"60 1000 5 1\""), [(Duration::from_secs(60), 1000), (Duration::from_secs(5), 1)]);
        assert!(save_points("60").is_err() && save_points("0 1").is_err() && save_points("a b").is_err());
    }

    #[test]
    fn the_flags_are_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
