//! The commands on the connection.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("AUTH", "1.0.0", "O(N) for N passwords of the user", "Authenticates the connection.")
        .takes("[username] password"),
    row("CLIENT", "2.4.0", DEPENDS, "Shows and changes connections."),
    row("CLIENT CACHING", "6.0.0", "O(1)", "Says whether the keys of the next command are tracked.")
        .takes("mode<YES | NO>"),
    row("CLIENT CAPA", "8.0.0", "O(1)", "Announces what the client can do.").takes("capability..."),
    row("CLIENT GETNAME", "2.6.9", "O(1)", "Returns the name of the connection."),
    row("CLIENT GETREDIR", "6.0.0", "O(1)", "Returns the connection that gets the invalidation messages."),
    help("CLIENT HELP", "5.0.0"),
    row("CLIENT ID", "5.0.0", "O(1)", "Returns the ID of the connection."),
    row("CLIENT INFO", "6.2.0", "O(1)", "Returns information about the connection."),
    row("CLIENT KILL", "2.4.0", "O(N) for N connections", "Closes connections.").takes(
        "filter<old-format | new-format<[ID client-id] | [TYPE client-type<NORMAL | MASTER | SLAVE | REPLICA \
             | PUBSUB>] | [USER username] | [ADDR addr] | [LADDR laddr] | [SKIPME skipme<YES | NO>] | [MAXAGE \
             maxage]>...>",
    ),
    row("CLIENT LIST", "2.4.0", "O(N) for N connections", "Lists connections.")
        .takes("[TYPE client-type<NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id...]"),
    row("CLIENT NO-EVICT", "7.0.0", "O(1)", "Exempts the connection from client eviction.").takes("enabled<ON | OFF>"),
    row("CLIENT NO-TOUCH", "7.2.0", "O(1)", "Leaves the access times of keys unchanged.").takes("enabled<ON | OFF>"),
    row("CLIENT PAUSE", "3.0.0", "O(1)", "Holds commands for a time.").takes("timeout:integer [mode<WRITE | ALL>]"),
    row("CLIENT REPLY", "3.2.0", "O(1)", "Sets which replies the connection is sent.").takes("action<ON | OFF | SKIP>"),
    row("CLIENT SETINFO", "7.2.0", "O(1)", "Sets the name or the version of the client library.")
        .takes("attr<LIB-NAME libname | LIB-VER libver>"),
    row("CLIENT SETNAME", "2.6.9", "O(1)", "Sets the name of the connection.").takes("connection-name"),
    row(
        "CLIENT TRACKING",
        "6.0.0",
        "O(1)",
        "Sets whether the server reports changes of keys that the client has read.",
    )
    .takes("status<ON | OFF> [REDIRECT client-id] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]"),
    row("CLIENT TRACKINGINFO", "6.2.0", "O(1)", "Returns the tracking settings of the connection."),
    row("CLIENT UNBLOCK", "5.0.0", "O(log(N)) for N connections", "Ends the waiting of a command that blocks.")
        .takes("client-id [unblock-type<TIMEOUT | ERROR>]"),
    row("CLIENT UNPAUSE", "6.2.0", "O(N) for N paused connections", "Ends the pause of CLIENT PAUSE."),
    row("ECHO", "1.0.0", "O(1)", "Answers the given text.").takes("message"),
    row("HELLO", "6.0.0", "O(1)", "Chooses the protocol, and can authenticate.")
        .takes("[arguments(protover [AUTH auth(username password)] [SETNAME clientname])]"),
    row("PING", "1.0.0", "O(1)", "Answers PONG, or the given text.").takes("[message]"),
    row("QUIT", "1.0.0", "O(1)", "Closes the connection.").deprecated("7.2.0", "closing the connection"),
    row("RESET", "6.2.0", "O(1)", "Resets the connection to its initial state."),
    row("SELECT", "1.0.0", "O(1)", "Selects the database of the connection.").takes("index"),
];
