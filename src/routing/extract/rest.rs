use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{ArgCount, ArgCursor, FromArg, FromCommand};

/// All arguments that are left, each parsed as `T`. There may be none.
///
/// `Rest<Key>` are keys, which `COMMAND` reports. A command of one or more keys takes the first one by itself:
/// `first: Key, Rest(more): Rest<Key>`.
///
/// # Examples
/// ```
/// use kvstore::{protocol::Command, routing::{Rest, Router}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("SUM", |Rest(numbers): Rest<i64>| numbers.iter().sum::<i64>());
/// assert_eq!(router.oneshot(Command::new("SUM").with_args([1, 2, 3])).await, Ok(6.into()));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest<T = Bytes>(pub Vec<T>);

impl<S, T: FromArg> FromCommand<S> for Rest<T> {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::ANY;
    const ARE_KEYS: bool = T::IS_KEY;

    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        let mut rest = Vec::with_capacity(args.len());
        while !args.is_empty() {
            rest.push(args.parse()?);
        }
        Ok(Self(rest))
    }
}
