use bytes::Bytes;
use kvstore_protocol::{Body, Command, CommandError, Response};

use super::{FromArg, RawArg};
use crate::routing::endpoint::RouteName;

/// The arguments of a command that no extractor has taken yet.
///
/// Extractors get it in [`FromCommand::from_command`](super::FromCommand::from_command).
#[derive(Debug)]
pub struct ArgCursor<'a> {
    command: &'a Command,
    next: usize,
    /// Whether the last argument is still being received: the command does not hold it.
    has_streamed: bool,
    name: &'a RouteName,
}

impl<'a> ArgCursor<'a> {
    /// Starts behind the name of the command or sub-command.
    pub(in crate::routing) fn new(command: &'a Command, name: &'a RouteName) -> Self {
        Self { command, next: name.words - 1, has_streamed: command.streamed_len().is_some(), name }
    }

    /// Checks that no argument is left.
    pub(in crate::routing) fn finish(&self) -> Result<(), Response> {
        if self.is_empty() { Ok(()) } else { Err(self.name.wrong_arity(self.command).into()) }
    }

    /// The whole command.
    pub fn command(&self) -> &'a Command {
        self.command
    }

    /// The number of arguments that are left.
    ///
    /// An argument that is [still being received](Command::streamed_len) counts; only [`take_body`](Self::take_body) takes
    /// it.
    pub fn len(&self) -> usize {
        (self.command.len() - 1).saturating_sub(self.next) + usize::from(self.has_streamed)
    }

    /// Whether no argument is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the next argument without taking it.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.command.arg_at(self.next)
    }

    /// Takes the next argument.
    pub fn take(&mut self) -> Option<&'a [u8]> {
        let arg = self.command.arg_at(self.next)?;
        self.next += 1;
        Some(arg)
    }

    /// Takes the next argument as a slice of the buffer that the command was received in.
    pub fn take_shared(&mut self) -> Option<Bytes> {
        let arg = self.command.shared_arg(self.next)?;
        self.next += 1;
        Some(arg)
    }

    /// Takes the next argument as a stream, whether it has been received or not.
    ///
    /// `None` when no argument is left, or the stream has been taken before.
    pub fn take_body(&mut self) -> Option<Body> {
        if let Some(received) = self.take_shared() {
            return Some(received.into());
        }
        match std::mem::take(&mut self.has_streamed) {
            true => self.command.body(),
            false => None,
        }
    }

    /// Takes the next argument and parses it.
    ///
    /// # Errors
    /// If no argument is left, the argument is still being received, or it is not a valid `T`.
    pub fn parse<T: FromArg>(&mut self) -> Result<T, CommandError> {
        let arg = RawArg::new(self.command, self.next).ok_or_else(|| self.nothing_to_parse())?;
        self.next += 1;
        T::from_arg(arg)
    }

    #[cold]
    fn nothing_to_parse(&self) -> CommandError {
        match self.has_streamed {
            true => CommandError::err("the last argument is too long for this command"),
            false => CommandError::SYNTAX,
        }
    }

    /// Takes all arguments that are left, except one that is still being received.
    pub fn take_all(&mut self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (command, first) = (self.command, self.next);
        self.next = command.len() - 1;
        (first..self.next).map(move |index| command.arg_at(index).unwrap_or_default())
    }

    /// Skips all arguments, also one that is still being received.
    pub(super) fn skip_all(&mut self) {
        (self.next, self.has_streamed) = (self.command.len() - 1, false);
    }
}
