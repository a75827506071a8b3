//! The commands of a connection, for COMMAND to list: the transport in front of the store answers them.
//!
//! These rows describe and decide nothing. How many words a command takes is decided by the table in
//! `src/server/commands/mod.rs`, and for the sub-commands of CLIENT by the one in `client.rs` beside it. PING takes one
//! argument at most, which COMMAND has no way to show: there, as in Redis, it takes any number.

use crate::store::spec::{Arity, FAST, PLAIN, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec::elsewhere("PING", Arity::at_least(1), FAST).about("Answers PONG, or the text that it was sent.", "1.0.0"),
    Spec::elsewhere("ECHO", Arity::exactly(2), FAST).about("Answers the text that it was sent.", "1.0.0"),
    Spec::elsewhere("HELLO", Arity::at_least(1), FAST)
        .about("Chooses the protocol, and can authenticate and name the connection.", "6.0.0"),
    Spec::elsewhere("AUTH", Arity::at_least(2), FAST).about("Authenticates the connection.", "1.0.0"),
    Spec::elsewhere("SELECT", Arity::exactly(2), FAST).about("Chooses the database of the connection.", "1.0.0"),
    Spec::elsewhere("QUIT", Arity::at_least(1), FAST).about("Closes the connection.", "1.0.0"),
    Spec::elsewhere("RESET", Arity::exactly(1), FAST)
        .about("Makes the connection as it was when it was opened.", "6.2.0"),
    Spec::elsewhere("CLIENT", Arity::at_least(2), PLAIN)
        .about("What clients say about their connections, and ask about all of them.", "2.4.0"),
];
