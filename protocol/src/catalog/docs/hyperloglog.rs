//! The commands on HyperLogLogs.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("PFADD", "2.8.9", "O(1) for each element", "Adds elements to a HyperLogLog.").takes("key [element...]"),
    row("PFCOUNT", "2.8.9", "O(N) for N keys", "Estimates how many different elements were added.").takes("key..."),
    row("PFDEBUG", "2.8.9", "", "Shows internals of a HyperLogLog.").takes("subcommand key").internal(),
    row("PFMERGE", "2.8.9", "O(N) for N keys", "Merges HyperLogLogs into one.").takes("destkey [sourcekey...]"),
    row("PFSELFTEST", "2.8.9", "", "Tests the HyperLogLogs of the server.").internal(),
];
