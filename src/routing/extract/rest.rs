use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{Arguments, FromArg, FromCommand, Words};

/// All arguments that are left, each parsed; also none.
///
/// `Rest<Key>` tells `COMMAND` that they are keys. For one or more, put one in front: `first: Key, Rest(more): Rest<Key>`.
///
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

    const WORDS: Words = Words::ANY;
    const ARE_KEYS: bool = T::IS_KEY;

    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, CommandError> {
        let mut rest = Vec::with_capacity(arguments.len());
        while !arguments.is_empty() {
            rest.push(arguments.parse()?);
        }
        Ok(Self(rest))
    }
}
