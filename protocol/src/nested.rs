//! Nested commands: how layers see the commands that a script runs.
//!
//! A script passes through the layers as one command, and runs other commands that do not. A layer that must see these,
//! because it denies, counts or audits commands, attaches an [`Inspect`] to the script with [`Command::inspected_by`].
//! The service that runs the script calls [`Command::inspect_nested`] before each nested command. The commands of a
//! transaction pass through the layers when they are queued, so EXEC does not inspect them again.
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

/// Inspects the commands that run inside another one.
pub trait Inspect: Send + Sync + 'static {
    /// Inspects a command before it runs.
    ///
    /// # Errors
    /// If the command must not run. The script gets the error as the response of the command.
    fn inspect(&self, nested: &Command) -> Result<(), CommandError>;
}

/// The inspectors of the layers that a command came through, the outermost first.
#[derive(Clone, Default)]
struct Inspectors(Vec<Arc<dyn Inspect>>);

impl Command {
    /// Whether the command runs other commands: the scripts and functions of Redis.
    #[inline]
    pub fn runs_commands(&self) -> bool {
        self.flags().has(Flags::RUNS_COMMANDS)
    }

    /// Attaches an inspector, which sees the commands that run inside this one. Does nothing for a command that runs no
    /// others; `inspector` is not called then.
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

    /// Passes a command that is about to run inside this one to the attached inspectors.
    ///
    /// # Errors
    /// The error of the first inspector that refuses the command.
    pub fn inspect_nested(&self, nested: &Command) -> Result<(), CommandError> {
        let inspectors = self.session().extensions().get::<Inspectors>();
        inspectors.map_or(Ok(()), |inspectors| inspectors.0.iter().try_for_each(|layer| layer.inspect(nested)))
    }

    /// Returns the command for a service whose responses are dropped, such as one that gets mirrored commands: it
    /// cannot push messages to the connection, and its nested commands are not inspected.
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
