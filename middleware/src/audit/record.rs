use std::time::Duration;

use kvstore_protocol::{Command, Peer};

use crate::{
    outcome::Outcome,
    redact::{Redact, Redacted},
};

/// One command: who sent it, and how it ended.
#[derive(Debug)]
pub struct AuditRecord<'a> {
    command: Redacted<'a>,
    /// For the session and the name. Hidden arguments are not reachable through it.
    source: Source<'a>,
    outcome: Outcome<'a>,
    duration: Duration,
    is_nested: bool,
}

/// A command whose arguments are not shown by `Debug`.
struct Source<'a>(&'a Command);

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.session().fmt(f)
    }
}

impl<'a> AuditRecord<'a> {
    pub(super) fn ended(command: &'a Command, redact: &Redact, outcome: Outcome<'a>, duration: Duration) -> Self {
        Self { command: redact.show(command), source: Source(command), outcome, duration, is_nested: false }
    }

    pub(super) fn nested(command: &'a Command, redact: &Redact) -> Self {
        Self { is_nested: true, ..Self::ended(command, redact, Outcome::Started, Duration::ZERO) }
    }

    /// The number of the connection in its server; 0 if there is none.
    pub fn connection(&self) -> u64 {
        self.source.0.session().id()
    }

    /// The number of the command on its connection; for a nested command that of the script. 0 if there is none.
    pub fn number(&self) -> u64 {
        self.source.0.number()
    }

    /// The remote end of the connection.
    pub fn peer(&self) -> &'a Peer {
        self.source.0.session().peer()
    }

    /// The user that the connection has authenticated as.
    pub fn user(&self) -> Option<&'a str> {
        self.source.0.session().user()
    }

    /// The name in the TLS certificate of the peer.
    pub fn identity(&self) -> Option<&'a str> {
        self.source.0.session().tls_identity()
    }

    /// The name that the client gave its connection (CLIENT SETNAME), as it was sent: escape it before you show it.
    pub fn client_name(&self) -> &'a [u8] {
        self.source.0.session().name()
    }

    /// The selected database.
    pub fn database(&self) -> usize {
        self.source.0.session().database()
    }

    /// The name of the command, as it was sent: escape it before you show it.
    pub fn name(&self) -> &'a [u8] {
        self.source.0.name()
    }

    /// The command with hidden arguments redacted. Write it with `Display`.
    pub fn command(&self) -> &Redacted<'a> {
        &self.command
    }

    /// How the command ended.
    pub fn outcome(&self) -> Outcome<'a> {
        self.outcome
    }

    /// The time from the call to the answer, without the time in which the command was parked
    /// ([`kvstore_protocol::parking`]). Zero for a nested command.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether the command runs inside of a script.
    pub fn is_nested(&self) -> bool {
        self.is_nested
    }
}
