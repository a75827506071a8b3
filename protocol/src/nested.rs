//! Commands inside of commands: how a layer sees what a script runs.
//!
//! A script is one command on its way through the layers, and runs others that never come that way. A layer that must not
//! miss those (it denies commands, counts them, writes down who did what) leaves an [`Inspect`] in the command with
//! [`Command::inspected_by`]; whoever runs commands inside of a command shows it each of them first, with
//! [`Command::inspect_nested`]. The commands of a transaction come through the layers one by one when they are queued, so
//! EXEC shows nothing again.
//!
//! ```
//! use std::sync::Arc;
//!
//! use kvstore_protocol::{Command, CommandError, nested::Inspect};
//!
//! struct NoFlush;
//!
//! impl Inspect for NoFlush {
//!     fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
//!         if nested.is("FLUSHALL") { Err(CommandError::new("DENIED", "not on this server")) } else { Ok(()) }
//!     }
//! }
//!
//! // In a layer:
//! let script = Command::new("EVAL").with_args(["redis.call('FLUSHALL')", "0"]).inspected_by(|| Arc::new(NoFlush));
//! // Where the script is run:
//! assert!(script.inspect_nested(&Command::new("GET").arg("key")).is_ok());
//! assert!(script.inspect_nested(&Command::new("FLUSHALL")).is_err());
//! ```

use std::sync::Arc;

use crate::{Command, CommandError, catalog::Flags};

/// What a layer does with the commands that run inside of another.
pub trait Inspect: Send + Sync + 'static {
    /// Sees a command before it runs.
    ///
    /// # Errors
    /// When it must not run. The script reads the refusal as it would read that of the command.
    fn inspect(&self, nested: &Command) -> Result<(), CommandError>;
}

/// The layers that a command came through and that want to see what runs inside of it, the outermost first.
#[derive(Clone, Default)]
struct Inspectors(Vec<Arc<dyn Inspect>>);

impl Command {
    /// Whether this is one of the commands that run others: the scripts and functions of Redis.
    #[inline]
    pub fn runs_commands(&self) -> bool {
        self.flags().has(Flags::RUNS_COMMANDS)
    }

    /// Lets a layer see what runs inside of the command. A command that runs no others is not touched, and `inspector` is
    /// not called.
    #[must_use]
    #[inline]
    pub fn inspected_by<I: Inspect>(self, inspector: impl FnOnce() -> Arc<I>) -> Self {
        if !self.runs_commands() {
            return self;
        }
        let mut inspectors = self.session().extensions().get::<Inspectors>().cloned().unwrap_or_default();
        inspectors.0.push(inspector());
        self.with_session(|session| session.extensions_mut().insert(inspectors))
    }

    /// Shows a command that is about to run inside of this one to the layers that this one came through.
    ///
    /// # Errors
    /// The refusal of the first that refuses.
    pub fn inspect_nested(&self, nested: &Command) -> Result<(), CommandError> {
        let inspectors = self.session().extensions().get::<Inspectors>();
        inspectors.map_or(Ok(()), |inspectors| inspectors.0.iter().try_for_each(|layer| layer.inspect(nested)))
    }

    /// The same command for a service that answers nobody, such as one to which commands are mirrored: what it pushes
    /// reaches no connection, and the layers that the command came through do not see what runs inside of it.
    #[must_use]
    pub fn mirrored(self) -> Self {
        if self.session().mailbox().is_none() && self.session().extensions().get::<Inspectors>().is_none() {
            return self;
        }
        self.with_session(|session| {
            session.remove_mailbox();
            session.extensions_mut().remove::<Inspectors>();
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{Peer, Session};

    struct Note(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Inspect for Note {
        fn inspect(&self, _: &Command) -> Result<(), CommandError> {
            self.1.lock().unwrap().push(self.0);
            if self.0 == "refuses" { Err(CommandError::SYNTAX) } else { Ok(()) }
        }
    }

    #[test]
    fn the_outermost_layer_sees_a_nested_command_first_and_a_refusal_ends_it() {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let note = |name| {
            let seen = Arc::clone(&seen);
            move || Arc::new(Note(name, seen))
        };
        let script = Command::new("evalsha").inspected_by(note("outer")).inspected_by(note("refuses"));
        let script = script.inspected_by(note("inner"));
        assert_eq!(script.inspect_nested(&Command::new("PING")), Err(CommandError::SYNTAX));
        assert_eq!(*seen.lock().unwrap(), ["outer", "refuses"]);
    }

    #[test]
    fn a_mirrored_command_is_neither_heard_nor_seen_through() {
        let session = Session::new(7, Peer::Memory, Peer::Memory, crate::mailbox::mailbox(1).0);
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let script = Command::new("EVAL").in_session(session.into(), 3);
        let script = script.inspected_by(|| Arc::new(Note("outer", Arc::clone(&seen))));
        let mirrored = script.clone().mirrored();
        assert_eq!(mirrored.inspect_nested(&Command::new("PING")), Ok(()));
        assert!(seen.lock().unwrap().is_empty() && mirrored.push().is_none());
        assert_eq!((mirrored.session().id(), mirrored.number()), (7, 3));
        assert!(script.push().is_some());
    }

    #[test]
    fn a_command_that_runs_no_others_is_left_alone() {
        let command = Command::new("GET").arg("key").inspected_by::<Note>(|| unreachable!("nobody asks"));
        assert_eq!(command.inspect_nested(&Command::new("PING")), Ok(()));
    }
}
