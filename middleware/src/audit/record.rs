use std::time::Duration;

use kvstore_protocol::{Command, Peer};

use crate::{
    outcome::Outcome,
    redact::{Redact, Redacted},
};

/// Who did what, and how it ended.
#[derive(Debug)]
pub struct AuditRecord<'a> {
    command: Redacted<'a>,
    /// For whom, and its name: what is hidden of it stays here.
    source: Source<'a>,
    outcome: Outcome<'a>,
    duration: Duration,
    is_nested: bool,
}

/// A command of which only harmless things can be asked.
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

    /// The number of the connection in its server; 0 when there is none.
    pub fn connection(&self) -> u64 {
        self.source.0.session().id()
    }

    /// The number of the command on its connection; of a nested one that of the script. 0 when there is none.
    pub fn number(&self) -> u64 {
        self.source.0.number()
    }

    /// The other end of the connection.
    pub fn peer(&self) -> &'a Peer {
        self.source.0.session().peer()
    }

    /// The user that the peer has shown to be.
    pub fn user(&self) -> Option<&'a str> {
        self.source.0.session().user()
    }

    /// What a TLS certificate said about the peer.
    pub fn identity(&self) -> Option<&'a str> {
        self.source.0.session().identity()
    }

    /// The name that the client gave its connection, as it is: escape it before it is shown.
    pub fn client_name(&self) -> &'a [u8] {
        self.source.0.session().name()
    }

    /// The selected database.
    pub fn database(&self) -> usize {
        self.source.0.session().database()
    }

    /// The name of the command in the case in which it came, as it is: escape it before it is shown.
    pub fn name(&self) -> &'a [u8] {
        self.source.0.name()
    }

    /// The command as it may be shown.
    pub fn command(&self) -> &Redacted<'a> {
        &self.command
    }

    /// How it ended.
    pub fn outcome(&self) -> Outcome<'a> {
        self.outcome
    }

    /// From the call to the answer, without the time in which the command was parked ([`kvstore_protocol::parking`]);
    /// zero for a nested one.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether it runs inside of a script.
    pub fn is_nested(&self) -> bool {
        self.is_nested
    }
}
