//! The commands on transactions.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("DISCARD", "2.0.0", "O(N) for N queued commands", "Discards a transaction."),
    row("EXEC", "1.2.0", "that of the queued commands", "Runs the queued commands of a transaction."),
    row("MULTI", "1.2.0", "O(1)", "Begins a transaction."),
    row("UNWATCH", "2.2.0", "O(1)", "Forgets the watched keys."),
    row(
        "WATCH",
        "2.2.0",
        "O(1) for each key",
        "Watches keys, so that the next transaction is run only if they are not changed.",
    )
    .takes("key..."),
];
