use bytes::Bytes;
use kvstore_protocol::CommandError;

use super::{Argument, Arguments, FromArg, FromCommand, Words};

/// One argument that names what the command is about.
///
/// The same as [`Arg<Bytes>`](super::Arg), and `COMMAND` tells that it is a key: clients of a cluster, and proxies, find it
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Bytes);

impl<S> FromCommand<S> for Key {
    type Rejection = CommandError;

    const WORDS: Words = Words::exactly(1);
    const ARE_KEYS: bool = true;

    #[inline]
    fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, CommandError> {
        arguments.parse()
    }
}

/// In the buffer that the command came in: see [`Argument::to_shared`].
impl FromArg for Key {
    const IS_KEY: bool = true;

    #[inline]
    fn from_arg(argument: Argument<'_>) -> Result<Self, CommandError> {
        Ok(Self(argument.to_shared()))
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
