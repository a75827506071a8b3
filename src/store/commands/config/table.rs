//! The table of all parameters of CONFIG. To add one, add a row.

use std::{borrow::Cow, sync::atomic::Ordering, time::Duration};

use super::{
    bytes::{parse_bytes_or_percent, parse_large},
    output_limits,
    parameter::{
        Form::{self, Bytes, Flag, Number, OneOf, Text},
        Parameter, Parsed, Read, ServerChange, StoreChange, Value, bytes, number, show_flag, text, yes_or_no,
    },
};
use crate::{
    procfs,
    server::ServerStatus,
    store::{Compression, Fsync, RdbFormat, events::EventClasses, snapshot::SavePoints, value::Threshold},
};

#[cfg(feature = "zstd")]
const COMPRESSIONS: &str = "argument(s) must be one of the following: none, lz4, zstd";
#[cfg(not(feature = "zstd"))]
const COMPRESSIONS: &str = "argument(s) must be one of the following: none, lz4";

/// Any number that is not negative.
const ANY: Form = Number(0, i64::MAX);
const INT: Form = Number(0, i32::MAX as i64);
const PERCENT: Form = Number(0, 100);

const NO_ACL: &str = "access control lists are not available";
const NO_CLUSTER: &str = "a cluster is not available";
const NO_MAXMEMORY: &str = "a limit of the memory, and eviction, are not available";
const NO_PASSPHRASE: &str = "a private key must not be encrypted";
const NO_TLS_LINKS: &str = "the link to a master, or to other nodes, is without TLS";
const NO_REPLICAS: &str = "replicas of this server are not available";
const NO_SUCH_LOG: &str = "a log of large requests and replies is not available";

const fn row(name: &'static str, value: Value) -> Parameter {
    Parameter { name, value }
}

const fn immutable(name: &'static str, read: Read) -> Parameter {
    row(name, Value::Immutable(read))
}

const fn of_server(
    name: &'static str,
    read: Read,
    parse: fn(&[u8], &ServerStatus) -> Parsed<ServerChange>,
) -> Parameter {
    row(name, Value::OfServer(read, parse))
}

const fn of_store(name: &'static str, read: Read, parse: fn(&[u8]) -> Parsed<StoreChange>) -> Parameter {
    row(name, Value::OfStore(read, parse))
}

const fn durable(name: &'static str, read: Read, parse: fn(&[u8]) -> Parsed<StoreChange>) -> Parameter {
    row(name, Value::Durable(read, parse))
}

const fn threshold(name: &'static str, threshold: Threshold) -> Parameter {
    row(name, Value::Threshold(threshold))
}

const fn kept(name: &'static str, default: &'static str, form: Form) -> Parameter {
    row(name, Value::Kept(default, form))
}

const fn only(name: &'static str, value: &'static str, reason: &'static str) -> Parameter {
    row(name, Value::Only(value, reason))
}

const fn alias(name: &'static str, of: &'static str) -> Parameter {
    row(name, Value::Alias(of))
}

/// The parameter with this name, in lower case.
pub(super) fn find(name: &str) -> Option<&'static Parameter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)
}

/// The parameters of the store, and those of the server in front of it.
pub(super) static PARAMETERS: &[Parameter] = &[
    // Clients and their limits.
    of_server(
        "requirepass",
        |_, server| Some(server?.password().map(|password| text(&password)).unwrap_or_default()),
        |value, server| {
            if !server.takes_password() {
                return Err("the server has another way to authenticate clients".into());
            }
            let password = (!value.is_empty()).then(|| value.to_vec());
            Ok(Box::new(move |server| _ = server.set_password(password.as_deref())))
        },
    ),
    of_server(
        "protected-mode",
        |_, server| Some(show_flag(server?.protected_mode()).to_owned()),
        |value, _| {
            let is_on = yes_or_no(value)?;
            Ok(Box::new(move |server| server.set_protected_mode(is_on)))
        },
    ),
    of_server(
        "maxclients",
        |_, server| Some(server?.max_connections().to_string()),
        |value, server| {
            let clients = number(value, 1..=u32::MAX.into())?;
            let admissible = server.admissible_connections(clients as usize);
            if admissible < clients as usize {
                let text = "The operating system is not able to handle the specified number of clients, try with";
                return Err(format!("{text} {admissible}").into());
            }
            Ok(Box::new(move |server| server.set_max_connections(clients as usize)))
        },
    ),
    of_server(
        "timeout",
        |_, server| Some(seconds_of(server?.idle_timeout())),
        |value, _| {
            let timeout = seconds(value)?;
            Ok(Box::new(move |server| server.set_idle_timeout(timeout)))
        },
    ),
    of_server(
        "tcp-keepalive",
        |_, server| Some(seconds_of(server?.keepalive())),
        |value, _| {
            let silence = seconds(value)?;
            Ok(Box::new(move |server| server.set_keepalive(silence)))
        },
    ),
    row(
        "proto-max-bulk-len",
        Value::OfBoth(
            |store, server| {
                let of_store = || store.max_string.load(Ordering::Relaxed);
                Some(server.map_or_else(of_store, ServerStatus::max_bulk).to_string())
            },
            |value| {
                let bytes = parse_large(value)?;
                Ok(Box::new(move |server, store| {
                    server.set_max_bulk(bytes);
                    store.max_string.store(server.max_bulk(), Ordering::Relaxed);
                }))
            },
        ),
    ),
    of_server(
        "client-query-buffer-limit",
        |_, server| Some(server?.query_buffer().to_string()),
        |value, _| {
            let bytes = parse_large(value)?;
            Ok(Box::new(move |server| server.set_query_buffer(bytes)))
        },
    ),
    of_server(
        "maxmemory-clients",
        |_, server| {
            let limit = server?.max_buffer_memory();
            Some(if limit == usize::MAX { 0 } else { limit }.to_string())
        },
        |value, _| {
            let bytes = parse_bytes_or_percent(value, procfs::available_memory())?;
            Ok(Box::new(move |server| server.set_max_buffer_memory(bytes)))
        },
    ),
    of_server(
        "client-output-buffer-limit",
        |_, server| Some(output_limits::read(server?)),
        |value, _| {
            let limits = output_limits::parse(value)?;
            Ok(Box::new(move |server| {
                limits.into_iter().for_each(|(class, limit)| server.set_output_limit(class, limit));
            }))
        },
    ),
    of_server(
        "shutdown-timeout",
        // A part of a second is shown as a whole one.
        |_, server| Some(server?.grace_period().as_millis().div_ceil(1000).to_string()),
        |value, _| {
            let seconds = number(value, 0..=i32::MAX.into())?;
            Ok(Box::new(move |server| server.set_grace_period(Duration::from_secs(seconds as u64))))
        },
    ),
    // Limits that Redis has no parameter for.
    of_server(
        "max-request-args",
        |_, server| Some(server?.max_args().to_string()),
        |value, _| {
            let words = number(value, 1..=i32::MAX.into())?;
            Ok(Box::new(move |server| server.set_max_args(words as usize)))
        },
    ),
    of_server(
        "max-request-bytes",
        |_, server| Some(server?.max_request().to_string()),
        |value, _| {
            let bytes = up_to_gib(value)?;
            Ok(Box::new(move |server| server.set_max_request(bytes)))
        },
    ),
    of_server(
        "max-inline-bytes",
        |_, server| Some(server?.max_inline().to_string()),
        |value, _| {
            let bytes = up_to_gib(value)?;
            Ok(Box::new(move |server| server.set_max_inline(bytes)))
        },
    ),
    of_server(
        "reply-buffer-limit",
        |_, server| Some(server?.output_buffer().to_string()),
        |value, _| {
            let bytes = bytes(value)?;
            Ok(Box::new(move |server| server.set_output_buffer(bytes)))
        },
    ),
    of_server(
        "slow-reader-timeout",
        |_, server| Some(seconds_of(server?.slow_reader_timeout())),
        |value, _| {
            let timeout = seconds(value)?;
            Ok(Box::new(move |server| server.set_slow_reader_timeout(timeout)))
        },
    ),
    of_server(
        "slow-sender-limit",
        |_, server| {
            let (bytes, window) = server?.slow_sender().unwrap_or_default();
            Some(format!("{bytes} {}", window.as_secs()))
        },
        |value, _| {
            let rate = slow_sender(value)
                .ok_or("argument must be a number of bytes, and of seconds: 1000 30, or 0 0 for none")?;
            Ok(Box::new(move |server| server.set_slow_sender(rate)))
        },
    ),
    // The data.
    immutable("databases", |store, _| Some(store.databases.len().to_string())),
    of_store(
        "notify-keyspace-events",
        |store, _| Some(store.events.show()),
        |value| {
            const INVALID: &str = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
            let letters = EventClasses::parse(value).ok_or(INVALID)?;
            Ok(Box::new(move |store| store.events.set(letters)))
        },
    ),
    of_store(
        "tracking-table-max-keys",
        |store, _| Some(store.tracking.max_keys().to_string()),
        |value| {
            let keys = number(value, 0..=i64::MAX)?;
            Ok(Box::new(move |store| store.tracking.set_max_keys(keys as usize)))
        },
    ),
    // Scripts.
    of_store(
        "busy-reply-threshold",
        |store, _| Some(store.scripts.running.busy_after().to_string()),
        |value| {
            let milliseconds = number(value, 0..=i64::MAX)?;
            Ok(Box::new(move |store| store.scripts.running.set_busy_after(milliseconds as u64)))
        },
    ),
    alias("lua-time-limit", "busy-reply-threshold"),
    of_store(
        "lua-memory-limit",
        |store, _| Some(store.scripts.memory_limit().to_string()),
        |value| {
            let bytes = bytes(value)?;
            Ok(Box::new(move |store| store.scripts.set_memory_limit(bytes)))
        },
    ),
    of_store(
        "script-declared-keys",
        |store, _| Some(show_flag(store.scripts.keeps_to_keys()).to_owned()),
        |value| {
            let keeps = yes_or_no(value)?;
            Ok(Box::new(move |store| store.scripts.set_keeps_to_keys(keeps)))
        },
    ),
    only("maxmemory", "0", NO_MAXMEMORY),
    only("maxmemory-policy", "noeviction", NO_MAXMEMORY),
    kept("maxmemory-samples", "5", Number(1, 64)),
    kept("maxmemory-eviction-tenacity", "10", PERCENT),
    kept("lfu-log-factor", "10", INT),
    kept("lfu-decay-time", "1", INT),
    // Whatever is large is dropped on another thread, in any case.
    kept("lazyfree-lazy-eviction", "yes", Flag),
    kept("lazyfree-lazy-expire", "yes", Flag),
    kept("lazyfree-lazy-server-del", "yes", Flag),
    kept("lazyfree-lazy-user-del", "yes", Flag),
    kept("lazyfree-lazy-user-flush", "yes", Flag),
    kept("active-expire-effort", "1", Number(1, 10)),
    kept("activedefrag", "no", Flag),
    kept("active-defrag-cycle-max", "25", Number(1, 99)),
    kept("active-defrag-cycle-min", "1", Number(1, 99)),
    kept("active-defrag-cycle-us", "500", Number(0, 100_000)),
    kept("active-defrag-ignore-bytes", "104857600", Bytes),
    kept("active-defrag-max-scan-fields", "1000", ANY),
    kept("active-defrag-threshold-lower", "10", Number(0, 1000)),
    kept("active-defrag-threshold-upper", "100", Number(0, 1000)),
    kept("activerehashing", "yes", Flag),
    threshold("hll-sparse-max-bytes", Threshold::SparseHyperLogLog),
    of_store(
        "dump-format",
        |store, _| Some(store.dump_format.lock().to_string()),
        |value| {
            let format = std::str::from_utf8(value).ok().and_then(RdbFormat::named);
            let format = format.ok_or("argument(s) must be one of the following: redis, valkey")?;
            Ok(Box::new(move |store| *store.dump_format.lock() = format))
        },
    ),
    kept("sanitize-dump-payload", "no", OneOf(&["no", "yes", "clients"])),
    kept("import-mode", "no", Flag),
    // The thresholds of encodings, with the names that they had before Redis 7.
    threshold("hash-max-listpack-entries", Threshold::HashEntries),
    alias("hash-max-ziplist-entries", "hash-max-listpack-entries"),
    threshold("hash-max-listpack-value", Threshold::HashValue),
    alias("hash-max-ziplist-value", "hash-max-listpack-value"),
    threshold("set-max-intset-entries", Threshold::SetIntegers),
    threshold("set-max-listpack-entries", Threshold::SetEntries),
    threshold("set-max-listpack-value", Threshold::SetValue),
    threshold("zset-max-listpack-entries", Threshold::SortedSetEntries),
    alias("zset-max-ziplist-entries", "zset-max-listpack-entries"),
    threshold("zset-max-listpack-value", Threshold::SortedSetValue),
    alias("zset-max-ziplist-value", "zset-max-listpack-value"),
    threshold("list-max-listpack-size", Threshold::ListSize),
    alias("list-max-ziplist-size", "list-max-listpack-size"),
    threshold("list-compress-depth", Threshold::ListCompression),
    threshold("stream-node-max-bytes", Threshold::StreamBytes),
    threshold("stream-node-max-entries", Threshold::StreamEntries),
    // The disk.
    immutable("dir", |store, _| store.snapshots.path()),
    durable(
        "save",
        |store, _| Some(store.snapshots.points().to_string()),
        |value| {
            let points = std::str::from_utf8(value).ok().and_then(SavePoints::parse);
            let points = points.ok_or("Invalid save parameters")?;
            Ok(Box::new(move |store| store.snapshots.set_points(points)))
        },
    ),
    of_store(
        "rdbcompression",
        |store, _| Some(show_flag(store.snapshots.compression() != Compression::None).to_owned()),
        |value| {
            let is_on = yes_or_no(value)?;
            Ok(Box::new(move |store| match store.snapshots.compression() {
                before if is_on == (before != Compression::None) => {}
                _ if is_on => store.snapshots.set_compression(Compression::default()),
                _ => store.snapshots.set_compression(Compression::None),
            }))
        },
    ),
    of_store(
        "snapshot-compression",
        |store, _| Some(store.snapshots.compression().name().to_owned()),
        |value| {
            let compression = std::str::from_utf8(value).ok().and_then(Compression::named);
            let compression = compression.ok_or(COMPRESSIONS)?;
            Ok(Box::new(move |store| store.snapshots.set_compression(compression)))
        },
    ),
    of_store(
        "stop-writes-on-bgsave-error",
        |store, _| Some(show_flag(store.snapshots.stops_writes()).to_owned()),
        |value| {
            let stops = yes_or_no(value)?;
            Ok(Box::new(move |store| store.snapshots.set_stops_writes(stops)))
        },
    ),
    kept("rdbchecksum", "yes", Flag),
    row("appendonly", Value::Journal(|store, _| Some(show_flag(store.journal().is_some()).to_owned()))),
    of_store(
        "appendfsync",
        |store, _| Some(store.journals.settings().policy.name().to_owned()),
        |value| {
            let policy = std::str::from_utf8(value).ok().and_then(Fsync::named);
            let policy = policy.ok_or("argument(s) must be one of the following: everysec, always, no")?;
            Ok(Box::new(move |store| {
                store.journals.set_policy(policy);
                store.journal().iter().for_each(|journal| journal.set_policy(policy));
            }))
        },
    ),
    of_store(
        "auto-aof-rewrite-percentage",
        |store, _| Some(store.snapshots.rewrite_limits().0.to_string()),
        |value| {
            let percent = number(value, 0..=i32::MAX.into())?;
            Ok(Box::new(move |store| store.snapshots.set_rewrite_growth(percent as u64)))
        },
    ),
    of_store(
        "auto-aof-rewrite-min-size",
        |store, _| Some(store.snapshots.rewrite_limits().1.to_string()),
        |value| {
            let bytes = bytes(value)?;
            Ok(Box::new(move |store| store.snapshots.set_rewrite_min_size(bytes as u64)))
        },
    ),
    immutable("dbfilename", |_, _| Some("dump.rdb".to_owned())),
    immutable("appenddirname", |_, _| Some("appendonlydir".to_owned())),
    immutable("appendfilename", |_, _| Some("appendonly.aof".to_owned())),
    kept("aof-use-rdb-preamble", "yes", Flag),
    only("aof-load-truncated", "yes", "a journal that ends within a record is always cut"),
    only("aof-timestamp-enabled", "no", "the records of the journal have times already, in another form"),
    kept("aof-rewrite-incremental-fsync", "yes", Flag),
    kept("rdb-save-incremental-fsync", "yes", Flag),
    kept("rdb-del-sync-files", "no", Flag),
    kept("rdb-version-check", "strict", OneOf(&["strict", "relaxed"])),
    kept("no-appendfsync-on-rewrite", "no", Flag),
    // What is measured and logged.
    of_store(
        "latency-monitor-threshold",
        |store, _| Some(store.latency.threshold().to_string()),
        |value| {
            let threshold = number(value, 0..=i64::MAX)?;
            Ok(Box::new(move |store| store.latency.set_threshold(threshold as u64)))
        },
    ),
    of_store(
        "slowlog-log-slower-than",
        |store, _| Some(store.slow_log.threshold().to_string()),
        |value| {
            let microseconds = number(value, -1..=i64::MAX)?;
            Ok(Box::new(move |store| store.slow_log.set_threshold(microseconds)))
        },
    ),
    of_store(
        "slowlog-max-len",
        |store, _| Some(store.slow_log.max_len().to_string()),
        |value| {
            let entries = number(value, 0..=i64::MAX)?;
            Ok(Box::new(move |store| store.slow_log.set_max_len(entries as usize)))
        },
    ),
    alias("commandlog-execution-slower-than", "slowlog-log-slower-than"),
    alias("commandlog-slow-execution-max-len", "slowlog-max-len"),
    only("commandlog-request-larger-than", "-1", NO_SUCH_LOG),
    only("commandlog-reply-larger-than", "-1", NO_SUCH_LOG),
    kept("commandlog-large-request-max-len", "128", ANY),
    kept("commandlog-large-reply-max-len", "128", ANY),
    kept("latency-tracking", "no", Flag),
    kept("latency-tracking-info-percentiles", "50 99 99.9", Text),
    kept("loglevel", "notice", OneOf(&["debug", "verbose", "notice", "warning", "nothing"])),
    immutable("logfile", |_, _| Some("".to_owned())),
    kept("log-format", "legacy", OneOf(&["legacy", "logfmt"])),
    kept("log-timestamp-format", "legacy", OneOf(&["legacy", "iso8601", "milliseconds"])),
    kept("hide-user-data-from-log", "yes", Flag),
    immutable("syslog-enabled", |_, _| Some("no".to_owned())),
    immutable("syslog-facility", |_, _| Some("local0".to_owned())),
    immutable("syslog-ident", |_, _| Some("kvstore".to_owned())),
    kept("crash-log-enabled", "yes", Flag),
    kept("crash-memcheck-enabled", "yes", Flag),
    // Replication.
    immutable("replicaof", |store, _| {
        let master = store.replication.status().map(|status| status.master);
        Some(master.map_or(String::new(), |master| format!("{} {}", master.host, master.port)))
    }),
    alias("slaveof", "replicaof"),
    of_store(
        "masteruser",
        |store, _| Some(store.replication.credentials().user),
        |value| {
            let user = text(value);
            Ok(Box::new(move |store| store.replication.set_credentials(|credentials| credentials.user = user)))
        },
    ),
    alias("primaryuser", "masteruser"),
    of_store(
        "masterauth",
        |store, _| Some(store.replication.credentials().password),
        |value| {
            let password = text(value);
            Ok(Box::new(move |store| store.replication.set_credentials(|credentials| credentials.password = password)))
        },
    ),
    alias("primaryauth", "masterauth"),
    of_store(
        "replica-read-only",
        |store, _| Some(show_flag(store.replication.is_read_only()).to_owned()),
        |value| {
            let is_read_only = yes_or_no(value)?;
            Ok(Box::new(move |store| store.replication.set_read_only(is_read_only)))
        },
    ),
    alias("slave-read-only", "replica-read-only"),
    kept("replica-serve-stale-data", "yes", Flag),
    alias("slave-serve-stale-data", "replica-serve-stale-data"),
    kept("replica-priority", "100", INT),
    alias("slave-priority", "replica-priority"),
    kept("replica-lazy-flush", "yes", Flag),
    alias("slave-lazy-flush", "replica-lazy-flush"),
    kept("replica-ignore-maxmemory", "yes", Flag),
    alias("slave-ignore-maxmemory", "replica-ignore-maxmemory"),
    kept("replica-ignore-disk-write-errors", "no", Flag),
    kept("replica-announced", "yes", Flag),
    kept("replica-announce-ip", "", Text),
    alias("slave-announce-ip", "replica-announce-ip"),
    kept("replica-announce-port", "0", Number(0, 65535)),
    alias("slave-announce-port", "replica-announce-port"),
    only("min-replicas-to-write", "0", NO_REPLICAS),
    alias("min-slaves-to-write", "min-replicas-to-write"),
    kept("min-replicas-max-lag", "10", INT),
    alias("min-slaves-max-lag", "min-replicas-max-lag"),
    kept("repl-backlog-size", "1048576", Bytes),
    kept("repl-backlog-ttl", "3600", ANY),
    kept("repl-timeout", "60", Number(1, i32::MAX as i64)),
    kept("repl-ping-replica-period", "10", Number(1, i32::MAX as i64)),
    alias("repl-ping-slave-period", "repl-ping-replica-period"),
    kept("repl-disable-tcp-nodelay", "no", Flag),
    kept("repl-diskless-load", "disabled", OneOf(&["disabled", "on-empty-db", "swapdb", "flush-before-load"])),
    kept("repl-diskless-sync", "yes", Flag),
    kept("repl-diskless-sync-delay", "5", INT),
    kept("repl-diskless-sync-max-replicas", "0", INT),
    kept("dual-channel-replication-enabled", "no", Flag),
    immutable("propagation-error-behavior", |_, _| Some("ignore".to_owned())),
    // TLS, beside the parameters that the program has.
    only("tls-ca-cert-dir", "", "the authorities are in one file, `tls-ca-cert-file`"),
    only("tls-key-file-pass", "", NO_PASSPHRASE),
    only("tls-client-key-file-pass", "", NO_PASSPHRASE),
    only("tls-client-cert-file", "", NO_TLS_LINKS),
    only("tls-client-key-file", "", NO_TLS_LINKS),
    only("tls-replication", "no", NO_TLS_LINKS),
    only("tls-cluster", "no", NO_TLS_LINKS),
    // A handshake has the parameters of rustls.
    kept("tls-dh-params-file", "", Text),
    kept("tls-prefer-server-ciphers", "no", Flag),
    kept("tls-session-caching", "yes", Flag),
    kept("tls-session-cache-size", "20480", INT),
    kept("tls-session-cache-timeout", "300", INT),
    // Access.
    only("aclfile", "", NO_ACL),
    only("acl-pubsub-default", "resetchannels", NO_ACL),
    kept("acllog-max-len", "128", ANY),
    immutable("enable-debug-command", |_, _| Some("no".to_owned())),
    immutable("enable-module-command", |_, _| Some("no".to_owned())),
    immutable("enable-protected-configs", |_, _| Some("no".to_owned())),
    // A cluster.
    immutable("cluster-enabled", |_, _| Some("no".to_owned())),
    only("cluster-announce-ip", "", NO_CLUSTER),
    only("cluster-announce-hostname", "", NO_CLUSTER),
    only("cluster-announce-port", "0", NO_CLUSTER),
    only("cluster-announce-bus-port", "0", NO_CLUSTER),
    only("cluster-announce-tls-port", "0", NO_CLUSTER),
    only("cluster-announce-human-nodename", "", NO_CLUSTER),
    immutable("cluster-config-file", |_, _| Some("nodes.conf".to_owned())),
    immutable("cluster-port", |_, _| Some("0".to_owned())),
    kept("cluster-node-timeout", "15000", ANY),
    kept("cluster-require-full-coverage", "yes", Flag),
    kept("cluster-migration-barrier", "1", INT),
    kept("cluster-allow-replica-migration", "yes", Flag),
    kept("cluster-allow-reads-when-down", "no", Flag),
    kept("cluster-allow-pubsubshard-when-down", "yes", Flag),
    kept("cluster-replica-no-failover", "no", Flag),
    alias("cluster-slave-no-failover", "cluster-replica-no-failover"),
    kept("cluster-replica-validity-factor", "10", INT),
    alias("cluster-slave-validity-factor", "cluster-replica-validity-factor"),
    kept("cluster-link-sendbuf-limit", "0", Bytes),
    kept("cluster-preferred-endpoint-type", "ip", OneOf(&["ip", "hostname", "unknown-endpoint"])),
    // The process.
    kept("hz", "10", Number(1, 500)),
    kept("dynamic-hz", "yes", Flag),
    immutable("io-threads-do-reads", |_, _| Some("no".to_owned())),
    immutable("daemonize", |_, _| Some("no".to_owned())),
    immutable("supervised", |_, _| Some("no".to_owned())),
    immutable("pidfile", |_, _| Some("".to_owned())),
    immutable("always-show-logo", |_, _| Some("no".to_owned())),
    immutable("set-proc-title", |_, _| Some("yes".to_owned())),
    kept("proc-title-template", "{title} {listen-addr} {server-mode}", Text),
    immutable("disable-thp", |_, _| Some("yes".to_owned())),
    immutable("tcp-backlog", |_, _| Some("511".to_owned())),
    only("bind-source-addr", "", "an address for connections to others is not available"),
    only("socket-mark-id", "0", "marks of sockets are not available"),
    immutable("unixsocketgroup", |_, _| Some("".to_owned())),
    kept("oom-score-adj", "no", OneOf(&["no", "yes", "relative", "absolute"])),
    kept("oom-score-adj-values", "0 200 800", Text),
    kept("jemalloc-bg-thread", "yes", Flag),
    kept("shutdown-on-sigint", "default", Text),
    kept("shutdown-on-sigterm", "default", Text),
    kept("locale-collate", "", Text),
    immutable("server_cpulist", |_, _| Some("".to_owned())),
    immutable("bio_cpulist", |_, _| Some("".to_owned())),
    immutable("aof_rewrite_cpulist", |_, _| Some("".to_owned())),
    immutable("bgsave_cpulist", |_, _| Some("".to_owned())),
    immutable("ignore-warnings", |_, _| Some("".to_owned())),
    kept("aof-disable-auto-gc", "no", Flag),
    immutable("server-cpulist", |_, _| Some("".to_owned())),
    immutable("bio-cpulist", |_, _| Some("".to_owned())),
    immutable("aof-rewrite-cpulist", |_, _| Some("".to_owned())),
    immutable("bgsave-cpulist", |_, _| Some("".to_owned())),
    kept("availability-zone", "", Text),
    kept("extended-redis-compatibility", "no", Flag),
    kept("prefetch-batch-max-size", "16", Number(0, 128)),
    kept("max-new-connections-per-cycle", "10", Number(1, 1000)),
];

/// A number of seconds; 0 is none.
fn seconds(value: &[u8]) -> Parsed<Option<Duration>> {
    let seconds = number(value, 0..=i32::MAX.into())?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds as u64)))
}

fn seconds_of(duration: Option<Duration>) -> String {
    duration.map_or(0, |duration| duration.as_secs()).to_string()
}

/// A number of bytes from 1 to 1 GiB.
fn up_to_gib(value: &[u8]) -> Parsed<usize> {
    let bytes = bytes(value)?;
    let is_valid = (1..=1 << 30).contains(&bytes);
    is_valid.then_some(bytes).ok_or(Cow::Borrowed("argument must be between 1 and 1073741824 inclusive"))
}

/// A number of bytes, and of seconds; `0 0` is no limit.
#[expect(clippy::option_option, reason = "a limit may be invalid, or none")]
fn slow_sender(value: &[u8]) -> Option<Option<(usize, Duration)>> {
    let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (rate, window) = (bytes(words.next()?).ok()?, number(words.next()?, 0..=i32::MAX.into()).ok()?);
    let limit = (window > 0).then(|| (rate, Duration::from_secs(window as u64)));
    words.next().is_none().then_some(limit)
}
