use std::convert::Infallible;

use kvstore_protocol::Command;

use super::{Arguments, FromCommand, Words};

/// The whole command, with any number of arguments: it takes all of them, also one that is still on its way.
impl<S> FromCommand<S> for Command {
    type Rejection = Infallible;

    const WORDS: Words = Words::ANY;

    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, Infallible> {
        arguments.leave_all();
        Ok(arguments.command().clone())
    }
}
