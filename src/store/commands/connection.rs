//! The commands of a connection, for COMMAND to list: the transport in front of the store answers them.

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
