//! The commands on keys of any type.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("COPY", "6.2.0", "O(N) for N elements; O(1) for a string", "Copies the value of a key to another key.")
        .takes("source destination [DB destination-db] [REPLACE]"),
    row("DEL", "1.0.0", "O(N) for N keys, and O(M) for the M elements of each", "Deletes keys.").takes("key..."),
    row("DUMP", "2.6.0", "O(N) for N elements of the value", "Returns the value of a key in a serialized form.")
        .takes("key"),
    row("EXISTS", "1.0.0", "O(N) for N keys", "Returns how many of the keys exist.").takes("key..."),
    row("EXPIRE", "1.0.0", "O(1)", "Sets the expiry of a key, in seconds from now.")
        .takes("key seconds [condition<NX | XX | GT | LT>]"),
    row("EXPIREAT", "1.2.0", "O(1)", "Sets the expiry of a key, in seconds since the Unix epoch.")
        .takes("key unix-time-seconds [condition<NX | XX | GT | LT>]"),
    row("EXPIRETIME", "7.0.0", "O(1)", "Returns the expiry of a key, in seconds since the Unix epoch.").takes("key"),
    row("KEYS", "1.0.0", "O(N) for N keys of the database", "Returns every key that matches a pattern.")
        .takes("pattern"),
    row("MIGRATE", "2.6.0", "that of DUMP and DEL here, and of RESTORE there", "Moves keys to another server.").takes(
        "host port key-selector<key | empty-string=> destination-db timeout:integer [COPY] [REPLACE] \
             [authentication<AUTH auth | AUTH2 auth2(username password)>] [KEYS keys...]",
    ),
    row("MOVE", "1.0.0", "O(1)", "Moves a key to another database.").takes("key db"),
    row("OBJECT", "2.2.3", DEPENDS, "Shows internals of the value of a key."),
    row("OBJECT ENCODING", "2.2.3", "O(1)", "Returns the encoding of a value in memory.").takes("key"),
    row("OBJECT FREQ", "4.0.0", "O(1)", "Returns the access frequency of a key, if that is tracked.").takes("key"),
    help("OBJECT HELP", "6.2.0"),
    row("OBJECT IDLETIME", "2.2.3", "O(1)", "Returns the seconds since the last access to a key.").takes("key"),
    row("OBJECT REFCOUNT", "2.2.3", "O(1)", "Returns the number of references to a value.").takes("key"),
    row("PERSIST", "2.2.0", "O(1)", "Removes the expiry of a key.").takes("key"),
    row("PEXPIRE", "2.6.0", "O(1)", "Sets the expiry of a key, in milliseconds from now.")
        .takes("key milliseconds [condition<NX | XX | GT | LT>]"),
    row("PEXPIREAT", "2.6.0", "O(1)", "Sets the expiry of a key, in milliseconds since the Unix epoch.")
        .takes("key unix-time-milliseconds [condition<NX | XX | GT | LT>]"),
    row("PEXPIRETIME", "7.0.0", "O(1)", "Returns the expiry of a key, in milliseconds since the Unix epoch.")
        .takes("key"),
    row("PTTL", "2.6.0", "O(1)", "Returns the time to live of a key, in milliseconds.").takes("key"),
    row("RANDOMKEY", "1.0.0", "O(1)", "Returns a random key of the database."),
    row("RENAME", "1.0.0", "O(1)", "Renames a key, and replaces the one that has the new name.").takes("key newkey"),
    row("RENAMENX", "1.0.0", "O(1)", "Renames a key only if no key has the new name.").takes("key newkey"),
    row("RESTORE", "2.6.0", "O(N) for N elements of the value", "Creates a key from a serialized value.")
        .takes("key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]"),
    row("SCAN", "2.8.0", "O(1) for each call", "Returns some of the keys, and the cursor of the next ones.")
        .takes("cursor [MATCH pattern] [COUNT count] [TYPE type]"),
    row(
        "SORT",
        "1.0.0",
        "O(N+M*log(M)) for N elements and M returned ones",
        "Sorts a list, a set or a sorted set, and can store the result.",
    )
    .takes(
        "key [BY by-pattern@1] [LIMIT limit(offset count)] [GET get-pattern@1]... [order<ASC | DESC>] \
             [sorting=ALPHA] [STORE destination@2]",
    ),
    row(
        "SORT_RO",
        "7.0.0",
        "O(N+M*log(M)) for N elements and M returned ones",
        "Returns the sorted elements of a list, a set or a sorted set.",
    )
    .takes(
        "key [BY by-pattern@1] [LIMIT limit(offset count)] [GET get-pattern@1]... [order<ASC | DESC>] \
             [sorting=ALPHA]",
    ),
    row("TOUCH", "3.2.1", "O(N) for N keys", "Updates the last access of keys, and returns how many exist.")
        .takes("key..."),
    row("TTL", "1.0.0", "O(1)", "Returns the time to live of a key, in seconds.").takes("key"),
    row("TYPE", "1.0.0", "O(1)", "Returns the type of the value of a key.").takes("key"),
    row("UNLINK", "4.0.0", "O(N) for N keys", "Deletes keys, and frees large values in the background.")
        .takes("key..."),
    row("WAIT", "3.0.0", "O(1)", "Waits until replicas have the writes of the connection.")
        .takes("numreplicas timeout:integer"),
    row("WAITAOF", "7.2.0", "O(1)", "Waits until the writes of the connection are on disk, here and on replicas.")
        .takes("numlocal numreplicas timeout:integer"),
];
