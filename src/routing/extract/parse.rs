use std::{fmt::Display, str::FromStr};

use kvstore_protocol::CommandError;

use super::{ArgCount, ArgCursor, FromArg, FromCommand, RawArg};

/// One argument, parsed with [`FromStr`].
///
/// For types that have no [`FromArg`], such as those of other crates. The client gets the error of the type behind
/// `ERR invalid value: `. It can stand in place of [`Arg`](super::Arg), and inside of an `Option` and of
/// [`Rest`](super::Rest).
///
/// # Examples
/// ```
/// use std::num::NonZeroU32;
///
/// use kvstore::{protocol::Command, routing::{Parse, Router}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("HALF", |Parse(number): Parse<NonZeroU32>| number.get() / 2);
/// assert_eq!(router.clone().oneshot(Command::new("HALF").arg(8)).await, Ok(4.into()));
/// let Ok(rejection) = router.oneshot(Command::new("HALF").arg(0)).await;
/// assert_eq!(rejection.to_string(), "-ERR invalid value: number would be zero for non-zero type");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parse<T>(pub T);

impl<S, T: FromStr<Err: Display>> FromCommand<S> for Parse<T> {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::exactly(1);

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        args.parse()
    }
}

impl<T: FromStr<Err: Display>> FromArg for Parse<T> {
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        let parsed = arg.to_text()?.parse();
        parsed.map(Self).map_err(|error: T::Err| CommandError::err(format!("invalid value: {error}")))
    }
}
