//! [`Queue`]: a batch of decoded commands that wait to be called.

use std::{collections::VecDeque, mem};

use kvstore_protocol::Command;

use super::spare;
use crate::server::commands::Class;

/// How many commands are decoded, and hinted, ahead of being called.
pub(super) const BATCH: usize = 64;

/// For how many commands an idle connection keeps room.
const FEW: usize = 16;

/// Decoded commands, each with its tag and its class, in order.
pub(super) struct Queue<T> {
    /// Apart from the rest, so that a hint is shown them as one slice.
    commands: VecDeque<Command>,
    rest: VecDeque<(T, Class)>,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { commands: VecDeque::new(), rest: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn push(&mut self, command: Command, tag: T, class: Class) {
        self.commands.push_back(command);
        self.rest.push_back((tag, class));
    }

    /// Notes what a command is that [`fill`](Self::fill) brings later, and returns how many there are with it.
    #[inline]
    pub(super) fn announce(&mut self, tag: T, class: Class) -> usize {
        self.rest.push_back((tag, class));
        self.rest.len()
    }

    /// Brings the commands that were announced.
    pub(super) fn fill(&mut self, commands: impl Iterator<Item = Command>) {
        if self.commands.capacity() == 0 {
            self.commands = spare::commands();
        }
        self.commands.extend(commands);
    }

    /// What the next command is.
    #[inline]
    pub(super) fn next_class(&self) -> Option<Class> {
        self.rest.front().map(|(_, class)| *class)
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

    /// Gives back the memory that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.commands.capacity() > 0 {
            spare::keep_commands(mem::take(&mut self.commands));
        }
        if self.rest.capacity() > FEW {
            self.rest = VecDeque::new();
        }
    }
}
