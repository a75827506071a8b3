//! The settings: the one place where each has its name, its default and its description.
//!
//! A setting is a flag. Its environment variable and its key in a file follow from the name of the flag, and its name for CONFIG is
//! that of its alias, if it has one. What CONFIG SET takes and has no flag of its own here gets one from the list of the store.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{
    Arg, ArgAction, Args, Command, CommandFactory, Parser,
    builder::{OsStringValueParser, TypedValueParser},
};
use kvstore::store::{Fsync, SettableParameter, settable_parameters};

use super::{
    environment::PREFIX,
    values::{
        Addresses, Master, Port, RequestLimits, SavePoints, SendRate, addresses, count, duration, fsync, in_seconds,
        master, permissions, port, request_limits, save_points, send_rate, size, yes_or_no,
    },
};
use crate::{
    exit,
    logging::{Format, filter_of},
    tls::TlsFlags,
    transfer::Transfer,
};

/// A key-value server that speaks the protocol of Redis (RESP2 and RESP3) and a small binary protocol.
///
/// Every option can also be set by an environment variable, or in a file by the name of the flag without its dashes. The file
/// is TOML (max-clients = 500) or a redis.conf (maxclients 500). A flag overrides the environment, and the environment overrides
/// the file. A time is a number of seconds or has a unit (250ms); a size is a number of bytes or has a unit (64mb).
#[derive(Clone, Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true, after_long_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) transfer: Option<Transfer>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// The settings of the server.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// The file to read settings from, TOML or a redis.conf
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print what is set, from where, and what is wrong, and end. What the start does is tried, and undone: nothing stays
    #[arg(long)]
    pub(crate) check: bool,

    /// An address or host name to listen on; repeat it or separate by commas or spaces for several. `*` is all addresses of IPv4, `::*`
    /// all of IPv6; with a `-` in front one that may be missing
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = addresses,
        default_value = "127.0.0.1",
        allow_hyphen_values = true
    )]
    bind: Vec<Addresses>,

    /// The TCP port to listen on; 0 picks a free one, and none is no TCP socket
    #[arg(long, short, value_parser = port, default_value = "6379")]
    pub(crate) port: Port,

    #[command(flatten)]
    pub(crate) tls: TlsFlags,

    /// The path of a Unix socket to listen on, besides TCP
    #[arg(long, value_name = "PATH", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    unixsocket: Option<PathBuf>,

    /// The permissions of the Unix socket, in octal such as 700 [default: those of the umask]
    #[arg(long, value_name = "MODE", value_parser = permissions)]
    pub(crate) unixsocketperm: Option<u32>,

    /// The length of the queue of connections that are not accepted yet; the kernel has a limit of its own
    #[arg(long, value_name = "NUMBER", default_value = "4096", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) tcp_backlog: i32,

    /// The password that clients must send with AUTH; none is required by default
    #[arg(long, value_name = "PASSWORD", hide_env_values = true)]
    pub(crate) requirepass: Option<String>,

    /// Refuse connections from other machines as long as no password is set
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, action = ArgAction::Set, default_value = "yes")]
    pub(crate) protected_mode: bool,

    /// The maximum number of connected clients; more are refused
    #[arg(long, visible_alias = "maxclients", value_name = "NUMBER", value_parser = count, default_value = "10000")]
    pub(crate) max_clients: usize,

    /// When there are as many clients as there may be, a new one takes the place of one that has left a request incomplete, or its
    /// replies unread, for this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub(crate) slot_patience: Duration,

    /// The maximum number of clients that are told at a time why they are refused
    #[arg(long, value_name = "NUMBER", default_value = "64")]
    pub(crate) max_rejecting: usize,

    /// The deadline of a command, such as 10 (seconds) or 250ms; 0 for none
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) command_timeout: Duration,

    /// The maximum number of commands in flight, over all connections; more wait
    #[arg(long, value_name = "NUMBER", value_parser = count, default_value = "10000")]
    pub(crate) max_commands: usize,

    /// The maximum number of commands in flight on one connection
    #[arg(long, value_name = "NUMBER", value_parser = count, default_value = "1")]
    pub(crate) max_in_flight: usize,

    /// The maximum number of commands of one connection whose answers wait for the disk
    #[arg(long, value_name = "NUMBER", default_value = "128")]
    pub(crate) max_settled: usize,

    /// How much is read from a connection with commands in flight, before these are answered
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "256kb")]
    pub(crate) input_buffer: usize,

    /// Close a connection whose requests fill client-query-buffer-limit and that reads none of its replies for this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) query_buffer_timeout: Duration,

    /// The maximum number of pushed messages that wait for a connection
    #[arg(long, value_name = "NUMBER", value_parser = count, default_value = "1024")]
    pub(crate) push_queue: usize,

    /// The maximum size of the pushed messages that wait for a connection without subscriptions
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "32mb")]
    pub(crate) push_buffer: usize,

    /// Close a connection that must authenticate and sends nothing for this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub(crate) unauthenticated_timeout: Duration,

    /// For a client that must authenticate: the most words of a request, the longest word, and the largest request
    #[arg(long, value_name = "NUMBER SIZE SIZE", value_parser = request_limits, default_value = "10 16kb 64kb")]
    pub(crate) unauthenticated_limits: RequestLimits,

    /// The most bytes that wait of the requests, and of the replies, of a client that must authenticate
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16kb")]
    pub(crate) unauthenticated_buffer: usize,

    /// Close a connection that must authenticate and sends less of a request than so much in this time; 0 for never
    #[arg(long, value_name = "SIZE TIME", value_parser = send_rate, default_value = "30kb 30s")]
    pub(crate) unauthenticated_sender: SendRate,

    /// How long a connection that is closed stays open for its client to read the last replies
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "500ms")]
    pub(crate) linger: Duration,

    /// The longest time that a shutdown waits for commands in flight
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub(crate) shutdown_timeout: Duration,

    /// Log commands that take this long or longer as slow, such as 10ms; 0 for never
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0")]
    pub(crate) slow: Duration,

    /// The log level: error, warn, info, debug (one line for each command), trace, or a filter such as kvstore=debug
    #[arg(long, visible_alias = "loglevel", value_name = "FILTER", value_parser = filter_of, default_value = "info")]
    pub(crate) log: String,

    /// The format of the lines of the log, which go to standard error
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) log_format: Format,

    /// The number of worker threads [default: the number of processors]
    #[arg(long, visible_alias = "io-threads", value_name = "NUMBER", value_parser = count)]
    pub(crate) threads: Option<usize>,

    /// The number of databases that SELECT can choose from
    #[arg(long, value_name = "NUMBER", value_parser = count, default_value = "16")]
    pub(crate) databases: usize,

    /// The directory of the journal and of snapshots, which is created if it is missing
    #[arg(long, value_name = "DIRECTORY", default_value = "kvstore-data")]
    pub(crate) dir: PathBuf,

    /// Keep every change in a journal on disk, which snapshots replace when it has grown; with no, and without save points, the
    /// server is a cache
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, action = ArgAction::Set, default_value = "yes")]
    pub(crate) appendonly: bool,

    /// When the journal is synced: before each answer, once a second, or when the system chooses
    #[arg(long, value_name = "always|everysec|no", value_parser = fsync, default_value = "everysec")]
    pub(crate) appendfsync: Fsync,

    /// Take a snapshot after so many seconds and changes, such as "3600 1 300 100"; repeat it for several, "" drops those
    /// before; none by default
    #[arg(long, value_name = "SECONDS CHANGES …", value_parser = save_points)]
    save: Vec<SavePoints>,

    /// An RDB file, append-only file or directory of these to load before serving, into a store without keys
    #[arg(long, value_name = "FILE")]
    pub(crate) import: Option<PathBuf>,

    /// Follow this master as its replica, such as "10.0.0.1 6379"; REPLICAOF NO ONE ends it
    #[arg(long, alias = "slaveof", value_name = "HOST PORT", value_parser = master)]
    pub(crate) replicaof: Option<Master>,
}

impl Flags {
    /// The addresses and host names to listen on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        self.bind.iter().flat_map(|Addresses(addresses)| addresses.iter().map(String::as_str))
    }

    /// The number of worker threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// When the journal is synced; `None` if there is none.
    pub(crate) fn journal(&self) -> Option<Fsync> {
        self.appendonly.then_some(self.appendfsync)
    }

    /// The save points: those that come after the last empty list.
    pub(crate) fn save_points(&self) -> impl Iterator<Item = (Duration, u64)> {
        let first = self.save.iter().rposition(|SavePoints(points)| points.is_empty()).map_or(0, |empty| empty + 1);
        self.save[first..].iter().flat_map(|SavePoints(points)| points.iter().copied())
    }

    /// Whether there is a journal, or there are snapshots.
    pub(crate) fn is_durable(&self) -> bool {
        self.appendonly || self.save_points().next().is_some()
    }

    /// The path of the Unix socket, if there is one.
    pub(crate) fn unixsocket(&self) -> Option<&Path> {
        self.unixsocket.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// The password of the default user, if one is required.
    pub(crate) fn password(&self) -> Option<&str> {
        self.requirepass.as_deref().filter(|password| !password.is_empty())
    }
}

/// The command line, with the environment variable of each setting.
pub(crate) fn command() -> Command {
    let command = Arguments::command();
    let parameters = settable_parameters().filter(|parameter| find(&command, parameter.name).is_none());
    let parameters: Vec<_> = parameters.map(argument).collect();
    command.args(parameters).mut_args(|arg| match arg.get_long() {
        Some(long) if arg.get_action().takes_values() => {
            let variable = variable(long);
            arg.env(variable)
        }
        _ => arg,
    })
}

/// The environment variable of a flag.
fn variable(long: &str) -> String {
    format!("{PREFIX}{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// The argument of a name or an alias.
pub(crate) fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| names(arg).any(|known| known == name))
}

/// The names of an argument.
pub(crate) fn names(arg: &Arg) -> impl Iterator<Item = &str> {
    arg.get_long().into_iter().chain(arg.get_all_aliases().into_iter().flatten())
}

/// The name of a setting for CONFIG.
pub(crate) fn config_name(arg: &Arg) -> &str {
    let alias = arg.get_visible_aliases().and_then(|aliases| aliases.first().copied());
    alias.or(arg.get_long()).unwrap_or_default()
}

/// The flag of a parameter that CONFIG SET takes a value for. One without effect is not in the help.
fn argument(parameter: SettableParameter) -> Arg {
    let SettableParameter { name, has_effect, .. } = parameter;
    let parse = move |value: &str| {
        let value = if TIMES.contains(&name) { in_seconds(value) } else { value.to_owned() };
        parameter.check(value.as_bytes()).map(|()| value)
    };
    let arg = Arg::new(name).long(name).value_name("VALUE").value_parser(parse).allow_hyphen_values(true);
    let arg = arg.help_heading(HEADING).action(action(name)).hide_env_values(is_secret(name));
    let arg = arg.aliases(parameter.aliases()).hide(!has_effect);
    match HELP.iter().find(|(known, _)| *known == name) {
        Some((_, help)) => arg.help(*help),
        None => arg.hide_short_help(true),
    }
}

/// Whether an argument is that of a parameter that only CONFIG SET knows.
pub(super) fn is_parameter(arg: &Arg) -> bool {
    arg.get_help_heading() == Some(HEADING)
}

/// The parameters that are a number of seconds, and take a unit here.
const TIMES: [&str; 3] = ["timeout", "tcp-keepalive", "slow-reader-timeout"];

const HEADING: &str = "What CONFIG SET can change, as it takes it";

/// Whether the value of a setting is shown to nobody but CONFIG GET.
pub(super) fn is_secret(flag: &str) -> bool {
    ["requirepass", "masterauth"].contains(&flag)
}

/// Several values are one, as words.
fn action(name: &str) -> ArgAction {
    if name == "client-output-buffer-limit" { ArgAction::Append } else { ArgAction::Set }
}

const HELP: &[(&str, &str)] = &[
    ("timeout", "Close a connection that is idle for this long, such as 300 (seconds) or 5m; 0 for never [default: 0]"),
    ("tcp-keepalive", "Probe a connection that is idle for this long; 0 for never [default: 300]"),
    ("proto-max-bulk-len", "The longest word of a command, and string that commands make [default: 512mb]"),
    ("client-query-buffer-limit", "The most that is read from a client while it reads no replies [default: 256mb]"),
    (
        "maxmemory-clients",
        "The most memory of the buffers of all clients, such as 1gb or 10%; 0 for no limit [default: 25%]",
    ),
    (
        "client-output-buffer-limit",
        "For a class of clients the hard and the soft limit of unread replies, and for how long, such as \"pubsub 32mb 8mb 60\"",
    ),
    ("max-request-args", "The maximum number of words of a command [default: 2147483647]"),
    ("max-request-bytes", "The largest request, at most 1gb [default: 1gb]"),
    ("max-inline-bytes", "The longest inline command [default: 64kb]"),
    (
        "reply-buffer-limit",
        "The size of the unread replies at which a connection's commands wait; one reply may be larger [default: 64mb]",
    ),
    (
        "slow-reader-timeout",
        "Close a connection that reads none of its replies for this long; 0 for never [default: 0]",
    ),
    (
        "slow-sender-limit",
        "Close a connection that sends less of a request than so many bytes in so many seconds, such as \"1kb 30\" [default: \"0 0\", never]",
    ),
    ("dump-format", "Whose format DUMP has for hashes whose fields expire, redis or valkey [default: redis]"),
    ("notify-keyspace-events", "The keyspace events to publish, by the letters that Redis has for them, such as KEA"),
    ("masteruser", "The user that a replica identifies itself with at its master"),
    ("masterauth", "The password of a replica at its master"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> Flags {
        Arguments::parse_from([&["kvstore"], words].concat()).flags
    }

    #[test]
    fn the_flags_are_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn each_setting_has_a_variable_and_is_found_by_the_name_that_redis_has() {
        let command = command();
        let clients = find(&command, "maxclients").unwrap();
        assert_eq!(clients.get_env().unwrap(), "KVSTORE_MAX_CLIENTS");
        assert_eq!(config_name(clients), "maxclients");
        assert_eq!(
            find(&command, "set-max-intset-entries").unwrap().get_env().unwrap(),
            "KVSTORE_SET_MAX_INTSET_ENTRIES"
        );
    }

    #[test]
    fn what_config_set_takes_is_a_flag_with_its_other_names() {
        let command = command();
        for (name, flag) in [
            ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
            ("slave-read-only", "replica-read-only"),
            ("primaryauth", "masterauth"),
            ("lua-time-limit", "busy-reply-threshold"),
            ("loglevel", "log"),
            ("shutdown-timeout", "shutdown-timeout"),
        ] {
            assert_eq!(find(&command, name).and_then(Arg::get_long), Some(flag), "{name}");
        }
        let is_hidden = |name| find(&command, name).unwrap().is_hide_set();
        assert!(is_hidden("hz") && is_hidden("maxmemory") && !is_hidden("timeout") && !is_hidden("masteruser"));
        assert!(settable_parameters().all(|parameter| find(&command, parameter.name).is_some()));
    }

    #[test]
    fn a_time_in_seconds_takes_a_unit() {
        let value = |text: &str| {
            let matches = command().try_get_matches_from(["kvstore", "--timeout", text]);
            matches.map(|matches| matches.get_one::<String>("timeout").cloned()).ok().flatten()
        };
        assert_eq!([value("5m"), value("300"), value("0")].map(Option::unwrap), ["300", "300", "0"]);
        assert_eq!([value("soon"), value("250ms"), value("-1")], [None, None, None]);
    }

    #[test]
    fn there_is_a_journal_unless_it_is_declined() {
        assert_eq!(flags(&[]).journal(), Some(Fsync::EverySec));
        assert_eq!(flags(&["--appendfsync", "always"]).journal(), Some(Fsync::Always));
        assert_eq!(flags(&["--appendonly", "no", "--appendfsync", "always"]).journal(), None);
    }

    #[test]
    fn an_empty_list_of_save_points_drops_those_before() {
        let points = |words: &[&str]| flags(words).save_points().collect::<Vec<_>>();
        assert_eq!(points(&["--save", "60 1", "--save", "5 2"]).len(), 2);
        assert_eq!(points(&["--save", "60 1", "--save", "", "--save", "5 2"]), [(Duration::from_secs(5), 2)]);
    }
}
