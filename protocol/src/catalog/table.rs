//! The rows of the catalog: the commands of Redis 7.2, and those added by later versions of Redis and Valkey.
//!
//! Arity, flags and keys are those that `COMMAND` of these servers shows; some flags are additions of this project. To
//! add a command, add a row.

use super::{Arity, Flags, KeySpec, KnownCommand};

/// A row without sub-commands.
const fn row(name: &'static str, arity: Arity, flags: &[Flags], keys: &'static [KeySpec]) -> KnownCommand {
    KnownCommand::new(name, arity, Flags::all(flags), keys)
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
const MOVABLE_KEYS: Flags = Flags::MOVABLE_KEYS;
const ALLOW_BUSY: Flags = Flags::ALLOW_BUSY;
const SKIP_MONITOR: Flags = Flags::SKIP_MONITOR;
const SKIP_SLOWLOG: Flags = Flags::SKIP_SLOWLOG;
const NO_ASYNC_LOADING: Flags = Flags::NO_ASYNC_LOADING;
const NO_MANDATORY_KEYS: Flags = Flags::NO_MANDATORY_KEYS;
const EXCLUSIVE: Flags = Flags::EXCLUSIVE;
const CONNECTION: Flags = Flags::CONNECTION;
const SENSITIVE: Flags = Flags::SENSITIVE;
const RUNS_COMMANDS: Flags = Flags::RUNS_COMMANDS;
const TRANSACTION: Flags = Flags::TRANSACTION;
const SUBSCRIPTION: Flags = Flags::SUBSCRIPTION;
const NO_SINGLE_REPLY: Flags = Flags::NO_SINGLE_REPLY;

/// All commands. The ID of a command is its position in this list, counted from 1.
pub(super) static COMMANDS: [KnownCommand; 262] = [
    // server
    row("ACL", Arity::at_least(2), &[SENSITIVE], &[]).subs(&ACL_SUBCOMMANDS).group("server"),
    row("BGREWRITEAOF", Arity::exactly(1), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING], &[]).group("server"),
    row("BGSAVE", Arity::at_least(1), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING], &[]).group("server"),
    row("COMMAND", Arity::at_least(1), &[LOADING, STALE], &[]).subs(&COMMAND_SUBCOMMANDS).group("server"),
    row("CONFIG", Arity::at_least(2), &[SENSITIVE], &[]).subs(&CONFIG_SUBCOMMANDS).group("server"),
    row("DBSIZE", Arity::exactly(1), &[READ, FAST], &[]).group("server"),
    row("DEBUG", Arity::at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]).group("server"),
    row("FAILOVER", Arity::at_least(1), &[ADMIN, NO_SCRIPT, STALE], &[]).group("server"),
    row("FLUSHALL", Arity::at_least(1), &[WRITE, DANGEROUS], &[]).group("server"),
    row("FLUSHDB", Arity::at_least(1), &[WRITE, DANGEROUS], &[]).group("server"),
    row("INFO", Arity::at_least(1), &[DANGEROUS, LOADING, STALE], &[]).group("server"),
    row("LASTSAVE", Arity::exactly(1), &[FAST, DANGEROUS, LOADING, STALE], &[]).group("server"),
    row("LATENCY", Arity::at_least(2), &[], &[]).subs(&LATENCY_SUBCOMMANDS).group("server"),
    row("LOLWUT", Arity::at_least(1), &[READ, FAST], &[]).group("server"),
    row("MEMORY", Arity::at_least(2), &[], &[]).subs(&MEMORY_SUBCOMMANDS).group("server"),
    row("MODULE", Arity::at_least(2), &[], &[]).subs(&MODULE_SUBCOMMANDS).group("server"),
    row("MONITOR", Arity::exactly(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, EXCLUSIVE, NO_SINGLE_REPLY], &[])
        .group("server"),
    row("PSYNC", Arity::at_least(3), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING, NO_SINGLE_REPLY], &[])
        .group("server"),
    row("REPLCONF", Arity::at_least(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY], &[]).group("server"),
    row("REPLICAOF", Arity::exactly(3), &[ADMIN, NO_SCRIPT, STALE, NO_ASYNC_LOADING], &[]).group("server"),
    row("RESTORE-ASKING", Arity::at_least(4), &[WRITE, DENY_OOM, DANGEROUS], &[KeySpec::overwrites(1)]).group("server"),
    row("ROLE", Arity::exactly(1), &[FAST, DANGEROUS, NO_SCRIPT, LOADING, STALE], &[]).group("server"),
    row("SAVE", Arity::exactly(1), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING], &[]).group("server"),
    row("SHUTDOWN", Arity::at_least(1), &[ADMIN, NO_SCRIPT, LOADING, STALE, NO_MULTI, ALLOW_BUSY], &[]).group("server"),
    row("SLAVEOF", Arity::exactly(3), &[ADMIN, NO_SCRIPT, STALE, NO_ASYNC_LOADING], &[]).group("server"),
    row("SLOWLOG", Arity::at_least(2), &[], &[]).subs(&SLOWLOG_SUBCOMMANDS).group("server"),
    row("SWAPDB", Arity::exactly(3), &[WRITE, FAST, DANGEROUS], &[]).group("server"),
    row("SYNC", Arity::exactly(1), &[ADMIN, NO_SCRIPT, NO_MULTI, NO_ASYNC_LOADING, NO_SINGLE_REPLY], &[])
        .group("server"),
    row("TIME", Arity::exactly(1), &[FAST, LOADING, STALE], &[]).group("server"),
    // string
    row("APPEND", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("DECR", Arity::exactly(2), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("DECRBY", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("DELEX", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::removes(1)]).group("string"),
    row("DELIFEQ", Arity::exactly(3), &[WRITE, FAST], &[KeySpec::removes(1)]).group("string"),
    row("DIGEST", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("string"),
    row("GET", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("string"),
    row("GETDEL", Arity::exactly(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("string"),
    row("GETEX", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("string"),
    row("GETRANGE", Arity::exactly(4), &[READ], &[KeySpec::reads(1)]).group("string"),
    row("GETSET", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("INCR", Arity::exactly(2), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("INCRBY", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("INCRBYFLOAT", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("INCREX", Arity::at_least(2), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("string"),
    row("LCS", Arity::at_least(3), &[READ], &[KeySpec::reads(1).and(1)]).group("string"),
    row("MGET", Arity::at_least(2), &[READ, FAST], &[KeySpec::reads(1).to(-1)]).group("string"),
    row("MSET", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1).to(-1).every(2)]).group("string"),
    row("MSETEX", Arity::at_least(4), &[WRITE, DENY_OOM, MOVABLE_KEYS], &[KeySpec::overwrites(1).counted().every(2)])
        .group("string"),
    row("MSETNX", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1).to(-1).every(2)]).group("string"),
    row("PSETEX", Arity::exactly(4), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1)]).group("string"),
    row("SET", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("string"),
    row("SETEX", Arity::exactly(4), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1)]).group("string"),
    row("SETNX", Arity::exactly(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::overwrites(1)]).group("string"),
    row("SETRANGE", Arity::exactly(4), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("string"),
    row("STRLEN", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("string"),
    row("SUBSTR", Arity::exactly(4), &[READ], &[KeySpec::reads(1)]).group("string"),
    // cluster
    row("ASKING", Arity::exactly(1), &[FAST, EXCLUSIVE], &[]).group("cluster"),
    row("CLUSTER", Arity::at_least(2), &[], &[]).subs(&CLUSTER_SUBCOMMANDS).group("cluster"),
    row("READONLY", Arity::exactly(1), &[FAST, LOADING, STALE, EXCLUSIVE], &[]).group("cluster"),
    row("READWRITE", Arity::exactly(1), &[FAST, LOADING, STALE, EXCLUSIVE], &[]).group("cluster"),
    // connection
    row(
        "AUTH",
        Arity::at_least(2),
        &[FAST, NO_SCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, EXCLUSIVE, CONNECTION, SENSITIVE],
        &[],
    )
    .group("connection"),
    row("CLIENT", Arity::at_least(2), &[EXCLUSIVE, CONNECTION], &[]).subs(&CLIENT_SUBCOMMANDS).group("connection"),
    row("ECHO", Arity::exactly(2), &[FAST, LOADING, STALE, CONNECTION], &[]).group("connection"),
    row(
        "HELLO",
        Arity::at_least(1),
        &[FAST, NO_SCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, EXCLUSIVE, CONNECTION, SENSITIVE],
        &[],
    )
    .group("connection"),
    row("PING", Arity::between(1, 2), &[FAST, CONNECTION], &[]).group("connection"),
    row(
        "QUIT",
        Arity::at_least(1),
        &[FAST, NO_SCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, EXCLUSIVE, CONNECTION],
        &[],
    )
    .group("connection"),
    row(
        "RESET",
        Arity::exactly(1),
        &[FAST, NO_SCRIPT, LOADING, STALE, NO_AUTH, ALLOW_BUSY, EXCLUSIVE, CONNECTION],
        &[],
    )
    .group("connection"),
    row("SELECT", Arity::exactly(2), &[FAST, LOADING, STALE, EXCLUSIVE, CONNECTION], &[]).group("connection"),
    // bitmap
    row("BITCOUNT", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("bitmap"),
    row("BITFIELD", Arity::at_least(2), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("bitmap"),
    row("BITFIELD_RO", Arity::at_least(2), &[READ, FAST], &[KeySpec::reads(1)]).group("bitmap"),
    row("BITOP", Arity::at_least(4), &[WRITE, DENY_OOM], &[KeySpec::overwrites(2), KeySpec::reads(3).to(-1)])
        .group("bitmap"),
    row("BITPOS", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("bitmap"),
    row("GETBIT", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("bitmap"),
    row("SETBIT", Arity::exactly(4), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("bitmap"),
    // list
    row(
        "BLMOVE",
        Arity::exactly(6),
        &[WRITE, DENY_OOM, BLOCKING, NO_SCRIPT],
        &[KeySpec::updates(1), KeySpec::updates(2)],
    )
    .group("list"),
    row("BLMPOP", Arity::at_least(5), &[WRITE, BLOCKING, MOVABLE_KEYS], &[KeySpec::updates(2).counted()]).group("list"),
    row("BLPOP", Arity::at_least(3), &[WRITE, BLOCKING, NO_SCRIPT], &[KeySpec::updates(1).to(-2)]).group("list"),
    row("BRPOP", Arity::at_least(3), &[WRITE, BLOCKING, NO_SCRIPT], &[KeySpec::updates(1).to(-2)]).group("list"),
    row(
        "BRPOPLPUSH",
        Arity::exactly(4),
        &[WRITE, DENY_OOM, BLOCKING, NO_SCRIPT],
        &[KeySpec::updates(1), KeySpec::updates(2)],
    )
    .group("list"),
    row("LINDEX", Arity::exactly(3), &[READ], &[KeySpec::reads(1)]).group("list"),
    row("LINSERT", Arity::exactly(5), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("list"),
    row("LLEN", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("list"),
    row("LMOVE", Arity::exactly(5), &[WRITE, DENY_OOM], &[KeySpec::updates(1), KeySpec::updates(2)]).group("list"),
    row("LMPOP", Arity::at_least(4), &[WRITE, MOVABLE_KEYS], &[KeySpec::updates(1).counted()]).group("list"),
    row("LPOP", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("list"),
    row("LPOS", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("list"),
    row("LPUSH", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("list"),
    row("LPUSHX", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("list"),
    row("LRANGE", Arity::exactly(4), &[READ], &[KeySpec::reads(1)]).group("list"),
    row("LREM", Arity::exactly(4), &[WRITE], &[KeySpec::updates(1)]).group("list"),
    row("LSET", Arity::exactly(4), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("list"),
    row("LTRIM", Arity::exactly(4), &[WRITE], &[KeySpec::updates(1)]).group("list"),
    row("RPOP", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("list"),
    row("RPOPLPUSH", Arity::exactly(3), &[WRITE, DENY_OOM], &[KeySpec::updates(1), KeySpec::updates(2)]).group("list"),
    row("RPUSH", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("list"),
    row("RPUSHX", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("list"),
    // sorted-set
    row("BZMPOP", Arity::at_least(5), &[WRITE, BLOCKING, MOVABLE_KEYS], &[KeySpec::updates(2).counted()])
        .group("sorted-set"),
    row("BZPOPMAX", Arity::at_least(3), &[WRITE, FAST, BLOCKING, NO_SCRIPT], &[KeySpec::updates(1).to(-2)])
        .group("sorted-set"),
    row("BZPOPMIN", Arity::at_least(3), &[WRITE, FAST, BLOCKING, NO_SCRIPT], &[KeySpec::updates(1).to(-2)])
        .group("sorted-set"),
    row("ZADD", Arity::at_least(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZCARD", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZCOUNT", Arity::exactly(4), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZDIFF", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("sorted-set"),
    row(
        "ZDIFFSTORE",
        Arity::at_least(4),
        &[WRITE, DENY_OOM, MOVABLE_KEYS],
        &[KeySpec::overwrites(1), KeySpec::reads(2).counted()],
    )
    .group("sorted-set"),
    row("ZINCRBY", Arity::exactly(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZINTER", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("sorted-set"),
    row("ZINTERCARD", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("sorted-set"),
    row(
        "ZINTERSTORE",
        Arity::at_least(4),
        &[WRITE, DENY_OOM, MOVABLE_KEYS],
        &[KeySpec::overwrites(1), KeySpec::reads(2).counted()],
    )
    .group("sorted-set"),
    row("ZLEXCOUNT", Arity::exactly(4), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZMPOP", Arity::at_least(4), &[WRITE, MOVABLE_KEYS], &[KeySpec::updates(1).counted()]).group("sorted-set"),
    row("ZMSCORE", Arity::at_least(3), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZPOPMAX", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZPOPMIN", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZRANDMEMBER", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZRANGE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZRANGEBYLEX", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZRANGEBYSCORE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZRANGESTORE", Arity::at_least(5), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1), KeySpec::reads(2)])
        .group("sorted-set"),
    row("ZRANK", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZREM", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZREMRANGEBYLEX", Arity::exactly(4), &[WRITE], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZREMRANGEBYRANK", Arity::exactly(4), &[WRITE], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZREMRANGEBYSCORE", Arity::exactly(4), &[WRITE], &[KeySpec::updates(1)]).group("sorted-set"),
    row("ZREVRANGE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZREVRANGEBYLEX", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZREVRANGEBYSCORE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZREVRANK", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZSCAN", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZSCORE", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("sorted-set"),
    row("ZUNION", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("sorted-set"),
    row(
        "ZUNIONSTORE",
        Arity::at_least(4),
        &[WRITE, DENY_OOM, MOVABLE_KEYS],
        &[KeySpec::overwrites(1), KeySpec::reads(2).counted()],
    )
    .group("sorted-set"),
    // generic
    row("COPY", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::reads(1), KeySpec::overwrites(2)]).group("generic"),
    row("DEL", Arity::at_least(2), &[WRITE], &[KeySpec::removes(1).to(-1)]).group("generic"),
    row("DUMP", Arity::exactly(2), &[READ], &[KeySpec::reads(1)]).group("generic"),
    row("EXISTS", Arity::at_least(2), &[READ, FAST], &[KeySpec::reads(1).to(-1)]).group("generic"),
    row("EXPIRE", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("EXPIREAT", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("EXPIRETIME", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("generic"),
    row("KEYS", Arity::exactly(2), &[READ, DANGEROUS], &[]).group("generic"),
    row(
        "MIGRATE",
        Arity::at_least(6),
        &[WRITE, DANGEROUS, MOVABLE_KEYS, SENSITIVE],
        &[KeySpec::updates(3), KeySpec::updates(1).after("KEYS").to(-1)],
    )
    .group("generic"),
    row("MOVE", Arity::exactly(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("OBJECT", Arity::at_least(2), &[], &[]).subs(&OBJECT_SUBCOMMANDS).group("generic"),
    row("PERSIST", Arity::exactly(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("PEXPIRE", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("PEXPIREAT", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("generic"),
    row("PEXPIRETIME", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("generic"),
    row("PTTL", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("generic"),
    row("RANDOMKEY", Arity::exactly(1), &[READ], &[]).group("generic"),
    row("RENAME", Arity::exactly(3), &[WRITE], &[KeySpec::updates(1), KeySpec::overwrites(2)]).group("generic"),
    row("RENAMENX", Arity::exactly(3), &[WRITE, FAST], &[KeySpec::updates(1), KeySpec::overwrites(2)]).group("generic"),
    row("RESTORE", Arity::at_least(4), &[WRITE, DENY_OOM, DANGEROUS], &[KeySpec::overwrites(1)]).group("generic"),
    row("SCAN", Arity::at_least(2), &[READ], &[]).group("generic"),
    row("SORT", Arity::at_least(2), &[WRITE, DENY_OOM, DANGEROUS, MOVABLE_KEYS], &[KeySpec::reads(1)]).group("generic"),
    row("SORT_RO", Arity::at_least(2), &[READ, DANGEROUS, MOVABLE_KEYS], &[KeySpec::reads(1)]).group("generic"),
    row("TOUCH", Arity::at_least(2), &[READ, FAST], &[KeySpec::reads(1).to(-1)]).group("generic"),
    row("TTL", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("generic"),
    row("TYPE", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("generic"),
    row("UNLINK", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::removes(1).to(-1)]).group("generic"),
    row("WAIT", Arity::exactly(3), &[NO_SCRIPT], &[]).group("generic"),
    row("WAITAOF", Arity::exactly(4), &[BLOCKING, NO_SCRIPT], &[]).group("generic"),
    // transactions
    row("DISCARD", Arity::exactly(1), &[FAST, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY, EXCLUSIVE, TRANSACTION], &[])
        .group("transactions"),
    row("EXEC", Arity::exactly(1), &[NO_SCRIPT, LOADING, STALE, SKIP_SLOWLOG, EXCLUSIVE, TRANSACTION], &[])
        .group("transactions"),
    row("MULTI", Arity::exactly(1), &[FAST, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY, EXCLUSIVE, TRANSACTION], &[])
        .group("transactions"),
    row("UNWATCH", Arity::exactly(1), &[FAST, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY, EXCLUSIVE, TRANSACTION], &[])
        .group("transactions"),
    row(
        "WATCH",
        Arity::at_least(2),
        &[FAST, NO_SCRIPT, LOADING, STALE, ALLOW_BUSY, EXCLUSIVE, TRANSACTION],
        &[KeySpec::reads(1).to(-1)],
    )
    .group("transactions"),
    // scripting
    row(
        "EVAL",
        Arity::at_least(3),
        &[NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::updates(2).counted()],
    )
    .group("scripting"),
    row(
        "EVAL_RO",
        Arity::at_least(3),
        &[READ, NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::reads(2).counted()],
    )
    .group("scripting"),
    row(
        "EVALSHA",
        Arity::at_least(3),
        &[NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::updates(2).counted()],
    )
    .group("scripting"),
    row(
        "EVALSHA_RO",
        Arity::at_least(3),
        &[READ, NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::reads(2).counted()],
    )
    .group("scripting"),
    row(
        "FCALL",
        Arity::at_least(3),
        &[NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::updates(2).counted()],
    )
    .group("scripting"),
    row(
        "FCALL_RO",
        Arity::at_least(3),
        &[READ, NO_SCRIPT, STALE, MOVABLE_KEYS, SKIP_MONITOR, NO_MANDATORY_KEYS, RUNS_COMMANDS],
        &[KeySpec::reads(2).counted()],
    )
    .group("scripting"),
    row("FUNCTION", Arity::at_least(2), &[], &[]).subs(&FUNCTION_SUBCOMMANDS).group("scripting"),
    row("SCRIPT", Arity::at_least(2), &[], &[]).subs(&SCRIPT_SUBCOMMANDS).group("scripting"),
    // geo
    row("GEOADD", Arity::at_least(5), &[WRITE, DENY_OOM], &[KeySpec::updates(1)]).group("geo"),
    row("GEODIST", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row("GEOHASH", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row("GEOPOS", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row(
        "GEORADIUS",
        Arity::at_least(6),
        &[WRITE, DENY_OOM, MOVABLE_KEYS],
        &[KeySpec::reads(1), KeySpec::overwrites(6).after("STORE"), KeySpec::overwrites(6).after("STOREDIST")],
    )
    .group("geo"),
    row("GEORADIUS_RO", Arity::at_least(6), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row(
        "GEORADIUSBYMEMBER",
        Arity::at_least(5),
        &[WRITE, DENY_OOM, MOVABLE_KEYS],
        &[KeySpec::reads(1), KeySpec::overwrites(5).after("STORE"), KeySpec::overwrites(5).after("STOREDIST")],
    )
    .group("geo"),
    row("GEORADIUSBYMEMBER_RO", Arity::at_least(5), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row("GEOSEARCH", Arity::at_least(7), &[READ], &[KeySpec::reads(1)]).group("geo"),
    row("GEOSEARCHSTORE", Arity::at_least(8), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1), KeySpec::reads(2)])
        .group("geo"),
    // hash
    row("HDEL", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HEXISTS", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HEXPIRE", Arity::at_least(6), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HEXPIREAT", Arity::at_least(6), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HEXPIRETIME", Arity::at_least(5), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HGET", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HGETALL", Arity::exactly(2), &[READ], &[KeySpec::reads(1)]).group("hash"),
    row("HGETDEL", Arity::at_least(5), &[WRITE, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HGETEX", Arity::at_least(5), &[WRITE, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HINCRBY", Arity::exactly(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HINCRBYFLOAT", Arity::exactly(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HKEYS", Arity::exactly(2), &[READ], &[KeySpec::reads(1)]).group("hash"),
    row("HLEN", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HMGET", Arity::at_least(3), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HMSET", Arity::at_least(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HPERSIST", Arity::at_least(5), &[WRITE, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HPEXPIRE", Arity::at_least(6), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HPEXPIREAT", Arity::at_least(6), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HPEXPIRETIME", Arity::at_least(5), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HPTTL", Arity::at_least(5), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HRANDFIELD", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("hash"),
    row("HSCAN", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("hash"),
    row("HSET", Arity::at_least(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HSETEX", Arity::at_least(6), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HSETNX", Arity::exactly(4), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hash"),
    row("HSTRLEN", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HTTL", Arity::at_least(5), &[READ, FAST], &[KeySpec::reads(1)]).group("hash"),
    row("HVALS", Arity::exactly(2), &[READ], &[KeySpec::reads(1)]).group("hash"),
    // hyperloglog
    row("PFADD", Arity::at_least(2), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("hyperloglog"),
    row("PFCOUNT", Arity::at_least(2), &[READ], &[KeySpec::updates(1).to(-1)]).group("hyperloglog"),
    row("PFDEBUG", Arity::exactly(3), &[WRITE, DENY_OOM, ADMIN], &[KeySpec::updates(2)]).group("hyperloglog"),
    row("PFMERGE", Arity::at_least(2), &[WRITE, DENY_OOM], &[KeySpec::updates(1), KeySpec::reads(2).to(-1)])
        .group("hyperloglog"),
    row("PFSELFTEST", Arity::exactly(1), &[ADMIN], &[]).group("hyperloglog"),
    // pubsub
    row("PSUBSCRIBE", Arity::at_least(2), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    row("PUBLISH", Arity::exactly(3), &[FAST, PUBSUB, LOADING, STALE], &[]).group("pubsub"),
    row("PUBSUB", Arity::at_least(2), &[], &[]).subs(&PUBSUB_SUBCOMMANDS).group("pubsub"),
    row("PUNSUBSCRIBE", Arity::at_least(1), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    row("SPUBLISH", Arity::exactly(3), &[FAST, PUBSUB, LOADING, STALE], &[]).group("pubsub"),
    row("SSUBSCRIBE", Arity::at_least(2), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    row("SUBSCRIBE", Arity::at_least(2), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    row("SUNSUBSCRIBE", Arity::at_least(1), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    row("UNSUBSCRIBE", Arity::at_least(1), &[NO_SCRIPT, PUBSUB, LOADING, STALE, EXCLUSIVE, SUBSCRIPTION], &[])
        .group("pubsub"),
    // set
    row("SADD", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("set"),
    row("SCARD", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("set"),
    row("SDIFF", Arity::at_least(2), &[READ], &[KeySpec::reads(1).to(-1)]).group("set"),
    row("SDIFFCARD", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("set"),
    row("SDIFFSTORE", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1), KeySpec::reads(2).to(-1)])
        .group("set"),
    row("SINTER", Arity::at_least(2), &[READ], &[KeySpec::reads(1).to(-1)]).group("set"),
    row("SINTERCARD", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("set"),
    row("SINTERSTORE", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::updates(1), KeySpec::reads(2).to(-1)])
        .group("set"),
    row("SISMEMBER", Arity::exactly(3), &[READ, FAST], &[KeySpec::reads(1)]).group("set"),
    row("SMEMBERS", Arity::exactly(2), &[READ], &[KeySpec::reads(1)]).group("set"),
    row("SMISMEMBER", Arity::at_least(3), &[READ, FAST], &[KeySpec::reads(1)]).group("set"),
    row("SMOVE", Arity::exactly(4), &[WRITE, FAST], &[KeySpec::updates(1), KeySpec::updates(2)]).group("set"),
    row("SPOP", Arity::at_least(2), &[WRITE, FAST], &[KeySpec::updates(1)]).group("set"),
    row("SRANDMEMBER", Arity::at_least(2), &[READ], &[KeySpec::reads(1)]).group("set"),
    row("SREM", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("set"),
    row("SSCAN", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("set"),
    row("SUNION", Arity::at_least(2), &[READ], &[KeySpec::reads(1).to(-1)]).group("set"),
    row("SUNIONCARD", Arity::at_least(3), &[READ, MOVABLE_KEYS], &[KeySpec::reads(1).counted()]).group("set"),
    row("SUNIONSTORE", Arity::at_least(3), &[WRITE, DENY_OOM], &[KeySpec::overwrites(1), KeySpec::reads(2).to(-1)])
        .group("set"),
    // stream
    row("XACK", Arity::at_least(4), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XACKDEL", Arity::at_least(6), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XADD", Arity::at_least(5), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XAUTOCLAIM", Arity::at_least(6), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XCLAIM", Arity::at_least(6), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XDEL", Arity::at_least(3), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XDELEX", Arity::at_least(5), &[WRITE, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XGROUP", Arity::at_least(2), &[], &[]).subs(&XGROUP_SUBCOMMANDS).group("stream"),
    row("XINFO", Arity::at_least(2), &[], &[]).subs(&XINFO_SUBCOMMANDS).group("stream"),
    row("XLEN", Arity::exactly(2), &[READ, FAST], &[KeySpec::reads(1)]).group("stream"),
    row("XPENDING", Arity::at_least(3), &[READ], &[KeySpec::reads(1)]).group("stream"),
    row("XRANGE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("stream"),
    row(
        "XREAD",
        Arity::at_least(4),
        &[READ, BLOCKING, MOVABLE_KEYS],
        &[KeySpec::reads(1).after("STREAMS").to(-1).first_of(2)],
    )
    .group("stream"),
    row(
        "XREADGROUP",
        Arity::at_least(7),
        &[WRITE, BLOCKING, MOVABLE_KEYS],
        &[KeySpec::reads(4).after("STREAMS").to(-1).first_of(2)],
    )
    .group("stream"),
    row("XREVRANGE", Arity::at_least(4), &[READ], &[KeySpec::reads(1)]).group("stream"),
    row("XSETID", Arity::at_least(3), &[WRITE, DENY_OOM, FAST], &[KeySpec::updates(1)]).group("stream"),
    row("XTRIM", Arity::at_least(4), &[WRITE], &[KeySpec::updates(1)]).group("stream"),
];

static ACL_SUBCOMMANDS: [KnownCommand; 13] = [
    row("CAT", Arity::at_least(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("DELUSER", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("DRYRUN", Arity::at_least(4), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("GENPASS", Arity::at_least(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("GETUSER", Arity::exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("LIST", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("LOAD", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("LOG", Arity::at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("SAVE", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("SETUSER", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("USERS", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("WHOAMI", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
];

static CLIENT_SUBCOMMANDS: [KnownCommand; 18] = [
    row("CACHING", Arity::exactly(3), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("GETNAME", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("GETREDIR", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("ID", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("INFO", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("KILL", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("LIST", Arity::at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("NO-EVICT", Arity::exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("PAUSE", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("REPLY", Arity::exactly(3), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("SETNAME", Arity::exactly(3), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("TRACKING", Arity::at_least(3), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("TRACKINGINFO", Arity::exactly(2), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("UNBLOCK", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("UNPAUSE", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("NO-TOUCH", Arity::exactly(3), &[NO_SCRIPT, LOADING, STALE], &[]),
    row("SETINFO", Arity::exactly(4), &[NO_SCRIPT, LOADING, STALE], &[]),
];

static CLUSTER_SUBCOMMANDS: [KnownCommand; 27] = [
    row("ADDSLOTS", Arity::at_least(3), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("ADDSLOTSRANGE", Arity::at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("BUMPEPOCH", Arity::exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("COUNT-FAILURE-REPORTS", Arity::exactly(3), &[ADMIN, STALE], &[]),
    row("COUNTKEYSINSLOT", Arity::exactly(3), &[STALE], &[]),
    row("DELSLOTS", Arity::at_least(3), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("DELSLOTSRANGE", Arity::at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("FAILOVER", Arity::at_least(2), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("FLUSHSLOTS", Arity::exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("FORGET", Arity::exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("GETKEYSINSLOT", Arity::exactly(4), &[STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("INFO", Arity::exactly(2), &[STALE], &[]),
    row("KEYSLOT", Arity::exactly(3), &[STALE], &[]),
    row("LINKS", Arity::exactly(2), &[STALE], &[]),
    row("MEET", Arity::at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("MYID", Arity::exactly(2), &[STALE], &[]),
    row("NODES", Arity::exactly(2), &[STALE], &[]),
    row("REPLICAS", Arity::exactly(3), &[ADMIN, STALE], &[]),
    row("REPLICATE", Arity::exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("RESET", Arity::at_least(2), &[ADMIN, NO_SCRIPT, STALE], &[]),
    row("SAVECONFIG", Arity::exactly(2), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("SET-CONFIG-EPOCH", Arity::exactly(3), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("SETSLOT", Arity::at_least(4), &[ADMIN, STALE, NO_ASYNC_LOADING], &[]),
    row("SHARDS", Arity::exactly(2), &[STALE], &[]),
    row("SLAVES", Arity::exactly(3), &[ADMIN, STALE], &[]),
    row("SLOTS", Arity::exactly(2), &[STALE], &[]),
];

static COMMAND_SUBCOMMANDS: [KnownCommand; 7] = [
    row("COUNT", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("DOCS", Arity::at_least(2), &[LOADING, STALE], &[]),
    row("GETKEYS", Arity::at_least(3), &[LOADING, STALE], &[]),
    row("GETKEYSANDFLAGS", Arity::at_least(3), &[LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("INFO", Arity::at_least(2), &[LOADING, STALE], &[]),
    row("LIST", Arity::at_least(2), &[LOADING, STALE], &[]),
];

static CONFIG_SUBCOMMANDS: [KnownCommand; 5] = [
    row("GET", Arity::at_least(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("RESETSTAT", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("REWRITE", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("SET", Arity::at_least(4), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
];

static FUNCTION_SUBCOMMANDS: [KnownCommand; 9] = [
    row("DELETE", Arity::exactly(3), &[WRITE, NO_SCRIPT], &[]),
    row("DUMP", Arity::exactly(2), &[NO_SCRIPT], &[]),
    row("FLUSH", Arity::at_least(2), &[WRITE, NO_SCRIPT], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("KILL", Arity::exactly(2), &[NO_SCRIPT, ALLOW_BUSY], &[]),
    row("LIST", Arity::at_least(2), &[NO_SCRIPT], &[]),
    row("LOAD", Arity::at_least(3), &[WRITE, DENY_OOM, NO_SCRIPT], &[]),
    row("RESTORE", Arity::at_least(3), &[WRITE, DENY_OOM, NO_SCRIPT], &[]),
    row("STATS", Arity::exactly(2), &[NO_SCRIPT, ALLOW_BUSY], &[]),
];

static LATENCY_SUBCOMMANDS: [KnownCommand; 7] = [
    row("DOCTOR", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("GRAPH", Arity::exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("HISTOGRAM", Arity::at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("HISTORY", Arity::exactly(3), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("LATEST", Arity::exactly(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
    row("RESET", Arity::at_least(2), &[ADMIN, NO_SCRIPT, LOADING, STALE], &[]),
];

static MEMORY_SUBCOMMANDS: [KnownCommand; 6] = [
    row("DOCTOR", Arity::exactly(2), &[], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("MALLOC-STATS", Arity::exactly(2), &[], &[]),
    row("PURGE", Arity::exactly(2), &[], &[]),
    row("STATS", Arity::exactly(2), &[], &[]),
    row("USAGE", Arity::at_least(3), &[READ], &[KeySpec::reads(2)]),
];

static MODULE_SUBCOMMANDS: [KnownCommand; 5] = [
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("LIST", Arity::exactly(2), &[ADMIN, NO_SCRIPT], &[]),
    row("LOAD", Arity::at_least(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING], &[]),
    row("LOADEX", Arity::at_least(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING], &[]),
    row("UNLOAD", Arity::exactly(3), &[ADMIN, NO_SCRIPT, NO_ASYNC_LOADING], &[]),
];

static OBJECT_SUBCOMMANDS: [KnownCommand; 5] = [
    row("ENCODING", Arity::exactly(3), &[READ], &[KeySpec::reads(2)]),
    row("FREQ", Arity::exactly(3), &[READ], &[KeySpec::reads(2)]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("IDLETIME", Arity::exactly(3), &[READ], &[KeySpec::reads(2)]),
    row("REFCOUNT", Arity::exactly(3), &[READ], &[KeySpec::reads(2)]),
];

static PUBSUB_SUBCOMMANDS: [KnownCommand; 6] = [
    row("CHANNELS", Arity::at_least(2), &[PUBSUB, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("NUMPAT", Arity::exactly(2), &[PUBSUB, LOADING, STALE], &[]),
    row("NUMSUB", Arity::at_least(2), &[PUBSUB, LOADING, STALE], &[]),
    row("SHARDCHANNELS", Arity::at_least(2), &[PUBSUB, LOADING, STALE], &[]),
    row("SHARDNUMSUB", Arity::at_least(2), &[PUBSUB, LOADING, STALE], &[]),
];

static SCRIPT_SUBCOMMANDS: [KnownCommand; 6] = [
    row("DEBUG", Arity::exactly(3), &[NO_SCRIPT], &[]),
    row("EXISTS", Arity::at_least(3), &[NO_SCRIPT], &[]),
    row("FLUSH", Arity::at_least(2), &[NO_SCRIPT], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("KILL", Arity::exactly(2), &[NO_SCRIPT, ALLOW_BUSY], &[]),
    row("LOAD", Arity::exactly(3), &[NO_SCRIPT, STALE], &[]),
];

static SLOWLOG_SUBCOMMANDS: [KnownCommand; 4] = [
    row("GET", Arity::at_least(2), &[ADMIN, LOADING, STALE], &[]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("LEN", Arity::exactly(2), &[ADMIN, LOADING, STALE], &[]),
    row("RESET", Arity::exactly(2), &[ADMIN, LOADING, STALE], &[]),
];

static XGROUP_SUBCOMMANDS: [KnownCommand; 6] = [
    row("CREATE", Arity::at_least(5), &[WRITE, DENY_OOM], &[KeySpec::updates(2)]),
    row("CREATECONSUMER", Arity::exactly(5), &[WRITE, DENY_OOM], &[KeySpec::updates(2)]),
    row("DELCONSUMER", Arity::exactly(5), &[WRITE], &[KeySpec::updates(2)]),
    row("DESTROY", Arity::exactly(4), &[WRITE], &[KeySpec::updates(2)]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("SETID", Arity::at_least(5), &[WRITE], &[KeySpec::updates(2)]),
];

static XINFO_SUBCOMMANDS: [KnownCommand; 4] = [
    row("CONSUMERS", Arity::exactly(4), &[READ], &[KeySpec::reads(2)]),
    row("GROUPS", Arity::exactly(3), &[READ], &[KeySpec::reads(2)]),
    row("HELP", Arity::exactly(2), &[LOADING, STALE], &[]),
    row("STREAM", Arity::at_least(3), &[READ], &[KeySpec::reads(2)]),
];
