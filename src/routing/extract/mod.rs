//! [`FromCommand`]: what can be an argument of a handler. One extractor a file.

mod arg;
mod body;
mod command;
mod key;
mod optional;
mod rest;
mod session;
mod state;

use bytes::Bytes;
use kvstore_protocol::{Body, Command, CommandError, IntoResponse, Response};

pub use self::{
    arg::{Arg, Argument, FromArg},
    key::Key,
    rest::Rest,
    state::{FromRef, State},
};
use super::endpoint::Name;
use crate::catalog::Arity;

/// What a handler can have as an argument, made of a command.
///
/// Extractors run from left to right, each takes its words off the front of the arguments, and words that are left over are
/// a wrong number of arguments. How many words they take together is checked before the first of them runs.
///
/// One of your own:
///
/// ```
/// use kvstore::protocol::{Command, CommandError};
/// use kvstore::routing::{Arguments, FromCommand, Router, Words};
/// use tower::ServiceExt;
///
/// /// `ROW column`, each a letter or a number as on a chess board.
/// struct Square(u8, u8);
///
/// impl<S> FromCommand<S> for Square {
///     type Rejection = CommandError;
///
///     const WORDS: Words = Words::exactly(1);
///
///     fn from_command(arguments: &mut Arguments<'_>, _: &S) -> Result<Self, CommandError> {
///         match arguments.take() {
///             Some(&[column @ b'a'..=b'h', row @ b'1'..=b'8']) => Ok(Square(column - b'a', row - b'1')),
///             _ => Err(CommandError::err("that is no square")),
///         }
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("DISTANCE", |from: Square, to: Square| {
///     i64::from(from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)))
/// });
/// let answer = router.oneshot(Command::new("DISTANCE").with_args(["a1", "c2"])).await;
/// assert_eq!(answer, Ok(2.into()));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no extractor",
    note = "extractors are `State`, `Arg`, `Key`, `Rest`, `Body`, `Option` of those, `Command`, `Arc<Session>`, `Push`",
    note = "`State<T>` needs a router with the state `T`, or with one that is `FromRef` for it"
)]
pub trait FromCommand<S>: Sized {
    /// Why it cannot be made of a command: an answer.
    type Rejection: IntoResponse;

    /// How many words it takes.
    const WORDS: Words;

    /// Whether its words are keys, for `COMMAND` to tell.
    const ARE_KEYS: bool = false;

    /// Takes its words off the arguments.
    ///
    /// # Errors
    /// When they do not say what it is for: the client reads the rejection.
    fn from_command(arguments: &mut Arguments<'_>, state: &S) -> Result<Self, Self::Rejection>;

    /// The same for an `Option` of it: nothing when the words for it are not there.
    ///
    /// # Errors
    /// When they are there and do not say what it is for.
    fn optional(arguments: &mut Arguments<'_>, state: &S) -> Result<Option<Self>, Self::Rejection> {
        match arguments.len() < Self::WORDS.least {
            true => Ok(None),
            false => Self::from_command(arguments, state).map(Some),
        }
    }
}

/// How many words an extractor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    least: usize,
    most: usize,
}

impl Words {
    /// None: it is made of something else than arguments.
    pub const NONE: Self = Self::exactly(0);

    /// All that are left, also none.
    pub const ANY: Self = Self::at_least(0);

    /// So many words.
    pub const fn exactly(words: usize) -> Self {
        Self { least: words, most: words }
    }

    /// So many words or more.
    pub const fn at_least(words: usize) -> Self {
        Self { least: words, most: usize::MAX }
    }

    /// So many words at most.
    pub const fn at_most(words: usize) -> Self {
        Self { least: 0, most: words }
    }

    pub(super) const fn arity(self) -> Arity {
        Arity::between(self.least, self.most)
    }

    /// How many words it always takes, if that is the same for every command.
    pub(super) fn fixed(self) -> Option<usize> {
        (self.least == self.most).then_some(self.least)
    }
}

/// The arguments of a command that no extractor has taken yet.
#[derive(Debug)]
pub struct Arguments<'a> {
    command: &'a Command,
    next: usize,
    /// Whether there is one more behind those of the command, which is still on its way.
    is_more_coming: bool,
    name: &'a Name,
}

impl<'a> Arguments<'a> {
    /// The arguments behind the name.
    pub(super) fn new(command: &'a Command, name: &'a Name) -> Self {
        Self { command, next: name.words - 1, is_more_coming: command.streamed_len().is_some(), name }
    }

    /// The answer to words that are left over.
    pub(super) fn finish(&self) -> Result<(), Response> {
        if self.is_empty() { Ok(()) } else { Err(self.name.wrong_arity(self.command).into()) }
    }

    /// The whole command.
    pub fn command(&self) -> &'a Command {
        self.command
    }

    /// How many arguments are left. One that is [still on its way](Command::streamed_len) counts, and
    /// [`take_body`](Self::take_body) alone takes it.
    pub fn len(&self) -> usize {
        (self.command.len() - 1).saturating_sub(self.next) + usize::from(self.is_more_coming)
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next argument, left where it is.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.command.arg_at(self.next)
    }

    /// Takes the next argument.
    pub fn take(&mut self) -> Option<&'a [u8]> {
        let argument = self.command.arg_at(self.next)?;
        self.next += 1;
        Some(argument)
    }

    /// Takes the next argument as a buffer that shares the command's.
    pub fn take_shared(&mut self) -> Option<Bytes> {
        let argument = self.command.shared_arg(self.next)?;
        self.next += 1;
        Some(argument)
    }

    /// Takes the next argument as a value that comes in pieces, whether it is still on its way or came whole. `None` when
    /// there is none, or somebody else has taken the pieces.
    pub fn take_body(&mut self) -> Option<Body> {
        if let Some(whole) = self.take_shared() {
            return Some(whole.into());
        }
        match std::mem::take(&mut self.is_more_coming) {
            true => self.command.body(),
            false => None,
        }
    }

    /// Takes the next argument and parses it.
    ///
    /// # Errors
    /// When there is none, it is still on its way, or it is no such value.
    pub fn parse<T: FromArg>(&mut self) -> Result<T, CommandError> {
        let argument = Argument::new(self.command, self.next).ok_or_else(|| self.nothing_to_parse())?;
        self.next += 1;
        T::from_arg(argument)
    }

    #[cold]
    fn nothing_to_parse(&self) -> CommandError {
        match self.is_more_coming {
            true => CommandError::err("the last argument is too long for this command"),
            false => CommandError::SYNTAX,
        }
    }

    /// Leaves what there is to whoever has the whole command.
    pub(super) fn leave_all(&mut self) {
        (self.next, self.is_more_coming) = (self.command.len() - 1, false);
    }

    /// Takes all that are left, but for one that is still on its way.
    pub fn take_all(&mut self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (command, first) = (self.command, self.next);
        self.next = command.len() - 1;
        (first..self.next).map(move |index| command.arg_at(index).unwrap_or_default())
    }
}
