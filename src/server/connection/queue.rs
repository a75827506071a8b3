//! [`RequestQueue`]: decoded commands that wait to be called.

use std::{collections::VecDeque, mem, sync::Arc};

use kvstore_protocol::{Command, Session};

use super::buffer_pool;
use crate::server::state::Exclusivity;

/// The maximum number of commands that are decoded and prefetched before they are called.
pub(super) const BATCH: usize = 64;

/// The capacity, in commands, that an idle connection keeps.
const IDLE_CAPACITY: usize = 16;

/// Decoded commands in order, each with its tag and its exclusivity.
pub(super) struct RequestQueue<T> {
    /// Apart from the rest, so that a prefetch function is shown them as one slice.
    commands: VecDeque<Command>,
    tags: VecDeque<(T, Exclusivity)>,
    /// The size of the frames of the commands, in bytes. Not kept when there are none.
    frame_bytes: usize,
}

impl<T> RequestQueue<T> {
    pub(super) fn new() -> Self {
        Self { commands: VecDeque::new(), tags: VecDeque::new(), frame_bytes: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The memory of the commands, in bytes: that of their frames, which the last command of each releases.
    pub(super) fn frame_bytes(&self) -> usize {
        if self.is_empty() { 0 } else { self.frame_bytes }
    }

    /// Adds a command with a frame of so many bytes.
    pub(super) fn push(&mut self, command: Command, bytes: usize, tag: T, exclusivity: Exclusivity) {
        self.frame_bytes = self.frame_bytes() + bytes;
        self.commands.push_back(command);
        self.tags.push_back((tag, exclusivity));
    }

    /// Adds the tag of a command that [`push_commands`](Self::push_commands) adds later. Returns the number of commands with it.
    #[inline]
    pub(super) fn push_tag(&mut self, tag: T, exclusivity: Exclusivity) -> usize {
        self.tags.push_back((tag, exclusivity));
        self.tags.len()
    }

    /// Adds the commands whose tags were added, with their frame of so many bytes. The queue is empty.
    pub(super) fn push_commands(&mut self, commands: impl Iterator<Item = Command>, bytes: usize) {
        self.frame_bytes = bytes;
        if self.commands.capacity() == 0 {
            self.commands = buffer_pool::take_commands();
        }
        self.commands.extend(commands);
    }

    /// Returns the next command, its tag and its exclusivity.
    #[inline]
    pub(super) fn next(&self) -> Option<(&Command, &T, Exclusivity)> {
        let (tag, exclusivity) = self.tags.front()?;
        Some((self.commands.front()?, tag, *exclusivity))
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
    pub(super) fn pop(&mut self) -> Option<(Command, T, Exclusivity)> {
        let (tag, exclusivity) = self.tags.pop_front()?;
        Some((self.commands.pop_front()?, tag, exclusivity))
    }

    pub(super) fn commands(&mut self) -> &[Command] {
        self.commands.make_contiguous()
    }

    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.tags.clear();
    }

    /// Releases memory that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.commands.capacity() > 0 {
            buffer_pool::put_commands(mem::take(&mut self.commands));
        }
        if self.tags.capacity() > IDLE_CAPACITY {
            self.tags = VecDeque::new();
        }
    }
}
