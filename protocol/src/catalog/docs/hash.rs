//! The commands on hashes.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("HDEL", "2.0.0", "O(N) for N given fields", "Removes fields, and the key with the last of them.")
        .takes("key field..."),
    row("HEXISTS", "2.0.0", "O(1)", "Says whether a hash has a field.").takes("key field"),
    row("HEXPIRE", "7.4.0", "O(N) for N given fields", "Sets the expiry of fields, in seconds from now.")
        .takes("key seconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields field...)"),
    row("HEXPIREAT", "7.4.0", "O(N) for N given fields", "Sets the expiry of fields, in seconds since the Unix epoch.")
        .takes("key unix-time-seconds:integer [condition<NX | XX | GT | LT>] FIELDS fields(numfields field...)"),
    row(
        "HEXPIRETIME",
        "7.4.0",
        "O(N) for N given fields",
        "Returns the expiry of fields, in seconds since the Unix epoch.",
    )
    .takes("key FIELDS fields(numfields field...)"),
    row("HGET", "2.0.0", "O(1)", "Returns the value of a field.").takes("key field"),
    row("HGETALL", "2.0.0", "O(N) for N fields", "Returns all fields and their values.").takes("key"),
    row("HGETDEL", "8.0.0", "O(N) for N given fields", "Returns the values of fields and removes the fields.")
        .takes("key FIELDS fields(numfields field...)"),
    row(
        "HGETEX",
        "8.0.0",
        "O(N) for N given fields",
        "Returns the values of fields after setting or removing their expiry.",
    )
    .takes(
        "key [expiration<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
             | PERSIST>] FIELDS fields(numfields field...)",
    ),
    row("HINCRBY", "2.0.0", "O(1)", "Increments the integer of a field. A missing field counts as 0.")
        .takes("key field increment"),
    row("HINCRBYFLOAT", "2.6.0", "O(1)", "Increments the decimal number of a field. A missing field counts as 0.")
        .takes("key field increment:double"),
    row("HKEYS", "2.0.0", "O(N) for N fields", "Returns all fields of a hash.").takes("key"),
    row("HLEN", "2.0.0", "O(1)", "Returns the number of fields of a hash.").takes("key"),
    row("HMGET", "2.0.0", "O(N) for N given fields", "Returns the values of several fields.").takes("key field..."),
    row("HMSET", "2.0.0", "O(N) for N given fields", "Sets the values of several fields.")
        .takes("key data(field value)...")
        .deprecated("4.0.0", "`HSET`"),
    row("HPERSIST", "7.4.0", "O(N) for N given fields", "Removes the expiry of fields.")
        .takes("key FIELDS fields(numfields field...)"),
    row("HPEXPIRE", "7.4.0", "O(N) for N given fields", "Sets the expiry of fields, in milliseconds from now.")
        .takes("key milliseconds [condition<NX | XX | GT | LT>] FIELDS fields(numfields field...)"),
    row(
        "HPEXPIREAT",
        "7.4.0",
        "O(N) for N given fields",
        "Sets the expiry of fields, in milliseconds since the Unix epoch.",
    )
    .takes("key unix-time-milliseconds:integer [condition<NX | XX | GT | LT>] FIELDS fields(numfields field...)"),
    row(
        "HPEXPIRETIME",
        "7.4.0",
        "O(N) for N given fields",
        "Returns the expiry of fields, in milliseconds since the Unix epoch.",
    )
    .takes("key FIELDS fields(numfields field...)"),
    row("HPTTL", "7.4.0", "O(N) for N given fields", "Returns the time to live of fields, in milliseconds.")
        .takes("key FIELDS fields(numfields field...)"),
    row("HRANDFIELD", "6.2.0", "O(N) for N returned fields", "Returns random fields of a hash.")
        .takes("key [options(count [WITHVALUES])]"),
    row("HSCAN", "2.8.0", "O(1) for each call", "Returns some fields of a hash, and the cursor of the next ones.")
        .takes("key cursor [MATCH pattern] [COUNT count] [NOVALUES]"),
    row("HSET", "2.0.0", "O(N) for N given fields", "Sets the values of fields, and returns how many are new.")
        .takes("key data(field value)..."),
    row("HSETEX", "8.0.0", "O(N) for N given fields", "Sets the values of fields and one expiry for all of them.")
        .takes(
            "key [key-condition<NX | XX>] [condition<FNX | FXX>] [expiration<EX seconds | PX milliseconds \
             | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL>] FIELDS fields(numfields data(field value)...)",
        ),
    row("HSETNX", "2.0.0", "O(1)", "Sets the value of a field only if the field is missing.").takes("key field value"),
    row("HSTRLEN", "3.2.0", "O(1)", "Returns the length of the value of a field.").takes("key field"),
    row("HTTL", "7.4.0", "O(N) for N given fields", "Returns the time to live of fields, in seconds.")
        .takes("key FIELDS fields(numfields field...)"),
    row("HVALS", "2.0.0", "O(N) for N fields", "Returns all values of a hash.").takes("key"),
];
