//! INFO: facts and statistics of the store and of the server in front of it. Fields that are not measured are left out.

use std::{
    fmt::Write,
    hash::{BuildHasher, RandomState},
    sync::OnceLock,
    time::Duration,
};

use kvstore_middleware::{CommandStats, stats::CommandCounts};
use kvstore_protocol::Response;

use super::{config, memory::UsedMemory};
use crate::{
    procfs,
    server::ServerStatus,
    store::{
        call::Call,
        facts::Facts,
        loading::Progress,
        replica::{Phase, Status},
        scripts::ScriptMemory,
        snapshot::Purpose,
        spec::{Answer, Hold::InTurn, Scope, Spec},
    },
};

pub(super) const SPECS: &[Spec] = &[INFO];

/// The version of Redis that the commands and error texts follow.
const REDIS_VERSION: &str = "7.2.4";

/// `INFO [section …]`: facts and statistics, by section.
const INFO: Spec = Spec::new("INFO", info).over(Scope::All(InTurn)).without_data();

fn info(call: &mut Call<'_>) -> Answer {
    let args = call.args();
    let asks = |word: &str| (0..args.len()).any(|index| args.is(index, word));
    let (is_default, is_all) = (args.len() == 0 || asks("default"), asks("all") || asks("everything"));
    let mut text = String::new();
    for (name, write, on_request) in SECTIONS {
        if !(is_all || is_default && !on_request || asks(name)) {
            continue;
        }
        let mut fields = Fields(String::new());
        write(&mut fields, call);
        let separator = if text.is_empty() { "" } else { "\r\n" };
        let _ = write!(text, "{separator}# {name}\r\n{}", fields.0);
    }
    Ok(Response::Verbatim(*b"txt", text.into()))
}

/// Writes the fields of a section.
type Section = fn(&mut Fields, &mut Call<'_>);

/// The sections, in their order, and whether each is left out unless it is asked for, or all are.
const SECTIONS: [(&str, Section, bool); 13] = [
    ("Server", server, false),
    ("Clients", clients, false),
    ("Memory", memory, false),
    ("Persistence", persistence, false),
    ("Stats", stats, false),
    ("Replication", replication, false),
    ("CPU", cpu, false),
    // There are no modules.
    ("Modules", nothing, false),
    ("Commandstats", commandstats, true),
    ("Errorstats", errorstats, false),
    // No command has a histogram of its latency.
    ("Latencystats", nothing, true),
    ("Cluster", cluster, false),
    ("Keyspace", keyspace, false),
];

fn nothing(_: &mut Fields, _: &mut Call<'_>) {}

/// The fields of a section, one a line.
struct Fields(String);

impl Fields {
    fn add(&mut self, name: impl std::fmt::Display, value: impl std::fmt::Display) {
        let _ = write!(self.0, "{name}:{value}\r\n");
    }

    /// A number of bytes, twice: as it is, and shortened for people.
    fn add_bytes(&mut self, name: &str, bytes: u64) {
        self.add(name, bytes);
        self.add(format_args!("{name}_human"), human(bytes));
    }
}

/// `512B`, `1.50K`, `3.20G`.
fn human(bytes: u64) -> String {
    let units = [(1 << 40, 'T'), (1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{:.2}{unit}", bytes as f64 / size as f64),
        None => format!("{bytes}B"),
    }
}

fn server(fields: &mut Fields, call: &mut Call<'_>) {
    let uptime = call.time().saturating_sub(call.store().started).as_secs();
    fields.add("redis_version", REDIS_VERSION);
    // Clients and test suites print it. Redis shows zeros if it was not built from a repository.
    fields.add("redis_git_sha1", "00000000");
    fields.add("redis_git_dirty", 0);
    fields.add("kvstore_version", env!("CARGO_PKG_VERSION"));
    fields.add("redis_mode", "standalone");
    fields.add("os", procfs::system());
    fields.add("arch_bits", usize::BITS);
    fields.add("monotonic_clock", "POSIX clock_gettime");
    fields.add("multiplexing_api", "epoll");
    fields.add("process_id", std::process::id());
    fields.add("run_id", run_id());
    if let Some(port) = config::value_of(call.store(), "port") {
        fields.add("tcp_port", port);
    }
    fields.add("server_time_usec", call.time().as_micros());
    fields.add("uptime_in_seconds", uptime);
    fields.add("uptime_in_days", uptime / (24 * 60 * 60));
    let hz = config::value_of(call.store(), "hz").unwrap_or_default();
    fields.add("hz", &hz);
    fields.add("configured_hz", hz);
    // Seconds in 24 bits.
    fields.add("lru_clock", call.time().as_secs() & 0xff_ffff);
    let executable = std::env::current_exe().unwrap_or_default();
    fields.add("executable", executable.display());
    let file = config::value_of(call.store(), "config").filter(|path| !path.is_empty());
    let file = file.and_then(|path| std::path::absolute(path).ok()).unwrap_or_default();
    fields.add("config_file", file.display());
}

/// A name of this run of the program: 40 hexadecimal digits.
fn run_id() -> &'static str {
    static RUN_ID: OnceLock<String> = OnceLock::new();
    // Each has a random seed of its own.
    let random = || RandomState::new().hash_one(std::process::id());
    RUN_ID.get_or_init(|| (0..3).map(|_| format!("{:016x}", random())).collect::<String>()[..40].to_owned())
}

fn clients(fields: &mut Fields, call: &mut Call<'_>) {
    let Some(status) = call.session().extensions().get::<ServerStatus>() else { return };
    fields.add("connected_clients", status.connections());
    fields.add("cluster_connections", 0);
    fields.add("maxclients", status.max_connections());
    fields.add("blocked_clients", call.store().waiting.len() + status.held_connections());
    fields.add("total_blocking_keys", call.store().waiting.keys());
    fields.add("total_blocking_keys_on_nokey", call.store().waiting.keys_for_change());
    fields.add("tracking_clients", call.store().tracking.clients());
    fields.add("pubsub_clients", call.store().pub_sub.subscribers());
}

fn memory(fields: &mut Fields, call: &mut Call<'_>) {
    let used = UsedMemory::of(call);
    fields.add_bytes("used_memory", used.total() as u64);
    let resident = procfs::resident_memory();
    if let Some(resident) = resident {
        fields.add_bytes("used_memory_rss", resident);
    }
    fields.add_bytes("used_memory_peak", used.peak as u64);
    fields.add("used_memory_peak_perc", percent(used.total(), used.peak));
    fields.add("used_memory_overhead", used.clients + used.scripts);
    // What the program takes without data is not counted as used.
    fields.add("used_memory_startup", 0);
    fields.add_bytes("used_memory_dataset", used.dataset as u64);
    fields.add("used_memory_dataset_perc", percent(used.dataset, used.total()));
    scripts(fields, call);
    if let Some(resident) = resident {
        let ratio = resident as f64 / used.total().max(1) as f64;
        fields.add("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
        fields.add("mem_fragmentation_bytes", resident as i64 - used.total() as i64);
    }
    fields.add("mem_not_counted_for_evict", 0);
    fields.add("mem_replication_backlog", 0);
    fields.add("mem_total_replication_buffers", 0);
    fields.add("mem_clients_slaves", 0);
    fields.add("mem_cluster_links", 0);
    fields.add("mem_aof_buffer", call.store().journal().map_or(0, |journal| journal.pending()));
    fields.add("active_defrag_running", 0);
    fields.add("mem_clients_normal", used.clients);
    if let Some(allocator) = call.store().config.allocator() {
        fields.add("mem_allocator", allocator);
    }
    if let Some(total) = procfs::total_memory() {
        fields.add_bytes("total_system_memory", total);
    }
    fields.add_bytes("maxmemory", 0);
    fields.add("maxmemory_policy", "noeviction");
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64)
}

/// What Redis tells of scripts and functions.
fn scripts(fields: &mut Fields, call: &Call<'_>) {
    let scripts = &call.store().scripts;
    let ScriptMemory { interpreters: [eval, functions], sources: [of_scripts, of_functions] } = scripts.memory();
    let (libraries, number_of_functions) = scripts.libraries.lock().counts();
    fields.add("used_memory_vm_eval", eval);
    fields.add_bytes("used_memory_lua", eval as u64);
    fields.add("used_memory_scripts_eval", of_scripts);
    fields.add("number_of_cached_scripts", scripts.cache.lock().counts().scripts);
    fields.add("number_of_functions", number_of_functions);
    fields.add("number_of_libraries", libraries);
    fields.add("used_memory_vm_functions", functions);
    fields.add_bytes("used_memory_vm_total", (eval + functions) as u64);
    fields.add("used_memory_functions", of_functions);
    fields.add_bytes("used_memory_scripts", (of_scripts + of_functions) as u64);
}

fn persistence(fields: &mut Fields, call: &mut Call<'_>) {
    let is_loading = call.store.is_loading();
    fields.add("loading", u8::from(is_loading));
    fields.add("async_loading", 0);
    if is_loading {
        let Progress { began, total, loaded, percent, remaining } = call.store.loading.progress(call.time());
        fields.add("loading_start_time", began.as_secs());
        fields.add("loading_total_bytes", total);
        fields.add("loading_loaded_bytes", loaded);
        fields.add("loading_loaded_perc", format_args!("{percent:.2}"));
        fields.add("loading_eta_seconds", remaining.as_secs());
    }
    snapshots(fields, call);
    let journal = call.store.journal();
    fields.add("aof_enabled", u8::from(journal.is_some()));
    let is_healthy = journal.as_ref().is_none_or(|journal| journal.is_healthy());
    fields.add("aof_last_write_status", if is_healthy { "ok" } else { "err" });
    if let Some(journal) = journal {
        fields.add("aof_buffer_length", journal.pending());
        fields.add("aof_pending_bio_fsync", u8::from(journal.is_syncing()));
        fields.add("aof_delayed_fsync", journal.delayed_syncs());
        fields.add("aof_current_size", call.store.snapshots.status().size + journal.size());
        fields.add("aof_base_size", call.store.snapshots.status().base());
        // How far the disk is behind. Redis has no such field.
        let unsynced = call.store.last_commit().saturating_sub(journal.last_synced());
        fields.add("aof_unsynced_commits", unsynced);
    }
}

fn snapshots(fields: &mut Fields, call: &mut Call<'_>) {
    let changes = call.all_facts().changes;
    let store = call.store();
    let (status, now) = (store.snapshots.status(), store.clock.now());
    let runs = |purpose| status.running.filter(|(running, _)| *running == purpose);
    let state = if status.failure.is_some() { "err" } else { "ok" };
    let seconds = |time: Option<Duration>| time.map_or(-1, |time| time.as_secs() as i64);
    let running = status.running.map(|(_, began)| now.saturating_sub(began));
    fields.add("rdb_changes_since_last_save", changes.saturating_sub(status.changes));
    fields.add("rdb_bgsave_in_progress", u8::from(runs(Purpose::Save).is_some()));
    fields.add("rdb_last_save_time", status.last_save.as_secs());
    fields.add("rdb_last_bgsave_status", state);
    fields.add("rdb_last_bgsave_time_sec", seconds(status.took));
    fields.add("rdb_current_bgsave_time_sec", seconds(running.filter(|_| runs(Purpose::Save).is_some())));
    fields.add("rdb_saves", status.saves);
    // No process is forked.
    fields.add("current_cow_peak", 0);
    fields.add("current_cow_size", 0);
    fields.add("current_cow_size_age", 0);
    fields.add("current_fork_perc", "0.00");
    fields.add("module_fork_in_progress", 0);
    fields.add("module_fork_last_cow_size", 0);
    fields.add("rdb_last_cow_size", 0);
    // The size of the last snapshot. Redis has no such field.
    fields.add("rdb_last_save_size", status.size);
    fields.add("rdb_last_load_keys_expired", 0);
    fields.add("rdb_last_load_keys_loaded", status.loaded.keys);
    fields.add("aof_rewrite_in_progress", u8::from(runs(Purpose::Rewrite).is_some()));
    fields.add("aof_rewrites", status.rewrites);
    fields.add("aof_rewrite_scheduled", u8::from(status.scheduled == Some(Purpose::Rewrite)));
    // Both kinds of snapshot do the same.
    fields.add("aof_last_rewrite_time_sec", seconds(status.took));
    fields.add("aof_current_rewrite_time_sec", seconds(running.filter(|_| runs(Purpose::Rewrite).is_some())));
    fields.add("aof_last_bgrewrite_status", state);
    fields.add("aof_last_cow_size", 0);
}

fn stats(fields: &mut Fields, call: &mut Call<'_>) {
    if let Some(status) = call.session().extensions().get::<ServerStatus>() {
        fields.add("total_connections_received", status.total_connections());
        traffic(fields, status);
        fields.add("rejected_connections", status.refused_connections());
        fields.add("client_output_buffer_limit_disconnections", status.output_overflows());
        fields.add("evicted_clients", status.evicted_connections());
    }
    let Facts { statistics: total, sealed, .. } = call.all_facts();
    fields.add("expired_keys", total.expired);
    fields.add("expired_subkeys", total.expired_fields);
    // As Valkey names it.
    fields.add("expired_fields", total.expired_fields);
    fields.add("evicted_keys", 0);
    fields.add("evicted_scripts", call.store().scripts.cache.lock().counts().evicted);
    fields.add("keyspace_hits", total.hits);
    fields.add("keyspace_misses", total.misses);
    let tracking = &call.store().tracking;
    fields.add("tracking_total_keys", tracking.keys());
    fields.add("tracking_total_items", tracking.items());
    fields.add("tracking_total_prefixes", tracking.prefixes());
    fields.add("sealed_shards", sealed);
    let pub_sub = &call.store().pub_sub;
    fields.add("pubsub_channels", pub_sub.channels());
    fields.add("pubsub_patterns", pub_sub.patterns());
    fields.add("pubsubshard_channels", pub_sub.shard_channels());
    NEVER.iter().for_each(|name| fields.add(name, 0));
}

/// The statistics of what does not happen here: no process is forked, nothing is evicted or moved, no replica is served.
const NEVER: &[&str] = &[
    "sync_full",
    "sync_partial_ok",
    "sync_partial_err",
    "total_eviction_exceeded_time",
    "current_eviction_exceeded_time",
    "latest_fork_usec",
    "total_forks",
    "migrate_cached_sockets",
    "slave_expires_tracked_keys",
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "acl_access_denied_cmd",
    "acl_access_denied_key",
    "acl_access_denied_channel",
];

fn traffic(fields: &mut Fields, status: &ServerStatus) {
    let (traffic, rates) = (status.traffic(), status.rates());
    if let Some(stats) = status.command_stats() {
        fields.add("total_commands_processed", stats.total_commands());
        fields.add("instantaneous_ops_per_sec", rates.commands.round());
        fields.add("total_error_replies", stats.total_errors());
    }
    fields.add("total_net_input_bytes", traffic.input);
    fields.add("total_net_output_bytes", traffic.output);
    fields.add("instantaneous_input_kbps", format_args!("{:.2}", rates.input / 1024.0));
    fields.add("instantaneous_output_kbps", format_args!("{:.2}", rates.output / 1024.0));
    fields.add("total_reads_processed", traffic.reads);
    fields.add("total_writes_processed", traffic.writes);
}

/// The counts of commands, if the server in front of the store has some.
fn command_stats<'a>(call: &'a Call<'_>) -> Option<&'a CommandStats> {
    call.session().extensions().get::<ServerStatus>()?.command_stats()
}

fn commandstats(fields: &mut Fields, call: &mut Call<'_>) {
    for counts in command_stats(call).map(CommandStats::commands).unwrap_or_default() {
        let CommandCounts { name, calls, time, rejected, failed, .. } = counts;
        let microseconds = time.as_nanos() as f64 / 1000.0;
        let mean = if calls == 0 { 0.0 } else { microseconds / calls as f64 };
        fields.add(
            format_args!("cmdstat_{name}"),
            format_args!(
                "calls={calls},usec={microseconds:.0},usec_per_call={mean:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

fn errorstats(fields: &mut Fields, call: &mut Call<'_>) {
    for (code, count) in command_stats(call).map(CommandStats::errors).unwrap_or_default() {
        fields.add(format_args!("errorstat_{code}"), format_args!("count={count}"));
    }
}

fn cluster(fields: &mut Fields, _: &mut Call<'_>) {
    fields.add("cluster_enabled", 0);
}

fn replication(fields: &mut Fields, call: &mut Call<'_>) {
    let Some(status) = call.store().replication.status() else {
        fields.add("role", "master");
        fields.add("connected_slaves", 0);
        fields.add("master_failover_state", "no-failover");
        fields.add("master_replid", run_id());
        fields.add("master_replid2", NO_ID);
        fields.add("master_repl_offset", 0);
        no_backlog(fields);
        return;
    };
    let Status { master, phase, id, offset, silence, down, received } = status;
    fields.add("role", "slave");
    fields.add("master_host", &master.host);
    fields.add("master_port", master.port);
    fields.add("master_link_status", if phase == Phase::Connected { "up" } else { "down" });
    let silence = silence.map_or(-1, |silence| silence.as_secs() as i64);
    fields.add("master_last_io_seconds_ago", if phase == Phase::Connected { silence } else { -1 });
    fields.add("master_sync_in_progress", u8::from(phase == Phase::Sync));
    fields.add("slave_read_repl_offset", offset);
    fields.add("slave_repl_offset", offset);
    if phase == Phase::Sync {
        let (read, total) = received;
        fields.add("master_sync_total_bytes", total.unwrap_or(0));
        fields.add("master_sync_read_bytes", read);
        fields.add("master_sync_left_bytes", total.map_or(-1, |total| total.saturating_sub(read) as i64));
    }
    if phase != Phase::Connected {
        fields.add("master_link_down_since_seconds", down.map_or(-1, |down| down.as_secs() as i64));
    }
    fields.add("slave_priority", 100);
    fields.add("slave_read_only", u8::from(call.store().replication.is_read_only()));
    fields.add("replica_announced", 1);
    fields.add("connected_slaves", 0);
    fields.add("master_failover_state", "no-failover");
    fields.add("master_replid", id.unwrap_or_default());
    fields.add("master_replid2", NO_ID);
    fields.add("master_repl_offset", offset);
    no_backlog(fields);
}

const NO_ID: &str = "0000000000000000000000000000000000000000";

/// No replica is served, so that nothing is kept for one.
fn no_backlog(fields: &mut Fields) {
    fields.add("second_repl_offset", -1);
    for name in ["active", "size", "first_byte_offset", "histlen"] {
        fields.add(format_args!("repl_backlog_{name}"), 0);
    }
}

fn cpu(fields: &mut Fields, _: &mut Call<'_>) {
    if let Some((system, user)) = procfs::processor_time() {
        fields.add("used_cpu_sys", format_args!("{:.6}", system.as_secs_f64()));
        fields.add("used_cpu_user", format_args!("{:.6}", user.as_secs_f64()));
        // There are no children.
        fields.add("used_cpu_sys_children", "0.000000");
        fields.add("used_cpu_user_children", "0.000000");
    }
}

fn keyspace(fields: &mut Fields, call: &mut Call<'_>) {
    let now = call.now();
    for database in 0..call.store().databases.len() {
        let Facts { keys, expiring, expiries, expiring_hashes: hashes, .. } = call.facts(database);
        if keys > 0 {
            let mean = expiries.checked_div(expiring as u128).map_or(now, |mean| mean as u64);
            let ttl = mean.saturating_sub(now);
            let counts = format_args!(
                "keys={keys},expires={expiring},avg_ttl={ttl},subexpiry={hashes},keys_with_volatile_items={hashes}"
            );
            fields.add(format_args!("db{database}"), counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    fn text(store: &TestStore, line: &str) -> String {
        String::from_utf8_lossy(store.answer(line).as_bytes().expect("a text")).into_owned()
    }

    #[test]
    fn sections_are_those_asked_for_in_their_own_order() {
        let store = TestStore::new();
        let text = text(&store, "INFO keyspace REPLICATION nosuch");
        assert!(text.starts_with("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"), "{text}");
        assert!(text.ends_with("repl_backlog_histlen:0\r\n\r\n# Keyspace\r\n"), "{text}");
        assert_eq!(self::text(&store, "INFO nosuch"), "");
        assert!(
            self::text(&store, "INFO").starts_with("# Server\r\nredis_version:7.2.4\r\nredis_git_sha1:00000000\r\n")
        );
        assert_eq!(self::text(&store, "INFO").matches("# ").count(), 11);
        for all in ["INFO all", "INFO everything", "INFO default commandstats latencystats"] {
            assert_eq!(self::text(&store, all).matches("# ").count(), 13, "{all}");
        }
    }

    #[test]
    fn tools_find_the_fields_of_redis() {
        let text = text(&TestStore::new(), "INFO everything");
        for field in [
            "mem_fragmentation_ratio",
            "config_file",
            "executable",
            "hz",
            "configured_hz",
            "lru_clock",
            "master_replid",
            "master_replid2",
            "second_repl_offset",
            "repl_backlog_active",
            "aof_last_write_status",
            "used_memory_overhead",
            "used_memory_dataset",
            "used_memory_startup",
            "latest_fork_usec",
            "total_forks",
        ] {
            assert_eq!(text.matches(&format!("\n{field}:")).count(), 1, "{field}");
        }
        let names: Vec<_> = text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn databases_with_keys_show_their_expiries() {
        let store = TestStore::new();
        store.check([("MSET a 1 b 2", "+OK"), ("SET c 1 PX 1000", "+OK"), ("SET d 1 PX 3000", "+OK")]);
        store.pass(500);
        assert_eq!(
            text(&store, "INFO keyspace"),
            "# Keyspace\r\ndb0:keys=4,expires=2,avg_ttl=1500,subexpiry=0,keys_with_volatile_items=0\r\n"
        );
        store.check([
            ("HSETEX h PX 100 FIELDS 2 a 1 b 2", ":1"),
            ("HSETEX i PX 100 FIELDS 1 a 1", ":1"),
            ("HSET i b 1", ":1"),
            ("HSETEX j PX 9000 FIELDS 1 a 1", ":1"),
        ]);
        let keyspace = |store: &TestStore| text(store, "INFO keyspace");
        assert_eq!(
            keyspace(&store),
            "# Keyspace\r\ndb0:keys=7,expires=2,avg_ttl=1500,subexpiry=3,keys_with_volatile_items=3\r\n"
        );
        store.pass(101);
        store.remove_expired();
        assert_eq!(
            keyspace(&store),
            "# Keyspace\r\ndb0:keys=6,expires=2,avg_ttl=1399,subexpiry=1,keys_with_volatile_items=1\r\n"
        );
        let stats = text(&store, "INFO stats");
        assert!(stats.contains("\nexpired_subkeys:3\r\n") && stats.contains("\nexpired_keys:0\r\n"));
    }

    #[test]
    fn reads_count_as_hits_or_misses_and_writes_do_not() {
        let store = TestStore::new();
        for line in ["SET k 1", "GET k", "GET x", "EXISTS k x", "INCR k", "DEL x", "EXPIRE x 1", "TTL k", "TYPE x"] {
            store.answer(line);
        }
        let stats = text(&store, "INFO stats");
        assert!(stats.contains("keyspace_hits:3\r\nkeyspace_misses:3\r\n"), "{stats}");
    }

    #[test]
    fn used_memory_is_that_of_the_entries_and_has_a_peak() {
        let store = TestStore::new();
        let used = |name: &str| {
            let memory = text(&store, "INFO memory");
            let line = memory.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
            line.parse::<usize>().expect("a number")
        };
        let empty = used("used_memory:");
        store.answer(&format!("SET k {}", "x".repeat(1_000_000)));
        let full = used("used_memory:");
        assert!((1_000_000..1_200_000).contains(&(full - empty)), "{empty} {full}");
        assert_eq!((used("used_memory_dataset:"), used("mem_clients_normal:")), (full, 0));
        store.answer("DEL k");
        assert!(used("used_memory:") < 1_000_000);
        assert_eq!(used("used_memory_peak:"), full);
    }

    #[test]
    fn shards_that_are_sealed_are_counted() {
        let store = TestStore::new();
        assert!(text(&store, "INFO stats").contains("sealed_shards:0\r\n"));
        store.store().handle.databases.lock_any(0).seal();
        assert!(text(&store, "INFO stats").contains("sealed_shards:1\r\n"));
        store.answer("FLUSHALL");
        assert!(text(&store, "INFO stats").contains("sealed_shards:0\r\n"));
    }

    #[test]
    fn uptime_counts_from_the_start_of_the_store() {
        let store = TestStore::new();
        store.pass(2 * 24 * 60 * 60 * 1000 + 5000);
        let server = text(&store, "INFO server");
        assert!(server.contains("uptime_in_seconds:172805\r\nuptime_in_days:2\r\n"), "{server}");
        assert!(server.contains("tcp_port:7000\r\n"), "{server}");
    }

    #[test]
    fn numbers_of_bytes_are_shortened_for_people() {
        for (bytes, shown) in [(0, "0B"), (1023, "1023B"), (1536, "1.50K"), (3 << 20, "3.00M"), (5 << 30, "5.00G")] {
            assert_eq!(super::human(bytes), shown);
        }
    }
}
