//! The rows of the catalog: the commands of Redis 7.2, and those added by later versions of Redis and Valkey.
//!
//! Arity, flags, keys, tips and ACL categories are those that `COMMAND` of these servers shows; some flags are additions
//! of this project. To add a command, add a row.

use super::{Arity, Flags, KeyFlags, KeySpec, KnownCommand, options};

/// A row: the name, the group, the arity, the flags. Its ACL categories follow from group and flags.
const fn row(name: &'static str, group: &'static str, arity: Arity, flags: &[Flags]) -> KnownCommand {
    KnownCommand::new(name, group, arity, Flags::all(flags))
}

const fn exactly(words: usize) -> Arity {
    Arity::exactly(words)
}

const fn at_least(words: usize) -> Arity {
    Arity::at_least(words)
}

/// A key at a word, or where the search for keys begins.
const fn key(index: usize, flags: &[KeyFlags]) -> KeySpec {
    KeySpec::new(index, KeyFlags::all(flags))
}

/// Keys that a specification cannot describe.
const fn unknown(flags: &[KeyFlags]) -> KeySpec {
    KeySpec::unknown(KeyFlags::all(flags))
}

const READ: Flags = Flags::READ;
const WRITE: Flags = Flags::WRITE;
const DENY_OOM: Flags = Flags::DENY_OOM;
const FAST: Flags = Flags::FAST;
const ADMIN: Flags = Flags::ADMIN;
const DANGEROUS: Flags = Flags::DANGEROUS;
const BLOCKING: Flags = Flags::BLOCKING;
const NO_SCRIPT: Flags = Flags::NO_SCRIPT;
const PUBSUB: Flags = Flags::PUBSUB;
const LOADING: Flags = Flags::LOADING;
const STALE: Flags = Flags::STALE;
const NO_AUTH: Flags = Flags::NO_AUTH;
const NO_MULTI: Flags = Flags::NO_MULTI;
const ALLOW_BUSY: Flags = Flags::ALLOW_BUSY;
const SKIP_MONITOR: Flags = Flags::SKIP_MONITOR;
const SKIP_SLOWLOG: Flags = Flags::SKIP_SLOWLOG;
const NO_ASYNC_LOADING: Flags = Flags::NO_ASYNC_LOADING;
const NO_MANDATORY_KEYS: Flags = Flags::NO_MANDATORY_KEYS;
const ASKING: Flags = Flags::ASKING;
const EXCLUSIVE: Flags = Flags::EXCLUSIVE;
const CONNECTION: Flags = Flags::CONNECTION;
const SENSITIVE: Flags = Flags::SENSITIVE;
const RUNS_COMMANDS: Flags = Flags::RUNS_COMMANDS;
const TRANSACTION: Flags = Flags::TRANSACTION;
const SUBSCRIPTION: Flags = Flags::SUBSCRIPTION;
const NO_SINGLE_REPLY: Flags = Flags::NO_SINGLE_REPLY;

/// Allowed before the client has authenticated, and changes the connection.
const SESSION: Flags = Flags::all(&[FAST, NO_SCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, EXCLUSIVE, CONNECTION]);
/// Runs a script.
const SCRIPT: Flags = Flags::all(&[NO_SCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS]);
/// Begins or ends a subscription.
const SUBSCRIBES: Flags = Flags::all(&[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION]);
/// Part of a transaction.
const TRANSACTS: Flags = Flags::all(&[NO_SCRIPT, LOADING, STALE, EXCLUSIVE, TRANSACTION]);

const RO: KeyFlags = KeyFlags::RO;
const RW: KeyFlags = KeyFlags::RW;
const OW: KeyFlags = KeyFlags::OW;
const RM: KeyFlags = KeyFlags::RM;
const ACCESS: KeyFlags = KeyFlags::ACCESS;
const UPDATE: KeyFlags = KeyFlags::UPDATE;
const INSERT: KeyFlags = KeyFlags::INSERT;
const DELETE: KeyFlags = KeyFlags::DELETE;
const NOT_KEY: KeyFlags = KeyFlags::NOT_KEY;
const INCOMPLETE: KeyFlags = KeyFlags::INCOMPLETE;
const VARIABLE_FLAGS: KeyFlags = KeyFlags::VARIABLE_FLAGS;

const NONDETERMINISTIC: &str = "nondeterministic_output";
const NONDETERMINISTIC_ORDER: &str = "nondeterministic_output_order";
const ALL_NODES: &str = "request_policy:all_nodes";
const ALL_SHARDS: &str = "request_policy:all_shards";
const MULTI_SHARD: &str = "request_policy:multi_shard";
const SPECIAL_REQUEST: &str = "request_policy:special";
const AGG_LOGICAL_AND: &str = "response_policy:agg_logical_and";
const AGG_MIN: &str = "response_policy:agg_min";
const AGG_SUM: &str = "response_policy:agg_sum";
const ALL_SUCCEEDED: &str = "response_policy:all_succeeded";
const ONE_SUCCEEDED: &str = "response_policy:one_succeeded";
const SPECIAL_RESPONSE: &str = "response_policy:special";
/// Each node reports for itself.
const NODE_REPORT: &[&str] = &[NONDETERMINISTIC, ALL_NODES, SPECIAL_RESPONSE];
/// Each shard reports for itself.
const SHARD_REPORT: &[&str] = &[NONDETERMINISTIC, ALL_SHARDS, SPECIAL_RESPONSE];

/// All commands. The ID of a command is its position in this list, counted from 1.
pub(super) static COMMANDS: [KnownCommand; 262] = [
    // server
    row("ACL", "server", at_least(2), &[SENSITIVE]).subs(&ACL_SUBCOMMANDS),
    row("BGREWRITEAOF", "server", exactly(1), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING]),
    row("BGSAVE", "server", at_least(1), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING]),
    row("COMMAND", "server", at_least(1), &[LOADING, STALE])
        .with_tips(&[NONDETERMINISTIC_ORDER])
        .with_categories(&["connection"])
        .subs(&COMMAND_SUBCOMMANDS),
    row("CONFIG", "server", at_least(2), &[SENSITIVE]).subs(&CONFIG_SUBCOMMANDS),
    row("DBSIZE", "server", exactly(1), &[READ, FAST]).with_tips(&[ALL_SHARDS, AGG_SUM]).with_categories(&["keyspace"]),
    row("DEBUG", "server", at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("FAILOVER", "server", at_least(1), &[ADMIN, NO_SCRIPT, STALE]),
    row("FLUSHALL", "server", at_least(1), &[WRITE, DANGEROUS])
        .with_tips(&[ALL_SHARDS, ALL_SUCCEEDED])
        .with_categories(&["keyspace"]),
    row("FLUSHDB", "server", at_least(1), &[WRITE, DANGEROUS])
        .with_tips(&[ALL_SHARDS, ALL_SUCCEEDED])
        .with_categories(&["keyspace"]),
    row("INFO", "server", at_least(1), &[DANGEROUS, LOADING, STALE]).with_tips(SHARD_REPORT),
    row("LASTSAVE", "server", exactly(1), &[FAST, DANGEROUS, LOADING, STALE])
        .with_tips(&[NONDETERMINISTIC])
        .with_categories(&["admin"]),
    row("LATENCY", "server", at_least(2), &[]).subs(&LATENCY_SUBCOMMANDS),
    row("LOLWUT", "server", at_least(1), &[READ, FAST]),
    row("MEMORY", "server", at_least(2), &[]).subs(&MEMORY_SUBCOMMANDS),
    row("MODULE", "server", at_least(2), &[]).subs(&MODULE_SUBCOMMANDS),
    row("MONITOR", "server", exactly(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, EXCLUSIVE, CONNECTION, NO_SINGLE_REPLY]),
    row("PSYNC", "server", at_least(3), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING, NO_SINGLE_REPLY]),
    row("REPLCONF", "server", at_least(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY]),
    row("REPLICAOF", "server", exactly(3), &[ADMIN, NO_SCRIPT, STALE, NO_ASYNC_LOADING]),
    row("RESTORE-ASKING", "server", at_least(4), &[WRITE, DENY_OOM, DANGEROUS, ASKING])
        .keys(&[key(1, &[OW, UPDATE])])
        .with_categories(&["keyspace"]),
    row("ROLE", "server", exactly(1), &[FAST, DANGEROUS, NO_SCRIPT, LOADING, STALE]).with_categories(&["admin"]),
    row("SAVE", "server", exactly(1), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING]),
    row("SHUTDOWN", "server", at_least(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY]),
    row("SLAVEOF", "server", exactly(3), &[ADMIN, NO_SCRIPT, STALE, NO_ASYNC_LOADING]),
    row("SLOWLOG", "server", at_least(2), &[]).subs(&SLOWLOG_SUBCOMMANDS),
    row("SWAPDB", "server", exactly(3), &[WRITE, FAST, DANGEROUS]).with_categories(&["keyspace"]),
    row("SYNC", "server", exactly(1), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING, NO_SINGLE_REPLY]),
    row("TIME", "server", exactly(1), &[FAST, LOADING, STALE]).with_tips(&[NONDETERMINISTIC]),
    // string
    row("APPEND", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("DECR", "string", exactly(2), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("DECRBY", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("DELEX", "string", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("DELIFEQ", "string", exactly(3), &[WRITE, FAST]).keys(&[key(1, &[RM, ACCESS, DELETE])]),
    row("DIGEST", "string", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("GET", "string", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("GETDEL", "string", exactly(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("GETEX", "string", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("GETRANGE", "string", exactly(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GETSET", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("INCR", "string", exactly(2), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("INCRBY", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("INCRBYFLOAT", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("INCREX", "string", at_least(2), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("LCS", "string", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).to(1)]),
    row("MGET", "string", at_least(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS]).to(-1)]).with_tips(&[MULTI_SHARD]),
    row("MSET", "string", at_least(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]).to(-1).every(2)])
        .with_tips(&[MULTI_SHARD, ALL_SUCCEEDED]),
    row("MSETEX", "string", at_least(4), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]).counted().every(2)])
        .with_tips(&[MULTI_SHARD, ALL_SUCCEEDED]),
    row("MSETNX", "string", at_least(3), &[WRITE, DENY_OOM]).keys(&[key(1, &[OW, INSERT]).to(-1).every(2)]),
    row("PSETEX", "string", exactly(4), &[WRITE, DENY_OOM]).keys(&[key(1, &[OW, UPDATE])]),
    row("SET", "string", at_least(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS]).flagged_by(options::set_flags)]),
    row("SETEX", "string", exactly(4), &[WRITE, DENY_OOM]).keys(&[key(1, &[OW, UPDATE])]),
    row("SETNX", "string", exactly(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[OW, INSERT])]),
    row("SETRANGE", "string", exactly(4), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, UPDATE])]),
    row("STRLEN", "string", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("SUBSTR", "string", exactly(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    // cluster
    row("ASKING", "cluster", exactly(1), &[FAST, EXCLUSIVE]).with_categories(&["connection"]),
    row("CLUSTER", "cluster", at_least(2), &[]).subs(&CLUSTER_SUBCOMMANDS),
    row("READONLY", "cluster", exactly(1), &[FAST, LOADING, STALE, EXCLUSIVE]).with_categories(&["connection"]),
    row("READWRITE", "cluster", exactly(1), &[FAST, LOADING, STALE, EXCLUSIVE]).with_categories(&["connection"]),
    // connection
    row("AUTH", "connection", at_least(2), &[SESSION, SENSITIVE]),
    row("CLIENT", "connection", at_least(2), &[EXCLUSIVE, CONNECTION]).with_categories(&[]).subs(&CLIENT_SUBCOMMANDS),
    row("ECHO", "connection", exactly(2), &[FAST, LOADING, STALE, CONNECTION]),
    row("HELLO", "connection", at_least(1), &[SESSION, SENSITIVE]),
    row("PING", "connection", Arity::between(1, 2), &[FAST, CONNECTION]).with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("QUIT", "connection", at_least(1), &[SESSION]),
    row("RESET", "connection", exactly(1), &[SESSION]),
    row("SELECT", "connection", exactly(2), &[FAST, LOADING, STALE, EXCLUSIVE, CONNECTION]),
    // bitmap
    row("BITCOUNT", "bitmap", at_least(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("BITFIELD", "bitmap", at_least(2), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[RW, ACCESS, UPDATE, VARIABLE_FLAGS]).flagged_by(options::bitfield_flags)]),
    row("BITFIELD_RO", "bitmap", at_least(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("BITOP", "bitmap", at_least(4), &[WRITE, DENY_OOM])
        .keys(&[key(2, &[OW, UPDATE]), key(3, &[RO, ACCESS]).to(-1)]),
    row("BITPOS", "bitmap", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GETBIT", "bitmap", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("SETBIT", "bitmap", exactly(4), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    // list
    row("BLMOVE", "list", exactly(6), &[WRITE, DENY_OOM, BLOCKING])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])]),
    row("BLMPOP", "list", at_least(5), &[WRITE, BLOCKING]).keys(&[key(2, &[RW, ACCESS, DELETE]).counted()]),
    row("BLPOP", "list", at_least(3), &[WRITE, BLOCKING]).keys(&[key(1, &[RW, ACCESS, DELETE]).to(-2)]),
    row("BRPOP", "list", at_least(3), &[WRITE, BLOCKING]).keys(&[key(1, &[RW, ACCESS, DELETE]).to(-2)]),
    row("BRPOPLPUSH", "list", exactly(4), &[WRITE, DENY_OOM, BLOCKING])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])]),
    row("LINDEX", "list", exactly(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("LINSERT", "list", exactly(5), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, INSERT])]),
    row("LLEN", "list", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("LMOVE", "list", exactly(5), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])]),
    row("LMPOP", "list", at_least(4), &[WRITE]).keys(&[key(1, &[RW, ACCESS, DELETE]).counted()]),
    row("LPOP", "list", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("LPOS", "list", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("LPUSH", "list", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("LPUSHX", "list", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("LRANGE", "list", exactly(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("LREM", "list", exactly(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]),
    row("LSET", "list", exactly(4), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, UPDATE])]),
    row("LTRIM", "list", exactly(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]),
    row("RPOP", "list", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("RPOPLPUSH", "list", exactly(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])]),
    row("RPUSH", "list", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("RPUSHX", "list", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    // sorted-set
    row("BZMPOP", "sorted-set", at_least(5), &[WRITE, BLOCKING]).keys(&[key(2, &[RW, ACCESS, DELETE]).counted()]),
    row("BZPOPMAX", "sorted-set", at_least(3), &[WRITE, FAST, BLOCKING]).keys(&[key(1, &[RW, ACCESS, DELETE]).to(-2)]),
    row("BZPOPMIN", "sorted-set", at_least(3), &[WRITE, FAST, BLOCKING]).keys(&[key(1, &[RW, ACCESS, DELETE]).to(-2)]),
    row("ZADD", "sorted-set", at_least(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("ZCARD", "sorted-set", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("ZCOUNT", "sorted-set", exactly(4), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZDIFF", "sorted-set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("ZDIFFSTORE", "sorted-set", at_least(4), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS]).counted()]),
    row("ZINCRBY", "sorted-set", exactly(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("ZINTER", "sorted-set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("ZINTERCARD", "sorted-set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("ZINTERSTORE", "sorted-set", at_least(4), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS]).counted()]),
    row("ZLEXCOUNT", "sorted-set", exactly(4), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZMPOP", "sorted-set", at_least(4), &[WRITE]).keys(&[key(1, &[RW, ACCESS, DELETE]).counted()]),
    row("ZMSCORE", "sorted-set", at_least(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZPOPMAX", "sorted-set", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("ZPOPMIN", "sorted-set", at_least(2), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("ZRANDMEMBER", "sorted-set", at_least(2), &[READ])
        .keys(&[key(1, &[RO, ACCESS])])
        .with_tips(&[NONDETERMINISTIC]),
    row("ZRANGE", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZRANGEBYLEX", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZRANGEBYSCORE", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZRANGESTORE", "sorted-set", at_least(5), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS])]),
    row("ZRANK", "sorted-set", at_least(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZREM", "sorted-set", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("ZREMRANGEBYLEX", "sorted-set", exactly(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]),
    row("ZREMRANGEBYRANK", "sorted-set", exactly(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]),
    row("ZREMRANGEBYSCORE", "sorted-set", exactly(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]),
    row("ZREVRANGE", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZREVRANGEBYLEX", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZREVRANGEBYSCORE", "sorted-set", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZREVRANK", "sorted-set", at_least(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZSCAN", "sorted-set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("ZSCORE", "sorted-set", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("ZUNION", "sorted-set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("ZUNIONSTORE", "sorted-set", at_least(4), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS]).counted()]),
    // generic
    row("COPY", "generic", at_least(3), &[WRITE, DENY_OOM]).keys(&[key(1, &[RO, ACCESS]), key(2, &[OW, UPDATE])]),
    row("DEL", "generic", at_least(2), &[WRITE])
        .keys(&[key(1, &[RM, DELETE]).to(-1)])
        .with_tips(&[MULTI_SHARD, AGG_SUM]),
    row("DUMP", "generic", exactly(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("EXISTS", "generic", at_least(2), &[READ, FAST])
        .keys(&[key(1, &[RO]).to(-1)])
        .with_tips(&[MULTI_SHARD, AGG_SUM]),
    row("EXPIRE", "generic", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("EXPIREAT", "generic", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("EXPIRETIME", "generic", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("KEYS", "generic", exactly(2), &[READ, DANGEROUS]).with_tips(&[ALL_SHARDS, NONDETERMINISTIC_ORDER]),
    row("MIGRATE", "generic", at_least(6), &[WRITE, DANGEROUS, SENSITIVE])
        .keys(&[
            key(3, &[RW, ACCESS, DELETE]).found_by(options::migrate_key),
            key(2, &[RW, ACCESS, DELETE, INCOMPLETE])
                .after_last("KEYS")
                .to(-1)
                .found_by(options::migrate_keys)
                .flagged_by(options::migrate_flags),
        ])
        .with_tips(&[NONDETERMINISTIC]),
    row("MOVE", "generic", exactly(3), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("OBJECT", "generic", at_least(2), &[]).with_categories(&[]).subs(&OBJECT_SUBCOMMANDS),
    row("PERSIST", "generic", exactly(2), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("PEXPIRE", "generic", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("PEXPIREAT", "generic", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("PEXPIRETIME", "generic", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("PTTL", "generic", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("RANDOMKEY", "generic", exactly(1), &[READ]).with_tips(&[ALL_SHARDS, SPECIAL_RESPONSE, NONDETERMINISTIC]),
    row("RENAME", "generic", exactly(3), &[WRITE]).keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[OW, UPDATE])]),
    row("RENAMENX", "generic", exactly(3), &[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[OW, INSERT])]),
    row("RESTORE", "generic", at_least(4), &[WRITE, DENY_OOM, DANGEROUS]).keys(&[key(1, &[OW, UPDATE])]),
    row("SCAN", "generic", at_least(2), &[READ]).with_tips(&[NONDETERMINISTIC, SPECIAL_REQUEST, SPECIAL_RESPONSE]),
    row("SORT", "generic", at_least(2), &[WRITE, DENY_OOM, DANGEROUS])
        .keys(&[
            key(1, &[RO, ACCESS]),
            unknown(&[RO, ACCESS]),
            unknown(&[OW, UPDATE]).found_by(options::sort_destination),
        ])
        .with_categories(&["set", "sortedset", "list"]),
    row("SORT_RO", "generic", at_least(2), &[READ, DANGEROUS])
        .keys(&[key(1, &[RO, ACCESS]), unknown(&[RO, ACCESS])])
        .with_categories(&["set", "sortedset", "list"]),
    row("TOUCH", "generic", at_least(2), &[READ, FAST])
        .keys(&[key(1, &[RO]).to(-1)])
        .with_tips(&[MULTI_SHARD, AGG_SUM]),
    row("TTL", "generic", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("TYPE", "generic", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("UNLINK", "generic", at_least(2), &[WRITE, FAST])
        .keys(&[key(1, &[RM, DELETE]).to(-1)])
        .with_tips(&[MULTI_SHARD, AGG_SUM]),
    row("WAIT", "generic", exactly(3), &[BLOCKING]).with_tips(&[ALL_SHARDS, AGG_MIN]).with_categories(&["connection"]),
    row("WAITAOF", "generic", exactly(4), &[BLOCKING])
        .with_tips(&[ALL_SHARDS, AGG_MIN])
        .with_categories(&["connection"]),
    // transactions
    row("DISCARD", "transactions", exactly(1), &[TRANSACTS, FAST, ALLOW_BUSY]),
    row("EXEC", "transactions", exactly(1), &[TRANSACTS, SKIP_SLOWLOG]),
    row("MULTI", "transactions", exactly(1), &[TRANSACTS, FAST, ALLOW_BUSY]),
    row("UNWATCH", "transactions", exactly(1), &[TRANSACTS, FAST, ALLOW_BUSY]),
    row("WATCH", "transactions", at_least(2), &[TRANSACTS, FAST, ALLOW_BUSY]).keys(&[key(1, &[RO]).to(-1)]),
    // scripting
    row("EVAL", "scripting", at_least(3), &[SCRIPT]).keys(&[key(2, &[RW, ACCESS, UPDATE]).counted()]),
    row("EVAL_RO", "scripting", at_least(3), &[SCRIPT, READ]).keys(&[key(2, &[RO, ACCESS]).counted()]),
    row("EVALSHA", "scripting", at_least(3), &[SCRIPT]).keys(&[key(2, &[RW, ACCESS, UPDATE]).counted()]),
    row("EVALSHA_RO", "scripting", at_least(3), &[SCRIPT, READ]).keys(&[key(2, &[RO, ACCESS]).counted()]),
    row("FCALL", "scripting", at_least(3), &[SCRIPT]).keys(&[key(2, &[RW, ACCESS, UPDATE]).counted()]),
    row("FCALL_RO", "scripting", at_least(3), &[SCRIPT, READ]).keys(&[key(2, &[RO, ACCESS]).counted()]),
    row("FUNCTION", "scripting", at_least(2), &[]).with_categories(&[]).subs(&FUNCTION_SUBCOMMANDS),
    row("SCRIPT", "scripting", at_least(2), &[]).with_categories(&[]).subs(&SCRIPT_SUBCOMMANDS),
    // geo
    row("GEOADD", "geo", at_least(5), &[WRITE, DENY_OOM]).keys(&[key(1, &[RW, UPDATE])]),
    row("GEODIST", "geo", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEOHASH", "geo", at_least(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEOPOS", "geo", at_least(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEORADIUS", "geo", at_least(6), &[WRITE, DENY_OOM]).keys(&[
        key(1, &[RO, ACCESS]),
        key(6, &[OW, UPDATE]).after("STORE").found_by(options::georadius_destination),
        key(6, &[OW, UPDATE]).after("STOREDIST").found_by(options::georadius_distances),
    ]),
    row("GEORADIUS_RO", "geo", at_least(6), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEORADIUSBYMEMBER", "geo", at_least(5), &[WRITE, DENY_OOM]).keys(&[
        key(1, &[RO, ACCESS]),
        key(5, &[OW, UPDATE]).after("STORE").found_by(options::georadiusbymember_destination),
        key(5, &[OW, UPDATE]).after("STOREDIST").found_by(options::georadiusbymember_distances),
    ]),
    row("GEORADIUSBYMEMBER_RO", "geo", at_least(5), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEOSEARCH", "geo", at_least(7), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("GEOSEARCHSTORE", "geo", at_least(8), &[WRITE, DENY_OOM]).keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS])]),
    // hash
    row("HDEL", "hash", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("HEXISTS", "hash", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("HEXPIRE", "hash", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HEXPIREAT", "hash", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HEXPIRETIME", "hash", at_least(5), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("HGET", "hash", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("HGETALL", "hash", exactly(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC_ORDER]),
    row("HGETDEL", "hash", at_least(5), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE])]),
    row("HGETEX", "hash", at_least(5), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("HINCRBY", "hash", exactly(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("HINCRBYFLOAT", "hash", exactly(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, ACCESS, UPDATE])]),
    row("HKEYS", "hash", exactly(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC_ORDER]),
    row("HLEN", "hash", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("HMGET", "hash", at_least(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("HMSET", "hash", at_least(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HPERSIST", "hash", at_least(5), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HPEXPIRE", "hash", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HPEXPIREAT", "hash", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HPEXPIRETIME", "hash", at_least(5), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("HPTTL", "hash", at_least(5), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("HRANDFIELD", "hash", at_least(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("HSCAN", "hash", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("HSET", "hash", at_least(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HSETEX", "hash", at_least(6), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("HSETNX", "hash", exactly(4), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("HSTRLEN", "hash", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("HTTL", "hash", at_least(5), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("HVALS", "hash", exactly(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC_ORDER]),
    // hyperloglog
    row("PFADD", "hyperloglog", at_least(2), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("PFCOUNT", "hyperloglog", at_least(2), &[READ]).keys(&[key(1, &[RW, ACCESS]).to(-1)]),
    row("PFDEBUG", "hyperloglog", exactly(3), &[WRITE, DENY_OOM, ADMIN]).keys(&[key(2, &[RW, ACCESS])]),
    row("PFMERGE", "hyperloglog", at_least(2), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[RW, ACCESS, INSERT]), key(2, &[RO, ACCESS]).to(-1)]),
    row("PFSELFTEST", "hyperloglog", exactly(1), &[ADMIN]),
    // pubsub
    row("PSUBSCRIBE", "pubsub", at_least(2), &[SUBSCRIBES]),
    row("PUBLISH", "pubsub", exactly(3), &[FAST, PUBSUB, LOADING, STALE]),
    row("PUBSUB", "pubsub", at_least(2), &[]).subs(&PUBSUB_SUBCOMMANDS),
    row("PUNSUBSCRIBE", "pubsub", at_least(1), &[SUBSCRIBES]),
    row("SPUBLISH", "pubsub", exactly(3), &[FAST, PUBSUB, LOADING, STALE]).keys(&[key(1, &[NOT_KEY])]),
    row("SSUBSCRIBE", "pubsub", at_least(2), &[SUBSCRIBES]).keys(&[key(1, &[NOT_KEY]).to(-1)]),
    row("SUBSCRIBE", "pubsub", at_least(2), &[SUBSCRIBES]),
    row("SUNSUBSCRIBE", "pubsub", at_least(1), &[SUBSCRIBES]).keys(&[key(1, &[NOT_KEY]).to(-1)]),
    row("UNSUBSCRIBE", "pubsub", at_least(1), &[SUBSCRIBES]),
    // set
    row("SADD", "set", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, INSERT])]),
    row("SCARD", "set", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("SDIFF", "set", at_least(2), &[READ])
        .keys(&[key(1, &[RO, ACCESS]).to(-1)])
        .with_tips(&[NONDETERMINISTIC_ORDER]),
    row("SDIFFCARD", "set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("SDIFFSTORE", "set", at_least(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS]).to(-1)]),
    row("SINTER", "set", at_least(2), &[READ])
        .keys(&[key(1, &[RO, ACCESS]).to(-1)])
        .with_tips(&[NONDETERMINISTIC_ORDER]),
    row("SINTERCARD", "set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("SINTERSTORE", "set", at_least(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[RW, UPDATE]), key(2, &[RO, ACCESS]).to(-1)]),
    row("SISMEMBER", "set", exactly(3), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("SMEMBERS", "set", exactly(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC_ORDER]),
    row("SMISMEMBER", "set", at_least(3), &[READ, FAST]).keys(&[key(1, &[RO, ACCESS])]),
    row("SMOVE", "set", exactly(4), &[WRITE, FAST]).keys(&[key(1, &[RW, ACCESS, DELETE]), key(2, &[RW, INSERT])]),
    row("SPOP", "set", at_least(2), &[WRITE, FAST])
        .keys(&[key(1, &[RW, ACCESS, DELETE])])
        .with_tips(&[NONDETERMINISTIC]),
    row("SRANDMEMBER", "set", at_least(2), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("SREM", "set", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("SSCAN", "set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("SUNION", "set", at_least(2), &[READ])
        .keys(&[key(1, &[RO, ACCESS]).to(-1)])
        .with_tips(&[NONDETERMINISTIC_ORDER]),
    row("SUNIONCARD", "set", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS]).counted()]),
    row("SUNIONSTORE", "set", at_least(3), &[WRITE, DENY_OOM])
        .keys(&[key(1, &[OW, UPDATE]), key(2, &[RO, ACCESS]).to(-1)]),
    // stream
    row("XACK", "stream", at_least(4), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("XACKDEL", "stream", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE, DELETE])]),
    row("XADD", "stream", at_least(5), &[WRITE, DENY_OOM, FAST])
        .keys(&[key(1, &[RW, UPDATE])])
        .with_tips(&[NONDETERMINISTIC]),
    row("XAUTOCLAIM", "stream", at_least(6), &[WRITE, FAST])
        .keys(&[key(1, &[RW, DELETE])])
        .with_tips(&[NONDETERMINISTIC]),
    row("XCLAIM", "stream", at_least(6), &[WRITE, FAST]).keys(&[key(1, &[RW, UPDATE])]).with_tips(&[NONDETERMINISTIC]),
    row("XDEL", "stream", at_least(3), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("XDELEX", "stream", at_least(5), &[WRITE, FAST]).keys(&[key(1, &[RW, DELETE])]),
    row("XGROUP", "stream", at_least(2), &[]).with_categories(&[]).subs(&XGROUP_SUBCOMMANDS),
    row("XINFO", "stream", at_least(2), &[]).with_categories(&[]).subs(&XINFO_SUBCOMMANDS),
    row("XLEN", "stream", exactly(2), &[READ, FAST]).keys(&[key(1, &[RO])]),
    row("XPENDING", "stream", at_least(3), &[READ]).keys(&[key(1, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("XRANGE", "stream", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("XREAD", "stream", at_least(4), &[READ, BLOCKING]).keys(&[key(1, &[RO, ACCESS]).after("STREAMS").first_of(2)]),
    row("XREADGROUP", "stream", at_least(7), &[WRITE, BLOCKING])
        .keys(&[key(4, &[RO, ACCESS]).after("STREAMS").first_of(2)]),
    row("XREVRANGE", "stream", at_least(4), &[READ]).keys(&[key(1, &[RO, ACCESS])]),
    row("XSETID", "stream", at_least(3), &[WRITE, DENY_OOM, FAST]).keys(&[key(1, &[RW, UPDATE])]),
    row("XTRIM", "stream", at_least(4), &[WRITE]).keys(&[key(1, &[RW, DELETE])]).with_tips(&[NONDETERMINISTIC]),
];

static ACL_SUBCOMMANDS: [KnownCommand; 13] = [
    row("ACL CAT", "server", at_least(2), &[NO_SCRIPT, LOADING, STALE]),
    row("ACL DELUSER", "server", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("ACL DRYRUN", "server", at_least(4), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL GENPASS", "server", at_least(2), &[NO_SCRIPT, LOADING, STALE]),
    row("ACL GETUSER", "server", exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL HELP", "server", exactly(2), &[LOADING, STALE]),
    row("ACL LIST", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL LOAD", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL LOG", "server", at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL SAVE", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("ACL SETUSER", "server", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("ACL USERS", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("ACL WHOAMI", "server", exactly(2), &[NO_SCRIPT, LOADING, STALE]),
];

static CLIENT_SUBCOMMANDS: [KnownCommand; 19] = [
    row("CLIENT CACHING", "connection", exactly(3), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT CAPA", "connection", at_least(3), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT GETNAME", "connection", exactly(2), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT GETREDIR", "connection", exactly(2), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT HELP", "connection", exactly(2), &[LOADING, STALE]),
    row("CLIENT ID", "connection", exactly(2), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT INFO", "connection", exactly(2), &[NO_SCRIPT, LOADING, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLIENT KILL", "connection", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("CLIENT LIST", "connection", at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLIENT NO-EVICT", "connection", exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("CLIENT NO-TOUCH", "connection", exactly(3), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT PAUSE", "connection", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("CLIENT REPLY", "connection", exactly(3), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT SETINFO", "connection", exactly(4), &[NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("CLIENT SETNAME", "connection", exactly(3), &[NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("CLIENT TRACKING", "connection", at_least(3), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT TRACKINGINFO", "connection", exactly(2), &[NO_SCRIPT, LOADING, STALE]),
    row("CLIENT UNBLOCK", "connection", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("CLIENT UNPAUSE", "connection", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
];

static CLUSTER_SUBCOMMANDS: [KnownCommand; 29] = [
    row("CLUSTER ADDSLOTS", "cluster", at_least(3), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER ADDSLOTSRANGE", "cluster", at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER BUMPEPOCH", "cluster", exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER COUNT-FAILURE-REPORTS", "cluster", exactly(3), &[ADMIN, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER COUNTKEYSINSLOT", "cluster", exactly(3), &[STALE]),
    row("CLUSTER DELSLOTS", "cluster", at_least(3), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER DELSLOTSRANGE", "cluster", at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER FAILOVER", "cluster", at_least(2), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER FLUSHSLOTS", "cluster", exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER FORGET", "cluster", exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER GETKEYSINSLOT", "cluster", exactly(4), &[STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER HELP", "cluster", exactly(2), &[LOADING, STALE]),
    row("CLUSTER INFO", "cluster", exactly(2), &[STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER KEYSLOT", "cluster", exactly(3), &[STALE]),
    row("CLUSTER LINKS", "cluster", exactly(2), &[STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER MEET", "cluster", at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER MYID", "cluster", exactly(2), &[STALE]),
    row("CLUSTER MYSHARDID", "cluster", exactly(2), &[STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER NODES", "cluster", exactly(2), &[STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER REPLICAS", "cluster", exactly(3), &[ADMIN, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER REPLICATE", "cluster", exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER RESET", "cluster", at_least(2), &[ADMIN, NO_SCRIPT, STALE]),
    row("CLUSTER SAVECONFIG", "cluster", exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER SET-CONFIG-EPOCH", "cluster", exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER SETSLOT", "cluster", at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING]),
    row("CLUSTER SHARDS", "cluster", exactly(2), &[LOADING, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER SLAVES", "cluster", exactly(3), &[ADMIN, STALE]).with_tips(&[NONDETERMINISTIC]),
    row("CLUSTER SLOT-STATS", "cluster", at_least(4), &[LOADING, STALE]).with_tips(&[NONDETERMINISTIC, ALL_SHARDS]),
    row("CLUSTER SLOTS", "cluster", exactly(2), &[LOADING, STALE]).with_tips(&[NONDETERMINISTIC]),
];

static COMMAND_SUBCOMMANDS: [KnownCommand; 7] = [
    row("COMMAND COUNT", "server", exactly(2), &[LOADING, STALE]).with_categories(&["connection"]),
    row("COMMAND DOCS", "server", at_least(2), &[LOADING, STALE])
        .with_tips(&[NONDETERMINISTIC_ORDER])
        .with_categories(&["connection"]),
    row("COMMAND GETKEYS", "server", at_least(3), &[LOADING, STALE]).with_categories(&["connection"]),
    row("COMMAND GETKEYSANDFLAGS", "server", at_least(3), &[LOADING, STALE]).with_categories(&["connection"]),
    row("COMMAND HELP", "server", exactly(2), &[LOADING, STALE]).with_categories(&["connection"]),
    row("COMMAND INFO", "server", at_least(2), &[LOADING, STALE])
        .with_tips(&[NONDETERMINISTIC_ORDER])
        .with_categories(&["connection"]),
    row("COMMAND LIST", "server", at_least(2), &[LOADING, STALE])
        .with_tips(&[NONDETERMINISTIC_ORDER])
        .with_categories(&["connection"]),
];

static CONFIG_SUBCOMMANDS: [KnownCommand; 5] = [
    row("CONFIG GET", "server", at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]),
    row("CONFIG HELP", "server", exactly(2), &[LOADING, STALE]),
    row("CONFIG RESETSTAT", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("CONFIG REWRITE", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("CONFIG SET", "server", at_least(4), &[ADMIN, NO_SCRIPT, LOADING, STALE])
        .with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
];

static FUNCTION_SUBCOMMANDS: [KnownCommand; 9] = [
    row("FUNCTION DELETE", "scripting", exactly(3), &[WRITE, NO_SCRIPT]).with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("FUNCTION DUMP", "scripting", exactly(2), &[NO_SCRIPT]),
    row("FUNCTION FLUSH", "scripting", at_least(2), &[WRITE, NO_SCRIPT]).with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("FUNCTION HELP", "scripting", exactly(2), &[LOADING, STALE]),
    row("FUNCTION KILL", "scripting", exactly(2), &[NO_SCRIPT, ALLOW_BUSY]).with_tips(&[ALL_SHARDS, ONE_SUCCEEDED]),
    row("FUNCTION LIST", "scripting", at_least(2), &[NO_SCRIPT]).with_tips(&[NONDETERMINISTIC_ORDER]),
    row("FUNCTION LOAD", "scripting", at_least(3), &[WRITE, DENY_OOM, NO_SCRIPT])
        .with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("FUNCTION RESTORE", "scripting", at_least(3), &[WRITE, DENY_OOM, NO_SCRIPT])
        .with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("FUNCTION STATS", "scripting", exactly(2), &[NO_SCRIPT, ALLOW_BUSY]).with_tips(SHARD_REPORT),
];

static LATENCY_SUBCOMMANDS: [KnownCommand; 7] = [
    row("LATENCY DOCTOR", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(NODE_REPORT),
    row("LATENCY GRAPH", "server", exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(NODE_REPORT),
    row("LATENCY HELP", "server", exactly(2), &[LOADING, STALE]),
    row("LATENCY HISTOGRAM", "server", at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(NODE_REPORT),
    row("LATENCY HISTORY", "server", exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(NODE_REPORT),
    row("LATENCY LATEST", "server", exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(NODE_REPORT),
    row("LATENCY RESET", "server", at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE]).with_tips(&[ALL_NODES, AGG_SUM]),
];

static MEMORY_SUBCOMMANDS: [KnownCommand; 6] = [
    row("MEMORY DOCTOR", "server", exactly(2), &[]).with_tips(SHARD_REPORT),
    row("MEMORY HELP", "server", exactly(2), &[LOADING, STALE]),
    row("MEMORY MALLOC-STATS", "server", exactly(2), &[]).with_tips(SHARD_REPORT),
    row("MEMORY PURGE", "server", exactly(2), &[]).with_tips(&[ALL_SHARDS, ALL_SUCCEEDED]),
    row("MEMORY STATS", "server", exactly(2), &[]).with_tips(SHARD_REPORT),
    row("MEMORY USAGE", "server", at_least(3), &[READ]).keys(&[key(2, &[RO])]),
];

static MODULE_SUBCOMMANDS: [KnownCommand; 5] = [
    row("MODULE HELP", "server", exactly(2), &[LOADING, STALE]),
    row("MODULE LIST", "server", exactly(2), &[ADMIN, NO_SCRIPT]).with_tips(&[NONDETERMINISTIC_ORDER]),
    row("MODULE LOAD", "server", at_least(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING]),
    row("MODULE LOADEX", "server", at_least(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING]),
    row("MODULE UNLOAD", "server", exactly(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING]),
];

static OBJECT_SUBCOMMANDS: [KnownCommand; 5] = [
    row("OBJECT ENCODING", "generic", exactly(3), &[READ]).keys(&[key(2, &[RO])]).with_tips(&[NONDETERMINISTIC]),
    row("OBJECT FREQ", "generic", exactly(3), &[READ]).keys(&[key(2, &[RO])]).with_tips(&[NONDETERMINISTIC]),
    row("OBJECT HELP", "generic", exactly(2), &[LOADING, STALE]),
    row("OBJECT IDLETIME", "generic", exactly(3), &[READ]).keys(&[key(2, &[RO])]).with_tips(&[NONDETERMINISTIC]),
    row("OBJECT REFCOUNT", "generic", exactly(3), &[READ]).keys(&[key(2, &[RO])]).with_tips(&[NONDETERMINISTIC]),
];

static PUBSUB_SUBCOMMANDS: [KnownCommand; 6] = [
    row("PUBSUB CHANNELS", "pubsub", at_least(2), &[PUBSUB, LOADING, STALE]),
    row("PUBSUB HELP", "pubsub", exactly(2), &[LOADING, STALE]),
    row("PUBSUB NUMPAT", "pubsub", exactly(2), &[PUBSUB, LOADING, STALE]),
    row("PUBSUB NUMSUB", "pubsub", at_least(2), &[PUBSUB, LOADING, STALE]),
    row("PUBSUB SHARDCHANNELS", "pubsub", at_least(2), &[PUBSUB, LOADING, STALE]),
    row("PUBSUB SHARDNUMSUB", "pubsub", at_least(2), &[PUBSUB, LOADING, STALE]),
];

static SCRIPT_SUBCOMMANDS: [KnownCommand; 7] = [
    row("SCRIPT DEBUG", "scripting", exactly(3), &[NO_SCRIPT]),
    row("SCRIPT EXISTS", "scripting", at_least(3), &[NO_SCRIPT]).with_tips(&[ALL_SHARDS, AGG_LOGICAL_AND]),
    row("SCRIPT FLUSH", "scripting", at_least(2), &[NO_SCRIPT]).with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("SCRIPT HELP", "scripting", exactly(2), &[LOADING, STALE]),
    row("SCRIPT KILL", "scripting", exactly(2), &[NO_SCRIPT, ALLOW_BUSY]).with_tips(&[ALL_SHARDS, ONE_SUCCEEDED]),
    row("SCRIPT LOAD", "scripting", exactly(3), &[NO_SCRIPT, STALE]).with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
    row("SCRIPT SHOW", "scripting", exactly(3), &[NO_SCRIPT]),
];

static SLOWLOG_SUBCOMMANDS: [KnownCommand; 4] = [
    row("SLOWLOG GET", "server", at_least(2), &[ADMIN, LOADING, STALE]).with_tips(&[ALL_NODES, NONDETERMINISTIC]),
    row("SLOWLOG HELP", "server", exactly(2), &[LOADING, STALE]),
    row("SLOWLOG LEN", "server", exactly(2), &[ADMIN, LOADING, STALE]).with_tips(&[
        ALL_NODES,
        AGG_SUM,
        NONDETERMINISTIC,
    ]),
    row("SLOWLOG RESET", "server", exactly(2), &[ADMIN, LOADING, STALE]).with_tips(&[ALL_NODES, ALL_SUCCEEDED]),
];

static XGROUP_SUBCOMMANDS: [KnownCommand; 6] = [
    row("XGROUP CREATE", "stream", at_least(5), &[WRITE, DENY_OOM]).keys(&[key(2, &[RW, INSERT])]),
    row("XGROUP CREATECONSUMER", "stream", exactly(5), &[WRITE, DENY_OOM]).keys(&[key(2, &[RW, INSERT])]),
    row("XGROUP DELCONSUMER", "stream", exactly(5), &[WRITE]).keys(&[key(2, &[RW, DELETE])]),
    row("XGROUP DESTROY", "stream", exactly(4), &[WRITE]).keys(&[key(2, &[RW, DELETE])]),
    row("XGROUP HELP", "stream", exactly(2), &[LOADING, STALE]),
    row("XGROUP SETID", "stream", at_least(5), &[WRITE]).keys(&[key(2, &[RW, UPDATE])]),
];

static XINFO_SUBCOMMANDS: [KnownCommand; 4] = [
    row("XINFO CONSUMERS", "stream", exactly(4), &[READ]).keys(&[key(2, &[RO, ACCESS])]).with_tips(&[NONDETERMINISTIC]),
    row("XINFO GROUPS", "stream", exactly(3), &[READ]).keys(&[key(2, &[RO, ACCESS])]),
    row("XINFO HELP", "stream", exactly(2), &[LOADING, STALE]),
    row("XINFO STREAM", "stream", at_least(3), &[READ]).keys(&[key(2, &[RO, ACCESS])]),
];
