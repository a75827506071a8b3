use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{ArgCount, ArgCursor, FromArg, FromCommand, RawArg};

/// One argument that is a key.
///
/// Like [`Arg<Bytes>`](super::Arg), except that `COMMAND` reports the argument as a key, so that cluster clients and proxies
/// can route the command.
///
/// # Examples
/// ```
/// use kvstore::{protocol::{Command, Response}, routing::{Key, Router}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("LENGTH", |Key(key): Key| key.len());
/// let asked = Command::new("COMMAND").with_args(["GETKEYS", "LENGTH", "apples"]);
/// assert_eq!(router.oneshot(asked).await, Ok(Response::array(["apples"])));
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Bytes);

impl<S> FromCommand<S> for Key {
    type Rejection = CommandError;

    const ARGS: ArgCount = ArgCount::exactly(1);
    const ARE_KEYS: bool = true;

    #[inline]
    fn from_command(args: &mut ArgCursor<'_>, _: &S) -> Result<Self, CommandError> {
        args.parse()
    }
}

/// Shares the buffer that the command was received in: see [`RawArg::to_shared`].
impl FromArg for Key {
    const IS_KEY: bool = true;

    #[inline]
    fn from_arg(arg: RawArg<'_>) -> Result<Self, CommandError> {
        Ok(Self(arg.to_shared()))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
