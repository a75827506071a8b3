//! What transactions mean for a connection: how its commands are called between MULTI and EXEC, and what an error does.

use kvstore_protocol::{Response, Session, Transaction};

use crate::server::state::Exclusivity;

/// What an error reply does to the transaction in which its command was called.
pub(super) enum OnError {
    /// There is none, or the command is not a part of it: MULTI, WATCH.
    Nothing,
    Abort(Transaction),
    /// The command is EXEC, and has not run.
    End(Transaction),
}

impl OnError {
    /// Returns what an error to the command that was just called does.
    pub(super) fn of(session: &Session, exclusivity: Exclusivity) -> Self {
        let Some(transaction) = session.transaction().filter(|transaction| transaction.is_open()) else {
            return Self::Nothing;
        };
        match exclusivity {
            Exclusivity::BeginsTransaction => Self::Nothing,
            Exclusivity::EndsTransaction => Self::End(transaction.clone()),
            _ => Self::Abort(transaction.clone()),
        }
    }

    /// Applies it if the response is an error.
    pub(super) fn see(&self, response: &Response) {
        if response.is_error() {
            self.apply();
        }
    }

    pub(super) fn apply(&self) {
        match self {
            Self::Nothing => {}
            Self::Abort(transaction) => transaction.abort(),
            Self::End(transaction) => drop(transaction.end()),
        }
    }
}

/// Returns the exclusivity of a command in the transaction of its connection, if one is open. There every command is
/// exclusive.
pub(super) fn exclusivity_within(session: &Session, exclusivity: Exclusivity) -> Exclusivity {
    match (session.transaction().filter(|transaction| transaction.is_open()), exclusivity) {
        (Some(_), Exclusivity::Shared) => Exclusivity::AmongSettled,
        (Some(transaction), Exclusivity::EndsTransaction) if transaction.changes_replies() => Exclusivity::Alone,
        (_, exclusivity) => exclusivity,
    }
}
