//! The commands on the server.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("ACL", "6.0.0", DEPENDS, "Manages users and their permissions."),
    row("ACL CAT", "6.0.0", "O(1)", "Lists the categories of commands, or the commands of one.").takes("[category]"),
    row("ACL DELUSER", "6.0.0", "O(1)", "Deletes users and closes their connections.").takes("username..."),
    row("ACL DRYRUN", "7.0.0", "O(1)", "Checks whether a user may run a command, without running it.")
        .takes("username command [arg...]"),
    row("ACL GENPASS", "6.0.0", "O(1)", "Generates a random password.").takes("[bits]"),
    row("ACL GETUSER", "6.0.0", "O(N) for N rules of the user", "Returns the rules of a user.").takes("username"),
    help("ACL HELP", "6.0.0"),
    row("ACL LIST", "6.0.0", "O(N) for N users", "Returns the rules of all users."),
    row("ACL LOAD", "6.0.0", "O(N) for N users", "Reloads the users from the ACL file."),
    row(
        "ACL LOG",
        "6.0.0",
        "O(N) for N returned entries",
        "Returns or clears the log of refused commands and log-ins.",
    )
    .takes("[operation<count | RESET>]"),
    row("ACL SAVE", "6.0.0", "O(N) for N users", "Writes the users to the ACL file."),
    row("ACL SETUSER", "6.0.0", "O(N) for N rules", "Creates a user, or changes its rules.")
        .takes("username [rule...]"),
    row("ACL USERS", "6.0.0", "O(N) for N users", "Returns the names of all users."),
    row("ACL WHOAMI", "6.0.0", "O(1)", "Returns the user of the connection."),
    row("BGREWRITEAOF", "1.0.0", "O(1)", "Rewrites the append-only file in the background."),
    row("BGSAVE", "1.0.0", "O(1)", "Saves a snapshot in the background.").takes("[SCHEDULE]"),
    row("COMMAND", "2.8.13", "O(N) for N commands", "Returns arity, flags and keys of all commands."),
    row("COMMAND COUNT", "2.8.13", "O(1)", "Returns the number of commands."),
    row("COMMAND DOCS", "7.0.0", "O(N) for N commands", "Returns the documentation of commands.")
        .takes("[command-name...]"),
    row("COMMAND GETKEYS", "2.8.13", "O(N) for N arguments", "Extracts the keys of a command.")
        .takes("command [arg...]"),
    row(
        "COMMAND GETKEYSANDFLAGS",
        "7.0.0",
        "O(N) for N arguments",
        "Extracts the keys of a command, and how it accesses them.",
    )
    .takes("command [arg...]"),
    help("COMMAND HELP", "5.0.0"),
    row("COMMAND INFO", "2.8.13", "O(N) for N commands", "Returns arity, flags and keys of commands.")
        .takes("[command-name...]"),
    row("COMMAND LIST", "7.0.0", "O(N) for N commands", "Returns the names of the commands.")
        .takes("[FILTERBY filterby<MODULE module-name | ACLCAT category | PATTERN pattern>]"),
    row("CONFIG", "2.0.0", DEPENDS, "Reads and sets the configuration of the server."),
    row("CONFIG GET", "2.0.0", "O(N) for N parameters", "Returns configuration parameters and their values.")
        .takes("parameter..."),
    help("CONFIG HELP", "5.0.0"),
    row("CONFIG RESETSTAT", "2.0.0", "O(1)", "Resets the statistics of INFO."),
    row("CONFIG REWRITE", "2.8.0", "O(1)", "Writes the configuration to the configuration file."),
    row("CONFIG SET", "2.0.0", "O(N) for N parameters", "Sets configuration parameters at runtime.")
        .takes("data(parameter value)..."),
    row("DBSIZE", "1.0.0", "O(1)", "Returns the number of keys of the database."),
    row("DEBUG", "1.0.0", DEPENDS, "Debugs the server.").internal(),
    row("FAILOVER", "6.2.0", "O(1)", "Hands the role of the primary to a replica.")
        .takes("[TO target(host port [FORCE])] [ABORT] [TIMEOUT milliseconds]"),
    row("FLUSHALL", "1.0.0", "O(N) for N keys of all databases", "Deletes every key of every database.")
        .takes("[flush-type<ASYNC | SYNC>]"),
    row("FLUSHDB", "1.0.0", "O(N) for N keys of the database", "Deletes every key of the database.")
        .takes("[flush-type<ASYNC | SYNC>]"),
    row("INFO", "1.0.0", "O(1)", "Returns information and statistics of the server.").takes("[section...]"),
    row("LASTSAVE", "1.0.0", "O(1)", "Returns the time of the last saved snapshot."),
    row("LATENCY", "2.8.13", DEPENDS, "Shows what delayed the server."),
    row("LATENCY DOCTOR", "2.8.13", "O(1)", "Explains the delays of the server in words."),
    row("LATENCY GRAPH", "2.8.13", "O(1)", "Draws the delays of an event.").takes("event"),
    help("LATENCY HELP", "2.8.13"),
    row("LATENCY HISTOGRAM", "7.0.0", "O(N) for N commands", "Returns how long commands took, as a distribution.")
        .takes("[command...]"),
    row("LATENCY HISTORY", "2.8.13", "O(1)", "Returns the delays of an event with their times.").takes("event"),
    row("LATENCY LATEST", "2.8.13", "O(1)", "Returns the latest delay of each event."),
    row("LATENCY RESET", "2.8.13", "O(1)", "Forgets the delays of events.").takes("[event...]"),
    row("LOLWUT", "5.0.0", "", "Draws a picture and shows the version.").takes("[VERSION version]"),
    row("MEMORY", "4.0.0", DEPENDS, "Shows the use of memory."),
    row("MEMORY DOCTOR", "4.0.0", "O(1)", "Explains the use of memory in words."),
    help("MEMORY HELP", "4.0.0"),
    row("MEMORY MALLOC-STATS", "4.0.0", "depends on the allocated memory", "Returns the statistics of the allocator."),
    row(
        "MEMORY PURGE",
        "4.0.0",
        "depends on the allocated memory",
        "Asks the allocator to return free memory to the system.",
    ),
    row("MEMORY STATS", "4.0.0", "O(1)", "Returns how much memory is used for what."),
    row("MEMORY USAGE", "4.0.0", "O(N) for N samples", "Returns the bytes that a key and its value occupy.")
        .takes("key [SAMPLES count]"),
    row("MODULE", "4.0.0", DEPENDS, "Manages modules."),
    help("MODULE HELP", "5.0.0"),
    row("MODULE LIST", "4.0.0", "O(N) for N modules", "Lists the loaded modules."),
    row("MODULE LOAD", "4.0.0", "O(1)", "Loads a module.").takes("path [arg...]"),
    row("MODULE LOADEX", "7.0.0", "O(1)", "Loads a module with configuration parameters.")
        .takes("path [CONFIG configs(name value)]... [ARGS args...]"),
    row("MODULE UNLOAD", "4.0.0", "O(1)", "Unloads a module.").takes("name"),
    row("MONITOR", "1.0.0", "", "Streams every command that the server receives."),
    row("PSYNC", "2.8.0", "", "Starts or continues a replication stream. Sent by replicas.")
        .takes("replicationid offset"),
    row("REPLCONF", "3.0.0", "O(1)", "Configures a replication stream. Sent by replicas.").internal(),
    row("REPLICAOF", "5.0.0", "O(1)", "Makes the server a replica of another one, or a primary.")
        .takes("args<host-port(host port) | no-one(NO ONE)>"),
    row(
        "RESTORE-ASKING",
        "3.0.0",
        "O(N) for N elements of the value",
        "Restores a key while its slot is imported. Sent by cluster nodes.",
    )
    .takes("key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]")
    .internal(),
    row("ROLE", "2.8.12", "O(1)", "Returns the replication role of the server."),
    row("SAVE", "1.0.0", "O(N) for N keys of all databases", "Saves a snapshot and waits for it."),
    row("SHUTDOWN", "1.0.0", "O(N) for N keys if a snapshot is saved, else O(1)", "Stops the server.")
        .takes("[save-selector<NOSAVE | SAVE>] [NOW] [FORCE] [ABORT]"),
    row(
        "SLAVEOF",
        "1.0.0",
        "O(1)",
        "Makes the server a replica of another one, or a primary. The old name of REPLICAOF.",
    )
    .takes("args<host-port(host port) | no-one(NO ONE)>")
    .deprecated("5.0.0", "`REPLICAOF`"),
    row("SLOWLOG", "2.2.12", DEPENDS, "Shows the log of slow commands."),
    row("SLOWLOG GET", "2.2.12", "O(N) for N returned entries", "Returns the latest slow commands.").takes("[count]"),
    help("SLOWLOG HELP", "6.2.0"),
    row("SLOWLOG LEN", "2.2.12", "O(1)", "Returns the number of logged slow commands."),
    row("SLOWLOG RESET", "2.2.12", "O(N) for N entries", "Clears the log of slow commands."),
    row("SWAPDB", "4.0.0", "O(N) for N clients that watch or wait for keys", "Swaps the keys of two databases.")
        .takes("index1 index2"),
    row("SYNC", "1.0.0", "", "Starts a replication stream. Sent by replicas."),
    row("TIME", "2.6.0", "O(1)", "Returns the time of the server."),
];
