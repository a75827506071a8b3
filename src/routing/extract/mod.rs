//! [`FromCommand`]: the extractors, which are the arguments of handlers. One extractor a file.

mod all;
mod arg;
mod arg_count;
mod body;
mod command;
mod cursor;
mod from_arg;
mod key;
mod optional;
mod parse;
mod rest;
mod session;
mod state;

use kvstore_protocol::IntoResponse;

pub(super) use self::all::Extract;
pub use self::{
    arg::Arg,
    arg_count::ArgCount,
    cursor::ArgCursor,
    from_arg::{FromArg, RawArg},
    key::Key,
    parse::Parse,
    rest::Rest,
    state::{FromRef, State},
};

/// Types that can be created from a command: the arguments of handlers.
///
/// Extractors run from left to right, and each takes its arguments off the front of those that are left. The number of
/// arguments is checked before the first of them runs. Arguments that no extractor takes are Redis's
/// `ERR wrong number of arguments`. Optional extractors stand behind the others, and one that takes all arguments is the
/// last: see [`Handler`](crate::routing::Handler#order-of-extractors).
///
/// | extractor | takes | is |
/// |---|---|---|
/// | [`Arg<T>`](Arg) | one argument | the argument, parsed as `T` |
/// | [`Parse<T>`](Parse) | one argument | the argument, parsed with `FromStr` |
/// | [`Key`] | one argument | the argument, which `COMMAND` reports as a key |
/// | [`Rest<T>`](Rest) | all that are left | the arguments, each parsed as `T` |
/// | [`Body`](kvstore_protocol::Body) | the last argument | a stream of it, for values too large to hold |
/// | `Option<E>` | as `E`, or nothing | `None` when there is no argument left for `E` |
/// | [`Command`](kvstore_protocol::Command) | all that are left | the whole command |
/// | [`State<T>`](State) | none | the state of the router, or a part of it |
/// | [`Arc<Session>`](kvstore_protocol::Session) | none | the session of the client |
/// | [`Push`](kvstore_protocol::Push) | none | a handle to send messages to the client |
///
/// # Examples
/// An extractor of your own:
///
/// ```
/// use kvstore::protocol::{Command, CommandError};
/// use kvstore::routing::{ArgCount, ArgCursor, FromCommand, Router};
/// use tower::ServiceExt;
///
/// /// A square of a chess board, such as `e4`.
/// struct Square(u8, u8);
///
/// impl<S> FromCommand<S> for Square {
///     type Rejection = CommandError;
///
///     const ARGS: ArgCount = ArgCount::exactly(1);
///
///     fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
///         match args.take() {
///             Some(&[column @ b'a'..=b'h', row @ b'1'..=b'8']) => Ok(Square(column - b'a', row - b'1')),
///             _ => Err(CommandError::err("value is not a square")),
///         }
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("DISTANCE", |from: Square, to: Square| {
///     i64::from(from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)))
/// });
/// let response = router.oneshot(Command::new("DISTANCE").with_args(["a1", "c2"])).await;
/// assert_eq!(response, Ok(2.into()));
/// # });
/// ```
///
/// A type that is parsed from one argument implements [`FromArg`] instead, and is extracted with [`Arg`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an extractor",
    label = "not an extractor",
    note = "a value that is parsed from one argument of the command is extracted with `Arg<T>`",
    note = "extractors are `Arg`, `Parse`, `Key`, `Rest`, `Body`, `Command`, `State`, `Arc<Session>`, `Push`, and `Option` of those"
)]
pub trait FromCommand<S>: Sized {
    /// The response to a command from which it cannot be created.
    type Rejection: IntoResponse;

    /// How many arguments it takes.
    const ARGS: ArgCount;

    /// Whether its arguments are keys, which `COMMAND` reports.
    const ARE_KEYS: bool = false;

    /// Creates the extractor: takes its arguments off the cursor, or reads the state, the session, the whole command.
    ///
    /// # Errors
    /// If the arguments are not valid. The client gets the rejection, and the handler does not run.
    fn from_command(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Self::Rejection>;

    /// Creates an `Option` of the extractor: `None` when fewer arguments are left than it takes.
    ///
    /// # Errors
    /// If the arguments are there and not valid.
    fn optional(args: &mut ArgCursor<'_>, state: &S) -> Result<Option<Self>, Self::Rejection> {
        match args.len() < Self::ARGS.min() {
            true => Ok(None),
            false => Self::from_command(args, state).map(Some),
        }
    }
}
