//! The commands on streams.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("XACK", "5.0.0", "O(1) for each ID", "Removes messages from the pending list of a group.")
        .takes("key group id..."),
    row(
        "XACKDEL",
        "8.2.0",
        "O(1) for each ID",
        "Removes messages from the pending list of a group, and from the stream.",
    )
    .takes("key group [condition<KEEPREF | DELREF | ACKED>] IDS ids(numids id...)"),
    row("XADD", "5.0.0", "O(1), and O(N) for N entries that are trimmed", "Appends an entry to a stream.").takes(
        "key [NOMKSTREAM] [condition<KEEPREF | DELREF | ACKED>] [trim(strategy<MAXLEN | MINID> \
             [operator<equal== | approximately=~>] threshold [LIMIT count])] id-selector<auto-id=* | id> \
             data(field value)...",
    ),
    row(
        "XAUTOCLAIM",
        "6.2.0",
        "O(1) if COUNT is small",
        "Hands messages that are pending for long to another consumer.",
    )
    .takes("key group consumer min-idle-time start:string [COUNT count] [JUSTID]"),
    row("XCLAIM", "5.0.0", "O(log(N)) for N pending messages", "Hands pending messages to another consumer.").takes(
        "key group consumer min-idle-time id... [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] \
             [FORCE] [JUSTID] [LASTID lastid]",
    ),
    row("XDEL", "5.0.0", "O(1) for each ID", "Deletes entries of a stream.").takes("key id..."),
    row("XDELEX", "8.2.0", "O(1) for each ID", "Deletes entries of a stream, and says what happens to pending ones.")
        .takes("key [condition<KEEPREF | DELREF | ACKED>] IDS ids(numids id...)"),
    row("XGROUP", "5.0.0", DEPENDS, "Manages the consumer groups of a stream."),
    row("XGROUP CREATE", "5.0.0", "O(1)", "Creates a consumer group.")
        .takes("key group id-selector<id | new-id=$> [MKSTREAM] [ENTRIESREAD entriesread]"),
    row("XGROUP CREATECONSUMER", "6.2.0", "O(1)", "Creates a consumer in a group.").takes("key group consumer"),
    row("XGROUP DELCONSUMER", "5.0.0", "O(1)", "Deletes a consumer of a group.").takes("key group consumer"),
    row("XGROUP DESTROY", "5.0.0", "O(N) for N pending messages", "Deletes a consumer group.").takes("key group"),
    help("XGROUP HELP", "5.0.0"),
    row("XGROUP SETID", "5.0.0", "O(1)", "Sets the ID of the last entry that a group was given.")
        .takes("key group id-selector<id | new-id=$> [ENTRIESREAD entriesread]"),
    row("XINFO", "5.0.0", DEPENDS, "Shows streams, groups and consumers."),
    row("XINFO CONSUMERS", "5.0.0", "O(1)", "Lists the consumers of a group.").takes("key group"),
    row("XINFO GROUPS", "5.0.0", "O(1)", "Lists the groups of a stream.").takes("key"),
    help("XINFO HELP", "5.0.0"),
    row("XINFO STREAM", "5.0.0", "O(1)", "Returns information about a stream.")
        .takes("key [full-block(FULL [COUNT count])]"),
    row("XLEN", "5.0.0", "O(1)", "Returns the number of entries of a stream.").takes("key"),
    row("XPENDING", "5.0.0", "O(N) for N returned messages", "Returns the pending messages of a group.")
        .takes("key group [filters([IDLE min-idle-time:integer] start:string end:string count [consumer])]"),
    row("XRANGE", "5.0.0", "O(N) for N returned entries", "Returns the entries in a range of IDs.")
        .takes("key start:string end:string [COUNT count]"),
    row("XREAD", "5.0.0", "O(N) for N returned entries", "Returns the entries after given IDs. Can wait for new ones.")
        .takes("[COUNT count] [BLOCK milliseconds] STREAMS streams(key... id...)"),
    row(
        "XREADGROUP",
        "5.0.0",
        "O(N) for N returned entries",
        "Returns new or pending entries to a consumer of a group. Can wait for new ones.",
    )
    .takes(
        "GROUP group-block(group consumer) [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time:integer] [NOACK] STREAMS \
             streams(key... id...)",
    ),
    row(
        "XREVRANGE",
        "5.0.0",
        "O(N) for N returned entries",
        "Returns the entries in a range of IDs, from the last one.",
    )
    .takes("key end:string start:string [COUNT count]"),
    row("XSETID", "5.0.0", "O(1)", "Sets the last ID of a stream. Sent by the server itself.")
        .takes("key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]"),
    row("XTRIM", "5.0.0", "O(N) for N removed entries", "Removes old entries of a stream.").takes(
        "key trim(strategy<MAXLEN | MINID> [operator<equal== | approximately=~>] threshold [LIMIT count] \
             [condition<KEEPREF | DELREF | ACKED>])",
    ),
];
