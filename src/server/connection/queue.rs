//! [`RequestQueue`]: a batch of decoded commands that wait to be called.

use std::{collections::VecDeque, mem, sync::Arc};

use kvstore_protocol::{Command, Session};

use super::spare;

/// How many commands are decoded, and prefetched for, ahead of being called.
pub(super) const BATCH: usize = 64;

/// For how many commands an idle connection keeps room.
const FEW: usize = 16;

/// Decoded commands in order, each with its tag, and whether it is exclusive.
pub(super) struct RequestQueue<T> {
    /// Apart from the rest, so that a prefetch function is shown them as one slice.
    commands: VecDeque<Command>,
    rest: VecDeque<(T, bool)>,
}

impl<T> RequestQueue<T> {
    pub(super) fn new() -> Self {
        Self { commands: VecDeque::new(), rest: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn push(&mut self, command: Command, tag: T, is_exclusive: bool) {
        self.commands.push_back(command);
        self.rest.push_back((tag, is_exclusive));
    }

    /// Adds the tag of a command that [`fill`](Self::fill) adds later. Returns the number of commands with it.
    #[inline]
    pub(super) fn announce(&mut self, tag: T, is_exclusive: bool) -> usize {
        self.rest.push_back((tag, is_exclusive));
        self.rest.len()
    }

    /// Adds the commands that were announced.
    pub(super) fn fill(&mut self, commands: impl Iterator<Item = Command>) {
        if self.commands.capacity() == 0 {
            self.commands = spare::commands();
        }
        self.commands.extend(commands);
    }

    /// The next command, its tag, and whether it is exclusive.
    #[inline]
    pub(super) fn next(&self) -> Option<(&Command, &T, bool)> {
        let (tag, is_exclusive) = self.rest.front()?;
        Some((self.commands.front()?, tag, *is_exclusive))
    }

    /// Replaces the session of the commands: it has changed since they were decoded.
    pub(super) fn set_session(&mut self, session: &Arc<Session>) {
        for command in &mut self.commands {
            let number = command.number();
            let decoded = mem::replace(command, Command::new([]));
            *command = decoded.in_session(session.clone(), number);
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<(Command, T)> {
        Some((self.commands.pop_front()?, self.rest.pop_front()?.0))
    }

    pub(super) fn commands(&mut self) -> &[Command] {
        self.commands.make_contiguous()
    }

    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.rest.clear();
    }

    /// Releases memory that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.commands.capacity() > 0 {
            spare::keep_commands(mem::take(&mut self.commands));
        }
        if self.rest.capacity() > FEW {
            self.rest = VecDeque::new();
        }
    }
}
