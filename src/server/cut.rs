//! [`CutReason`]: why the server closes a connection that its client has not closed.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};

use kvstore_protocol::Session;

/// Why the server closed a connection: its client went over a limit, what it wrote is not safe, or the server ends.
///
/// The client reads the reason as an error, unless a reply to it is written in part, or its socket takes no more. The connection
/// of an idle client is closed without a word, as in Redis: it would take the error for the answer to its next command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutReason {
    /// It leaves more unread than its [`OutputLimit`](super::OutputLimit).
    OutputLimit,
    /// Its requests fill the [query buffer](super::Serve::query_buffer), and it does not read its replies.
    QueryBuffer,
    /// It does not read its replies: [`Serve::slow_reader_timeout`](super::Serve::slow_reader_timeout).
    SlowReader,
    /// It does not finish its request: [`Serve::slow_sender`](super::Serve::slow_sender).
    SlowSender,
    /// It does not authenticate: [`Serve::unauthenticated_timeout`](super::Serve::unauthenticated_timeout).
    Unauthenticated,
    /// It is idle: [`Serve::idle_timeout`](super::Serve::idle_timeout).
    Idle,
    /// All clients take more memory than [`Serve::max_buffer_memory`](super::Serve::max_buffer_memory), and it takes most.
    ClientMemory,
    /// Another client needs its slot: [`Serve::max_connections`](super::Serve::max_connections).
    Slot,
    /// Its commands are executed, and what its answers are [held back](kvstore_protocol::release) for has failed: a store
    /// cannot write its journal. Nobody knows whether their effects last.
    OutcomeUnknown,
    /// It was not done when the [grace period](super::Serve::grace_period) of the server ended.
    Shutdown,
}

impl CutReason {
    const ALL: [Self; 10] = [
        Self::OutputLimit,
        Self::QueryBuffer,
        Self::SlowReader,
        Self::SlowSender,
        Self::Unauthenticated,
        Self::Idle,
        Self::ClientMemory,
        Self::Slot,
        Self::OutcomeUnknown,
        Self::Shutdown,
    ];
}

/// In words.
impl fmt::Display for CutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutputLimit => "it leaves more unread than client-output-buffer-limit",
            Self::QueryBuffer => "its requests fill client-query-buffer-limit, and it does not read its replies",
            Self::SlowReader => "it does not read its replies",
            Self::SlowSender => "it does not finish its request",
            Self::Unauthenticated => "it does not authenticate",
            Self::Idle => "it is idle",
            Self::ClientMemory => "all clients together take more memory than maxmemory-clients, and it takes most",
            Self::Slot => "all connections are taken, and it has left a request incomplete or its replies unread",
            Self::OutcomeUnknown => {
                "the outcome of its last commands is unknown, since what they have changed could not be written"
            }
            Self::Shutdown => "the server is shutting down",
        })
    }
}

/// Why a connection is to be cut, if it is. The first reason stays.
#[derive(Debug, Default)]
pub(super) struct CutMark(AtomicU8);

impl CutMark {
    pub(super) fn get(&self) -> Option<CutReason> {
        let number = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        CutReason::ALL.get(usize::from(number)).copied()
    }

    pub(super) fn set(&self, reason: CutReason) {
        let number = reason as u8 + 1;
        let _ = self.0.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// Logs that the server closes a connection.
pub(super) fn log(session: &Session, reason: &dyn fmt::Display) {
    let (id, peer, name) = (session.id(), session.peer(), session.name().escape_ascii());
    tracing::info!(id, %peer, %name, %reason, "connection cut");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_has_the_first_reason() {
        for reason in CutReason::ALL {
            let mark = CutMark::default();
            assert_eq!(mark.get(), None);
            mark.set(reason);
            mark.set(CutReason::Shutdown);
            assert_eq!(mark.get(), Some(reason));
        }
    }
}
