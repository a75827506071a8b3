//! The commands on lists.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("BLMOVE", "6.2.0", "O(1)", "Moves an element from one list to another. Waits for one if there is none.")
        .takes("source destination wherefrom<LEFT | RIGHT> whereto<LEFT | RIGHT> timeout"),
    row(
        "BLMPOP",
        "7.0.0",
        "O(N+M) for N keys and M elements",
        "Removes and returns elements of the first list that is not empty. Waits for one if there is none.",
    )
    .takes("timeout numkeys key... where<LEFT | RIGHT> [COUNT count]"),
    row(
        "BLPOP",
        "2.0.0",
        "O(N) for N keys",
        "Removes and returns the first element of the first list that is not empty. Waits for one if there is none.",
    )
    .takes("key... timeout"),
    row(
        "BRPOP",
        "2.0.0",
        "O(N) for N keys",
        "Removes and returns the last element of the first list that is not empty. Waits for one if there is none.",
    )
    .takes("key... timeout"),
    row(
        "BRPOPLPUSH",
        "2.2.0",
        "O(1)",
        "Moves the last element of a list to the front of another. Waits for one if there is none.",
    )
    .takes("source destination timeout")
    .deprecated("6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`"),
    row(
        "LINDEX",
        "1.0.0",
        "O(N) for N elements up to the index; O(1) at both ends",
        "Returns an element of a list by its index.",
    )
    .takes("key index"),
    row("LINSERT", "2.2.0", "O(N) for N elements up to the pivot", "Inserts an element before or after another one.")
        .takes("key where<BEFORE | AFTER> pivot element"),
    row("LLEN", "1.0.0", "O(1)", "Returns the number of elements of a list.").takes("key"),
    row("LMOVE", "6.2.0", "O(1)", "Moves an element from one list to another and returns it.")
        .takes("source destination wherefrom<LEFT | RIGHT> whereto<LEFT | RIGHT>"),
    row(
        "LMPOP",
        "7.0.0",
        "O(N+M) for N keys and M elements",
        "Removes and returns elements of the first list that is not empty.",
    )
    .takes("numkeys key... where<LEFT | RIGHT> [COUNT count]"),
    row("LPOP", "1.0.0", "O(N) for N returned elements", "Removes and returns the first elements of a list.")
        .takes("key [count]"),
    row("LPOS", "6.0.6", "O(N) for N elements", "Returns the indexes of the elements that equal a value.")
        .takes("key element [RANK rank] [COUNT num-matches] [MAXLEN len]"),
    row("LPUSH", "1.0.0", "O(N) for N added elements", "Adds elements to the front of a list.").takes("key element..."),
    row(
        "LPUSHX",
        "2.2.0",
        "O(N) for N added elements",
        "Adds elements to the front of a list only if the list exists.",
    )
    .takes("key element..."),
    row(
        "LRANGE",
        "1.0.0",
        "O(S+N) for N elements, S away from the nearest end",
        "Returns a range of elements of a list.",
    )
    .takes("key start stop"),
    row("LREM", "1.0.0", "O(N+M) for N elements and M removed ones", "Removes the elements that equal a value.")
        .takes("key count element"),
    row(
        "LSET",
        "1.0.0",
        "O(N) for N elements up to the index; O(1) at both ends",
        "Replaces an element of a list by its index.",
    )
    .takes("key index element"),
    row("LTRIM", "1.0.0", "O(N) for N removed elements", "Removes the elements outside of a range.")
        .takes("key start stop"),
    row("RPOP", "1.0.0", "O(N) for N returned elements", "Removes and returns the last elements of a list.")
        .takes("key [count]"),
    row("RPOPLPUSH", "1.2.0", "O(1)", "Moves the last element of a list to the front of another and returns it.")
        .takes("source destination")
        .deprecated("6.2.0", "`LMOVE` with `RIGHT` and `LEFT`"),
    row("RPUSH", "1.0.0", "O(N) for N added elements", "Adds elements to the end of a list.").takes("key element..."),
    row("RPUSHX", "2.2.0", "O(N) for N added elements", "Adds elements to the end of a list only if the list exists.")
        .takes("key element..."),
];
