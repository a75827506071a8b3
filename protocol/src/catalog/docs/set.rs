//! The commands on sets.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("SADD", "1.0.0", "O(N) for N added members", "Adds members to a set.").takes("key member..."),
    row("SCARD", "1.0.0", "O(1)", "Returns the number of members of a set.").takes("key"),
    row(
        "SDIFF",
        "1.0.0",
        "O(N) for N members of all sets",
        "Returns the members of the first set that no other one has.",
    )
    .takes("key..."),
    row(
        "SDIFFCARD",
        "8.10.0",
        "O(N) for N members of all sets",
        "Counts the members of the first set that no other one has.",
    )
    .takes("numkeys key... [LIMIT limit]"),
    row(
        "SDIFFSTORE",
        "1.0.0",
        "O(N) for N members of all sets",
        "Stores the members of the first set that no other one has.",
    )
    .takes("destination key..."),
    row(
        "SINTER",
        "1.0.0",
        "O(N*M) for M sets and N members of the smallest",
        "Returns the members that all sets have.",
    )
    .takes("key..."),
    row(
        "SINTERCARD",
        "7.0.0",
        "O(N*M) for M sets and N members of the smallest",
        "Counts the members that all sets have.",
    )
    .takes("numkeys key... [LIMIT limit]"),
    row(
        "SINTERSTORE",
        "1.0.0",
        "O(N*M) for M sets and N members of the smallest",
        "Stores the members that all sets have.",
    )
    .takes("destination key..."),
    row("SISMEMBER", "1.0.0", "O(1)", "Says whether a set has a member.").takes("key member"),
    row("SMEMBERS", "1.0.0", "O(N) for N members", "Returns all members of a set.").takes("key"),
    row("SMISMEMBER", "6.2.0", "O(N) for N given members", "Says which of the given members a set has.")
        .takes("key member..."),
    row("SMOVE", "1.0.0", "O(1)", "Moves a member from one set to another.").takes("source destination member"),
    row("SPOP", "1.0.0", "O(N) for N returned members", "Removes and returns random members of a set.")
        .takes("key [count]"),
    row("SRANDMEMBER", "1.0.0", "O(N) for N returned members", "Returns random members of a set.").takes("key [count]"),
    row("SREM", "1.0.0", "O(N) for N given members", "Removes members of a set.").takes("key member..."),
    row("SSCAN", "2.8.0", "O(1) for each call", "Returns some members of a set, and the cursor of the next ones.")
        .takes("key cursor [MATCH pattern] [COUNT count]"),
    row("SUNION", "1.0.0", "O(N) for N members of all sets", "Returns the members of all sets together.")
        .takes("key..."),
    row("SUNIONCARD", "8.10.0", "O(N) for N members of all sets", "Counts the members of all sets together.")
        .takes("numkeys key... [LIMIT limit]"),
    row("SUNIONSTORE", "1.0.0", "O(N) for N members of all sets", "Stores the members of all sets together.")
        .takes("destination key..."),
];
