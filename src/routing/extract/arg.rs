use kvstore_protocol::CommandError;

use super::{ArgCount, ArgCursor, FromArg, FromCommand};

/// One argument, parsed as `T`.
///
/// Types that implement [`FromArg`] can be parsed. Numbers are rejected with the errors of Redis.
///
/// # Examples
/// ```
/// use kvstore::{protocol::Command, routing::{Arg, Router}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("SQUARE", |Arg(number): Arg<i32>| i64::from(number).pow(2));
/// let response = router.clone().oneshot(Command::new("SQUARE").arg(-3)).await;
/// assert_eq!(response, Ok(9.into()));
/// let Ok(rejection) = router.oneshot(Command::new("SQUARE").arg("three")).await;
/// assert_eq!(rejection.to_string(), "-ERR value is not an integer or out of range");
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg<T>(pub T);

impl<S, T: FromArg> FromCommand<S> for Arg<T> {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::exactly(1);
    const ARE_KEYS: bool = T::IS_KEY;

    #[inline]
    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        args.parse().map(Self)
    }
}
