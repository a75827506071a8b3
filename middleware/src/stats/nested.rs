//! How commands are counted that run inside of another one, such as a script calls them: no layer sees them.

use kvstore_protocol::{Command, Response, catalog::CommandId};

use super::{
    CommandStats,
    command_stats::{Failure, name_of},
    timed::TimedCommand,
};

/// A command inside of another one, which has begun.
#[derive(Debug)]
#[must_use = "its end counts too"]
pub struct NestedCommand {
    id: CommandId,
    timed: Option<Box<TimedCommand>>,
}

/// None of these functions is inlined: a script may go on on another thread, and the counts are those of a thread.
impl CommandStats {
    /// Counts a command that begins inside of another one.
    #[inline(never)]
    pub fn begin_nested(&self, command: &Command) -> NestedCommand {
        NestedCommand { id: command.id(), timed: self.count(command) }
    }

    /// Counts its end, and the error if it is answered with one.
    #[inline(never)]
    pub fn end_nested(&self, nested: NestedCommand, answer: &Response) {
        match nested.timed {
            Some(timed) => self.shared().end(nested.id, *timed, Some(answer)),
            None => self.shared().note_failure(nested.id, Some(answer)),
        }
    }

    /// Counts a command inside of another one that was refused before it ran, whatever the error says.
    #[inline(never)]
    pub fn refuse_nested(&self, command: &Command, error: &Response) {
        let failure = Failure { code: error.error_code().unwrap_or("ERR"), is_refusal: true };
        self.refuse(command, &failure);
    }

    /// Counts an error that is none of a command, such as that there is no such command.
    #[inline(never)]
    pub fn note_error(&self, error: &Response) {
        if let Some(code) = error.error_code() {
            self.shared().note_code(code);
        }
    }

    /// Takes an error back that was counted of a nested command, because it becomes the answer of the command around it, of which
    /// it is about to be counted.
    pub fn passes_on(&self, error: &Response) {
        if let Some(code) = error.error_code() {
            self.shared().take_back(code);
        }
    }

    /// Counts a command that was refused.
    pub(super) fn refuse(&self, command: &Command, failure: &Failure<'_>) {
        match name_of(command) {
            Some(name) => self.shared().end_named(name, command.id(), 0, Some(failure)),
            None => {
                self.shared().begin_on_this_thread(command.id());
                self.shared().note_failed(command.id(), failure);
            }
        }
    }
}
