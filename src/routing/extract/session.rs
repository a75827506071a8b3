use std::{convert::Infallible, sync::Arc};

use kvstore_protocol::{CommandError, Push, Session};

use super::{Arguments, FromCommand, Words};

/// Who sent the command.
impl<S> FromCommand<S> for Arc<Session> {
    type Rejection = Infallible;

    const WORDS: Words = Words::NONE;

    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(arguments.command().shared_session())
    }
}

/// The same as a copy: `Arc<Session>` costs less.
impl<S> FromCommand<S> for Session {
    type Rejection = Infallible;

    const WORDS: Words = Words::NONE;

    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(arguments.command().session().clone())
    }
}

/// The way back to the connection that the command came from. A command that came from none is refused; an
/// `Option<Push>` is `None` for it.
impl<S> FromCommand<S> for Push {
    type Rejection = CommandError;

    const WORDS: Words = Words::NONE;

    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, CommandError> {
        arguments.command().push().ok_or(CommandError::err("this command needs a connection to send messages to"))
    }

    fn optional(arguments: &mut Arguments<'_>, _: &S) -> Result<Option<Self>, CommandError> {
        Ok(arguments.command().push())
    }
}
