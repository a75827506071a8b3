use std::convert::Infallible;

use kvstore_protocol::Command;

use super::{ArgCount, ArgCursor, FromCommand};

/// The whole command, with any number of arguments, also one that is still being received.
impl<S> FromCommand<S> for Command {
    type Rejection = Infallible;

    const ARGS: ArgCount = ArgCount::ANY;

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, Infallible> {
        args.skip_all();
        Ok(args.command().clone())
    }
}
