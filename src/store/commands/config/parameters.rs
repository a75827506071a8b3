//! The parameters that CONFIG reads and sets.

use std::{ops::RangeInclusive, time::Duration};

use kvstore_protocol::parse_integer;

use super::{
    super::strings,
    bytes::{parse_bytes, parse_bytes_or_percent, parse_large},
    output_limits,
};
use crate::{
    procfs,
    server::ServerStatus,
    store::{Compression, Fsync, events::EventClasses, snapshot::SavePoints, state::StoreState, value::Threshold},
};

/// A configuration parameter: how it is read, and how it is set if it can be.
#[derive(Clone, Copy)]
struct Parameter {
    name: &'static str,
    /// `None` if nothing has the parameter: a store without a server has no clients.
    read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>,
    set: Option<Setter>,
}

/// Parses a value, and returns the change that sets it; an error says what is wrong with the value.
#[derive(Clone, Copy)]
enum Setter {
    OfServer(fn(&[u8]) -> Result<ServerChange, &'static str>),
    OfStore(fn(&[u8]) -> Result<StoreChange, &'static str>),
    /// Of a store that has a directory.
    Durable(fn(&[u8]) -> Result<StoreChange, &'static str>),
    /// Whether there is a journal.
    Journal,
}

type ServerChange = Box<dyn FnOnce(&ServerStatus)>;
type StoreChange = Box<dyn FnOnce(&StoreState)>;

/// How a parameter is set.
#[derive(Clone, Copy)]
pub(super) struct Settable(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Parameter(Setter),
    Threshold(Threshold),
}

/// A parsed value of a parameter.
pub(super) enum Change {
    OfServer(ServerChange),
    OfStore(StoreChange),
    Threshold(Threshold, i64),
    /// The journal ends or begins, which may fail.
    Journal(bool),
}

/// The thresholds of encodings, with the names that they had before Redis 7.
static THRESHOLDS: &[(&str, Threshold)] = &[
    ("hash-max-listpack-entries", Threshold::HashEntries),
    ("hash-max-ziplist-entries", Threshold::HashEntries),
    ("hash-max-listpack-value", Threshold::HashValue),
    ("hash-max-ziplist-value", Threshold::HashValue),
    ("set-max-intset-entries", Threshold::SetIntegers),
    ("set-max-listpack-entries", Threshold::SetEntries),
    ("set-max-listpack-value", Threshold::SetValue),
    ("zset-max-listpack-entries", Threshold::SortedSetEntries),
    ("zset-max-ziplist-entries", Threshold::SortedSetEntries),
    ("zset-max-listpack-value", Threshold::SortedSetValue),
    ("zset-max-ziplist-value", Threshold::SortedSetValue),
    ("list-max-listpack-size", Threshold::ListSize),
    ("list-max-ziplist-size", Threshold::ListSize),
    ("list-compress-depth", Threshold::ListCompression),
];

const fn immutable(name: &'static str, read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>) -> Parameter {
    Parameter { name, read, set: None }
}

/// The parameters of the store, and those of the server in front of it.
static PARAMETERS: &[Parameter] = &[
    immutable("databases", |store, _| Some(store.databases.len().to_string())),
    immutable("dir", |store, _| store.snapshots.path()),
    Parameter {
        name: "save",
        read: |store, _| Some(store.snapshots.points().to_string()),
        set: Some(Setter::Durable(|value| {
            let points = std::str::from_utf8(value).ok().and_then(SavePoints::parse);
            let points = points.ok_or("Invalid save parameters")?;
            Ok(Box::new(move |store| store.snapshots.set_points(points)))
        })),
    },
    Parameter {
        name: "rdbcompression",
        read: |store, _| Some(yes_or_no(store.snapshots.compression() != Compression::None)),
        set: Some(Setter::OfStore(|value| {
            let is_on = parse_yes_or_no(value)?;
            Ok(Box::new(move |store| match store.snapshots.compression() {
                before if is_on == (before != Compression::None) => {}
                _ if is_on => store.snapshots.set_compression(Compression::default()),
                _ => store.snapshots.set_compression(Compression::None),
            }))
        })),
    },
    Parameter {
        name: "snapshot-compression",
        read: |store, _| Some(store.snapshots.compression().name().to_owned()),
        set: Some(Setter::OfStore(|value| {
            let compression = std::str::from_utf8(value).ok().and_then(Compression::named);
            let compression = compression.ok_or(COMPRESSIONS)?;
            Ok(Box::new(move |store| store.snapshots.set_compression(compression)))
        })),
    },
    Parameter {
        name: "stop-writes-on-bgsave-error",
        read: |store, _| Some(yes_or_no(store.snapshots.stops_writes())),
        set: Some(Setter::OfStore(|value| {
            let stops = parse_yes_or_no(value)?;
            Ok(Box::new(move |store| store.snapshots.set_stops_writes(stops)))
        })),
    },
    immutable("rdbchecksum", |_, _| Some(yes_or_no(true))),
    Parameter {
        name: "auto-aof-rewrite-percentage",
        read: |store, _| Some(store.snapshots.rewrite_limits().0.to_string()),
        set: Some(Setter::OfStore(|value| {
            let percent = number(value, 0..=i32::MAX.into(), "argument must be between 0 and 2147483647 inclusive")?;
            Ok(Box::new(move |store| store.snapshots.set_rewrite_growth(percent as u64)))
        })),
    },
    Parameter {
        name: "auto-aof-rewrite-min-size",
        read: |store, _| Some(store.snapshots.rewrite_limits().1.to_string()),
        set: Some(Setter::OfStore(|value| {
            let bytes = parse_bytes(value).ok_or("argument must be a memory value")?;
            Ok(Box::new(move |store| store.snapshots.set_rewrite_min_size(bytes as u64)))
        })),
    },
    Parameter {
        name: "appendonly",
        read: |store, _| Some(yes_or_no(store.journal().is_some())),
        set: Some(Setter::Journal),
    },
    Parameter {
        name: "appendfsync",
        read: |store, _| Some(store.journals.settings().policy.name().to_owned()),
        set: Some(Setter::OfStore(|value| {
            let policy = Fsync::named(value).ok_or("argument(s) must be one of the following: everysec, always, no")?;
            Ok(Box::new(move |store| {
                store.journals.set_policy(policy);
                store.journal().iter().for_each(|journal| journal.set_policy(policy));
            }))
        })),
    },
    immutable("activedefrag", |_, _| Some("no".to_owned())),
    immutable("cluster-enabled", |_, _| Some("no".to_owned())),
    // Whatever is large is dropped on another thread.
    immutable("lazyfree-lazy-eviction", |_, _| Some("yes".to_owned())),
    immutable("lazyfree-lazy-expire", |_, _| Some("yes".to_owned())),
    immutable("lazyfree-lazy-server-del", |_, _| Some("yes".to_owned())),
    immutable("lazyfree-lazy-user-del", |_, _| Some("yes".to_owned())),
    immutable("lazyfree-lazy-user-flush", |_, _| Some("yes".to_owned())),
    immutable("maxmemory", |_, _| Some("0".to_owned())),
    immutable("maxmemory-policy", |_, _| Some("noeviction".to_owned())),
    Parameter {
        name: "notify-keyspace-events",
        read: |store, _| Some(store.events.show()),
        set: Some(Setter::OfStore(|value| {
            const INVALID: &str = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
            let letters = EventClasses::parse(value).ok_or(INVALID)?;
            Ok(Box::new(move |store| store.events.set(letters)))
        })),
    },
    immutable("replicaof", |store, _| {
        let master = store.replication.status().map(|status| status.master);
        Some(master.map_or(String::new(), |master| format!("{} {}", master.host, master.port)))
    }),
    Parameter {
        name: "masteruser",
        read: |store, _| Some(store.replication.credentials().user),
        set: Some(Setter::OfStore(|value| {
            let user = String::from_utf8_lossy(value).into_owned();
            Ok(Box::new(move |store| store.replication.set_credentials(|credentials| credentials.user = user)))
        })),
    },
    Parameter {
        name: "masterauth",
        read: |store, _| Some(store.replication.credentials().password),
        set: Some(Setter::OfStore(|value| {
            let password = String::from_utf8_lossy(value).into_owned();
            Ok(Box::new(move |store| store.replication.set_credentials(|credentials| credentials.password = password)))
        })),
    },
    Parameter {
        name: "replica-read-only",
        read: |store, _| Some(yes_or_no(store.replication.is_read_only())),
        set: Some(Setter::OfStore(|value| {
            let is_read_only = parse_yes_or_no(value)?;
            Ok(Box::new(move |store| store.replication.set_read_only(is_read_only)))
        })),
    },
    Parameter {
        name: "latency-monitor-threshold",
        read: |store, _| Some(store.latency.threshold().to_string()),
        set: Some(Setter::OfStore(|value| {
            let threshold =
                number(value, 0..=i64::MAX, "argument must be between 0 and 9223372036854775807 inclusive")?;
            Ok(Box::new(move |store| store.latency.set_threshold(threshold as u64)))
        })),
    },
    Parameter {
        name: "tracking-table-max-keys",
        read: |store, _| Some(store.tracking.max_keys().to_string()),
        set: Some(Setter::OfStore(|value| {
            let keys = number(value, 0..=i64::MAX, "argument must be between 0 and 9223372036854775807 inclusive")?;
            Ok(Box::new(move |store| store.tracking.set_max_keys(keys as usize)))
        })),
    },
    Parameter {
        name: "maxclients",
        read: |_, server| Some(server?.max_connections().to_string()),
        set: Some(Setter::OfServer(|value| {
            let clients = number(value, 1..=u32::MAX.into(), "argument must be between 1 and 4294967295 inclusive")?;
            Ok(Box::new(move |server| server.set_max_connections(clients as usize)))
        })),
    },
    Parameter {
        name: "timeout",
        read: |_, server| Some(server?.idle_timeout().map_or(0, |timeout| timeout.as_secs()).to_string()),
        set: Some(Setter::OfServer(|value| {
            let seconds = number(value, 0..=i32::MAX.into(), "argument must be between 0 and 2147483647 inclusive")?;
            let timeout = (seconds > 0).then(|| Duration::from_secs(seconds as u64));
            Ok(Box::new(move |server| server.set_idle_timeout(timeout)))
        })),
    },
    Parameter {
        name: "proto-max-bulk-len",
        read: |_, server| Some(server.map_or(strings::MAX_LENGTH, ServerStatus::max_bulk).to_string()),
        set: Some(Setter::OfServer(|value| {
            let bytes = parse_large(value)?;
            Ok(Box::new(move |server| server.set_max_bulk(bytes)))
        })),
    },
    Parameter {
        name: "client-query-buffer-limit",
        read: |_, server| Some(server?.query_buffer().to_string()),
        set: Some(Setter::OfServer(|value| {
            let bytes = parse_large(value)?;
            Ok(Box::new(move |server| server.set_query_buffer(bytes)))
        })),
    },
    Parameter {
        name: "maxmemory-clients",
        read: |_, server| {
            let limit = server?.max_buffer_memory();
            Some(if limit == usize::MAX { 0 } else { limit }.to_string())
        },
        set: Some(Setter::OfServer(|value| {
            let bytes = parse_bytes_or_percent(value, procfs::available_memory())?;
            Ok(Box::new(move |server| server.set_max_buffer_memory(bytes)))
        })),
    },
    Parameter {
        name: "client-output-buffer-limit",
        read: |_, server| Some(output_limits::read(server?)),
        set: Some(Setter::OfServer(|value| {
            let limits = output_limits::parse(value)?;
            Ok(Box::new(move |server| {
                limits.into_iter().for_each(|(class, limit)| server.set_output_limit(class, limit));
            }))
        })),
    },
];

#[cfg(feature = "zstd")]
const COMPRESSIONS: &str = "argument(s) must be one of the following: none, lz4, zstd";
#[cfg(not(feature = "zstd"))]
const COMPRESSIONS: &str = "argument(s) must be one of the following: none, lz4";

fn yes_or_no(is_on: bool) -> String {
    if is_on { "yes" } else { "no" }.to_owned()
}

fn parse_yes_or_no(value: &[u8]) -> Result<bool, &'static str> {
    match () {
        () if value.eq_ignore_ascii_case(b"yes") => Ok(true),
        () if value.eq_ignore_ascii_case(b"no") => Ok(false),
        () => Err("argument must be 'yes' or 'no'"),
    }
}

fn number(value: &[u8], range: RangeInclusive<i64>, failure: &'static str) -> Result<i64, &'static str> {
    let number = parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    range.contains(&number).then_some(number).ok_or(failure)
}

/// All parameters, by their names in lower case. Those of the program replace those of the store.
pub(super) fn parameters<'a>(
    store: &'a StoreState,
    server: Option<&'a ServerStatus>,
) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let given = store.config.parameters();
    let is_given = |name: &str| given.iter().any(|(given, _)| *given == name);
    let own: Vec<_> = PARAMETERS.iter().filter(|parameter| !is_given(parameter.name)).collect();
    let own = own.into_iter();
    let own = own.filter_map(move |parameter| Some((parameter.name, (parameter.read)(store, server)?)));
    let thresholds = THRESHOLDS.iter().map(|(name, threshold)| (*name, store.thresholds.get(*threshold).to_string()));
    given.into_iter().chain(own).chain(thresholds)
}

/// The value of a parameter.
pub(in super::super) fn value_of(store: &StoreState, name: &str) -> Option<String> {
    parameters(store, None).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The names of the parameters that CONFIG SET can change, and whether each is one of the server.
pub(super) fn all_settable() -> impl Iterator<Item = (&'static str, bool)> {
    let own = PARAMETERS.iter().filter_map(|own| Some((own.name, matches!(own.set?, Setter::OfServer(_)))));
    own.chain(THRESHOLDS.iter().map(|(name, _)| (*name, false)))
}

/// Checks a value of a parameter that can be set.
pub(super) fn check(name: &str, value: &[u8]) -> Result<(), String> {
    let Some(setter) = setter(name) else { return Ok(()) };
    setter.parse(value).map(drop).map_err(str::to_owned)
}

/// How a parameter is set; `None` if there is no such parameter, or it is immutable.
pub(super) fn settable(name: &str, store: &StoreState, server: Option<&ServerStatus>) -> Option<Settable> {
    setter(name).filter(|settable| match settable.0 {
        Kind::Parameter(Setter::OfServer(_)) => server.is_some(),
        Kind::Parameter(Setter::Durable(_)) => store.snapshots.has_directory(),
        Kind::Parameter(Setter::OfStore(_) | Setter::Journal) | Kind::Threshold(_) => true,
    })
}

fn setter(name: &str) -> Option<Settable> {
    if let Some((_, threshold)) = THRESHOLDS.iter().find(|(known, _)| *known == name) {
        return Some(Settable(Kind::Threshold(*threshold)));
    }
    let setter = PARAMETERS.iter().find(|parameter| parameter.name == name)?.set?;
    Some(Settable(Kind::Parameter(setter)))
}

impl Settable {
    /// Parses a value; an error says what is wrong with it.
    pub(super) fn parse(self, value: &[u8]) -> Result<Change, &'static str> {
        match self.0 {
            Kind::Parameter(Setter::OfServer(parse)) => parse(value).map(Change::OfServer),
            Kind::Parameter(Setter::OfStore(parse) | Setter::Durable(parse)) => parse(value).map(Change::OfStore),
            Kind::Parameter(Setter::Journal) => parse_yes_or_no(value).map(Change::Journal),
            Kind::Threshold(threshold) => {
                let range = match threshold {
                    Threshold::ListSize => i32::MIN.into()..=i32::MAX.into(),
                    _ => 0..=i64::MAX,
                };
                let value = number(value, range, "argument must be between 0 and 9223372036854775807 inclusive")?;
                Ok(Change::Threshold(threshold, value))
            }
        }
    }
}

impl Change {
    /// Whether there is to be a journal, if it is that.
    pub(super) fn journal(&self) -> Option<bool> {
        if let Self::Journal(is_on) = self { Some(*is_on) } else { None }
    }

    pub(super) fn apply(self, store: &StoreState, server: Option<&ServerStatus>) {
        match (self, server) {
            (Self::Threshold(threshold, value), _) => store.thresholds.set(threshold, value),
            (Self::OfStore(change), _) => change(store),
            (Self::OfServer(change), Some(server)) => change(server),
            // It was set before all others.
            (Self::Journal(_), _) | (Self::OfServer(_), None) => {}
        }
    }
}
