use std::{convert::Infallible, sync::Arc};

use kvstore_protocol::{CommandError, Push, Session};

use super::{ArgCount, ArgCursor, FromCommand};

/// The session of the client that sent the command.
impl<S> FromCommand<S> for Arc<Session> {
    type Rejection = Infallible;

    const ARGS: ArgCount = ArgCount::NONE;

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(args.command().shared_session())
    }
}

/// A copy of the session. `Arc<Session>` costs less.
impl<S> FromCommand<S> for Session {
    type Rejection = Infallible;

    const ARGS: ArgCount = ArgCount::NONE;

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, Infallible> {
        Ok(args.command().session().clone())
    }
}

/// A handle to send messages to the connection of the client. Rejects a command that came from no connection;
/// `Option<Push>` is `None` for it.
impl<S> FromCommand<S> for Push {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::NONE;

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        args.command().push().ok_or(CommandError::err("this command needs a connection to send messages to"))
    }

    fn optional(args: &mut ArgCursor<'_>, _: &S) -> Result<Option<Self>, CommandError> {
        Ok(args.command().push())
    }
}
