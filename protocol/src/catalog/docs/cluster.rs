//! The commands on a cluster.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("ASKING", "3.0.0", "O(1)", "Allows the next command to access a slot that is being imported."),
    row("CLUSTER", "3.0.0", DEPENDS, "Manages the nodes and slots of a cluster."),
    row("CLUSTER ADDSLOTS", "3.0.0", "O(N) for N slots", "Assigns slots to the node.").takes("slot..."),
    row("CLUSTER ADDSLOTSRANGE", "7.0.0", "O(N) for N slots", "Assigns ranges of slots to the node.")
        .takes("range(start-slot end-slot)..."),
    row("CLUSTER BUMPEPOCH", "3.0.0", "O(1)", "Advances the epoch of the node."),
    row(
        "CLUSTER COUNT-FAILURE-REPORTS",
        "3.0.0",
        "O(N) for N reports",
        "Returns how many nodes report a node as failing.",
    )
    .takes("node-id"),
    row("CLUSTER COUNTKEYSINSLOT", "3.0.0", "O(1)", "Returns the number of keys in a slot.").takes("slot"),
    row("CLUSTER DELSLOTS", "3.0.0", "O(N) for N slots", "Takes slots from the node.").takes("slot..."),
    row("CLUSTER DELSLOTSRANGE", "7.0.0", "O(N) for N slots", "Takes ranges of slots from the node.")
        .takes("range(start-slot end-slot)..."),
    row("CLUSTER FAILOVER", "3.0.0", "O(1)", "Makes a replica take over from its primary.")
        .takes("[options<FORCE | TAKEOVER>]"),
    row("CLUSTER FLUSHSLOTS", "3.0.0", "O(1)", "Takes all slots from the node."),
    row("CLUSTER FORGET", "3.0.0", "O(1)", "Removes a node from the list of nodes.").takes("node-id"),
    row("CLUSTER GETKEYSINSLOT", "3.0.0", "O(N) for N returned keys", "Returns some of the keys in a slot.")
        .takes("slot count"),
    help("CLUSTER HELP", "5.0.0"),
    row("CLUSTER INFO", "3.0.0", "O(1)", "Returns the state of the cluster as the node sees it."),
    row("CLUSTER KEYSLOT", "3.0.0", "O(N) for N bytes", "Returns the slot of a key.").takes("key:string"),
    row("CLUSTER LINKS", "7.0.0", "O(N) for N nodes", "Lists the connections between the nodes."),
    row("CLUSTER MEET", "3.0.0", "O(1)", "Introduces a node to the cluster.").takes("ip port [cluster-bus-port]"),
    row("CLUSTER MYID", "3.0.0", "O(1)", "Returns the ID of the node."),
    row("CLUSTER MYSHARDID", "7.2.0", "O(1)", "Returns the ID of the shard of the node."),
    row(
        "CLUSTER NODES",
        "3.0.0",
        "O(N) for N nodes",
        "Returns the nodes of the cluster, in the format of the configuration file.",
    ),
    row("CLUSTER REPLICAS", "5.0.0", "O(N) for N replicas", "Lists the replicas of a primary.").takes("node-id"),
    row("CLUSTER REPLICATE", "3.0.0", "O(1)", "Makes the node a replica of a primary.").takes("node-id"),
    row("CLUSTER RESET", "3.0.0", "O(N) for N nodes", "Resets the node, so that it can join another cluster.")
        .takes("[reset-type<HARD | SOFT>]"),
    row("CLUSTER SAVECONFIG", "3.0.0", "O(1)", "Writes the configuration file of the node."),
    row("CLUSTER SET-CONFIG-EPOCH", "3.0.0", "O(1)", "Sets the epoch of a new node.").takes("config-epoch"),
    row("CLUSTER SETSLOT", "3.0.0", "O(1)", "Assigns a slot to a node, or marks it as moving.")
        .takes("slot subcommand<IMPORTING importing | MIGRATING migrating | NODE node | STABLE>"),
    row("CLUSTER SHARDS", "7.0.0", "O(N) for N nodes", "Returns the slots and the nodes of each shard."),
    row(
        "CLUSTER SLAVES",
        "3.0.0",
        "O(N) for N replicas",
        "Lists the replicas of a primary. The old name of CLUSTER REPLICAS.",
    )
    .takes("node-id")
    .deprecated("5.0.0", "`CLUSTER REPLICAS`"),
    row(
        "CLUSTER SLOT-STATS",
        "8.0.0",
        "O(N) for N slots, O(N*log(N)) if they are ordered",
        "Returns the statistics of slots.",
    )
    .takes(
        "filter<SLOTSRANGE slotsrange(start-slot end-slot) | ORDERBY orderby(metric [LIMIT limit] [order<ASC \
             | DESC>])>",
    ),
    row("CLUSTER SLOTS", "3.0.0", "O(N) for N nodes", "Returns the nodes of each range of slots.")
        .deprecated("7.0.0", "`CLUSTER SHARDS`"),
    row("READONLY", "3.0.0", "O(1)", "Allows reads of this connection on a replica."),
    row("READWRITE", "3.0.0", "O(1)", "Ends the effect of READONLY."),
];
