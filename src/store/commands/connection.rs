//! The commands of a connection, for COMMAND to list: the transport in front of the store answers them.

use crate::store::spec::{Arity, FAST, PLAIN, Spec};

pub(super) const SPECS: &[Spec] = &[
    Spec::elsewhere("PING", Arity::at_least(1), FAST),
    Spec::elsewhere("ECHO", Arity::exactly(2), FAST),
    Spec::elsewhere("HELLO", Arity::at_least(1), FAST),
    Spec::elsewhere("AUTH", Arity::at_least(2), FAST),
    Spec::elsewhere("SELECT", Arity::exactly(2), FAST),
    Spec::elsewhere("QUIT", Arity::at_least(1), FAST),
    Spec::elsewhere("RESET", Arity::exactly(1), FAST),
    Spec::elsewhere("CLIENT", Arity::at_least(2), PLAIN),
];
