//! The commands on strings.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("APPEND", "2.0.0", "O(1)", "Appends bytes to the string of a key. A missing key is an empty string.")
        .takes("key value"),
    row("DECR", "1.0.0", "O(1)", "Decrements the integer of a key by one. A missing key counts as 0.").takes("key"),
    row("DECRBY", "1.0.0", "O(1)", "Decrements the integer of a key by a number. A missing key counts as 0.")
        .takes("key decrement"),
    row(
        "DELEX",
        "8.4.0",
        "O(1); O(N) for N bytes if digests are compared",
        "Deletes a key only if its string meets a condition.",
    )
    .takes("key [condition<IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest>]"),
    row("DELIFEQ", "9.0.0", "O(1)", "Deletes a key only if its string equals a value.").takes("key value"),
    row("DIGEST", "8.4.0", "O(N) for N bytes", "Returns the XXH3 hash of the string of a key, in hexadecimal digits.")
        .takes("key"),
    row("GET", "1.0.0", "O(1)", "Returns the string of a key.").takes("key"),
    row("GETDEL", "6.2.0", "O(1)", "Returns the string of a key and deletes the key.").takes("key"),
    row("GETEX", "6.2.0", "O(1)", "Returns the string of a key after setting or removing its expiry.").takes(
        "key [expiration<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
             | PERSIST>]",
    ),
    row("GETRANGE", "2.4.0", "O(N) for N returned bytes", "Returns a part of the string of a key.")
        .takes("key start end"),
    row("GETSET", "1.0.0", "O(1)", "Sets the string of a key and returns the one before.")
        .takes("key value")
        .deprecated("6.2.0", "`SET` with `GET`"),
    row("INCR", "1.0.0", "O(1)", "Increments the integer of a key by one. A missing key counts as 0.").takes("key"),
    row("INCRBY", "1.0.0", "O(1)", "Increments the integer of a key by a number. A missing key counts as 0.")
        .takes("key increment"),
    row(
        "INCRBYFLOAT",
        "2.6.0",
        "O(1)",
        "Increments the decimal number of a key by another one. A missing key counts as 0.",
    )
    .takes("key increment:double"),
    row("INCREX", "8.8.0", "O(1)", "Increments the number of a key within bounds, and sets its expiry.").takes(
        "key [increment<BYFLOAT float-increment | BYINT integer-increment>] [LBOUND lower-bound] [UBOUND \
             upper-bound] [SATURATE] [expiration<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT \
             unix-time-milliseconds | PERSIST>] [ENX]",
    ),
    row("LCS", "7.0.0", "O(N*M) for strings of N and M bytes", "Finds the longest common subsequence of two strings.")
        .takes("key1 key2@0 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]"),
    row("MGET", "1.0.0", "O(N) for N keys", "Returns the strings of several keys.").takes("key..."),
    row("MSET", "1.0.1", "O(N) for N keys", "Sets the strings of several keys.").takes("data(key value)..."),
    row("MSETEX", "8.4.0", "O(N) for N keys", "Sets the strings of several keys and one expiry for all of them.")
        .takes(
            "numkeys data(key value)... [condition<NX | XX>] [expiration<EX seconds | PX milliseconds | EXAT \
             unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL>]",
        ),
    row("MSETNX", "1.0.1", "O(N) for N keys", "Sets the strings of several keys only if all of the keys are missing.")
        .takes("data(key value)..."),
    row("PSETEX", "2.6.0", "O(1)", "Sets the string of a key, and its expiry in milliseconds from now.")
        .takes("key milliseconds value")
        .deprecated("2.6.12", "`SET` with `PX`"),
    row("SET", "1.0.0", "O(1)", "Sets the string of a key, whatever type it had, and its expiry.").takes(
        "key value [condition<NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE \
             ifdne-digest>] [GET] [expiration<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT \
             unix-time-milliseconds | KEEPTTL>]",
    ),
    row("SETEX", "2.0.0", "O(1)", "Sets the string of a key, and its expiry in seconds from now.")
        .takes("key seconds value")
        .deprecated("2.6.12", "`SET` with `EX`"),
    row("SETNX", "1.0.0", "O(1)", "Sets the string of a key only if the key is missing.")
        .takes("key value")
        .deprecated("2.6.12", "`SET` with `NX`"),
    row(
        "SETRANGE",
        "2.2.0",
        "O(N) for N written bytes",
        "Overwrites a part of the string of a key. A missing key is an empty string.",
    )
    .takes("key offset value"),
    row("STRLEN", "2.2.0", "O(1)", "Returns the length of the string of a key.").takes("key"),
    row(
        "SUBSTR",
        "1.0.0",
        "O(N) for N returned bytes",
        "Returns a part of the string of a key. The old name of GETRANGE.",
    )
    .takes("key start end")
    .deprecated("2.0.0", "`GETRANGE`"),
];
