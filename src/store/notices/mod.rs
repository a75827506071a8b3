//! What commits tell clients: keyspace events, the keys that their caches shall forget, and the messages of transactions and scripts.
//!
//! A commit collects notices while its locks are held, and puts them into the [`Outbox`] before it gives the locks back. So
//! they are in the order of the commits. They are sent after the locks, by one thread at a time.

mod outbox;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use kvstore_protocol::{Command, Push, Response};

use super::{
    change::Event,
    commit::Commit,
    observers::Interests,
    state::StoreState,
    tracking::{ClientTracking, Readers, TrackedKeys},
};

pub(super) use outbox::Outbox;

/// How much memory the notices of a script may take, in bytes, before they are sent though it is not at its end: then messages and
/// events count for the output limits of those who get them.
pub(super) const MAX_NOTICES: usize = 8 << 20;

/// One thing to tell.
#[derive(Debug)]
pub(super) enum Notice {
    /// A keyspace event.
    Event { database: usize, key: Bytes, event: Event },
    /// PUBLISH or SPUBLISH in a transaction or a script.
    Message(Command),
    /// A key has changed. These clients have read it; others track keys with its prefix.
    Changed { key: Bytes, readers: Readers },
    /// The table of tracked keys has no room for a key, which these clients have read.
    Evicted { key: Bytes, readers: Readers },
    /// A database has changed as a whole. All tracked keys are forgotten.
    AllChanged(TrackedKeys),
}

impl Notice {
    /// The memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Event { key, .. } | Self::Changed { key, .. } | Self::Evicted { key, .. } => key.len(),
                Self::Message(publish) => publish.size(),
                Self::AllChanged(_) => 0,
            }
    }
}

/// What one commit tells.
#[derive(Debug)]
pub(super) struct Notices {
    notices: Vec<Notice>,
    origin: Option<Origin>,
}

/// The connection whose command was the commit.
#[derive(Debug)]
pub(super) struct Origin {
    /// Sends behind the answer to the command.
    pub(super) push: Push,
    /// The number of the client, if it tracks keys.
    pub(super) client: Option<u32>,
}

impl Notices {
    /// The notices of a commit of this command, if it was a command.
    pub(super) fn new(notices: Vec<Notice>, command: Option<&Command>, store: &StoreState) -> Self {
        let origin = command.and_then(|command| {
            let client = ClientTracking::of(command.session(), store).map(|client| client.id());
            Some(Origin { push: command.push()?, client })
        });
        Self { notices, origin }
    }
}

impl StoreState {
    /// Notes that a key was changed, for the clients that are to know.
    pub(super) fn note_change(&self, commit: &mut Commit, database: usize, key: &[u8], event: Event) {
        if commit.interests.has(Interests::EVENTS) && self.events.has(event) {
            commit.notice(Notice::Event { database, key: Bytes::copy_from_slice(key), event });
        }
        if event.touches() {
            self.note_touched(commit, key);
        }
    }

    /// Notes that a key was changed, for the clients that track it.
    pub(super) fn note_touched(&self, commit: &mut Commit, key: &[u8]) {
        if commit.interests.has(Interests::TRACKING)
            && let Some(readers) = self.tracking.change(key)
        {
            commit.notice(Notice::Changed { key: Bytes::copy_from_slice(key), readers });
        }
    }

    /// Notes that a database was changed as a whole.
    pub(super) fn note_all_changed(&self, commit: &mut Commit) {
        if commit.interests.has(Interests::TRACKING)
            && !commit.has_notice(|notice| matches!(notice, Notice::AllChanged(_)))
        {
            commit.notice(Notice::AllChanged(self.tracking.take_all_keys()));
        }
    }

    /// Notes that a client has asked for a key that is missing.
    #[cold]
    pub(super) fn note_miss(&self, commit: &Commit, database: usize, key: &[u8]) {
        if self.events.has(Event::KEYMISS) {
            commit.notice(Notice::Event { database, key: Bytes::copy_from_slice(key), event: Event::KEYMISS });
        }
    }

    /// Answers PUBLISH, SUBSCRIBE and their kin in a transaction or a script, the cause. Messages are sent after it, between its events.
    pub(super) fn answer_pub_sub(&self, commit: &mut Commit, command: &Command, cause: &Command) -> Response {
        let Some(receivers) = self.pub_sub.receivers(command) else {
            // It may end the subscription that a message before it is for.
            self.send_so_far(commit, cause);
            return self.pub_sub.answer(command).unwrap_or(Response::Null);
        };
        if receivers > 0 {
            commit.notice(Notice::Message(command.clone()));
        }
        receivers.into()
    }

    /// Sends the notices of a script before its end.
    #[cold]
    pub(super) fn send_so_far(&self, commit: &mut Commit, cause: &Command) {
        let notices = commit.take_notices();
        if !notices.is_empty() {
            self.outbox.push(Notices::new(notices, Some(cause), self));
            self.send_notices();
        }
    }

    /// Sends all notices, after the locks.
    pub(super) fn send_notices(&self) {
        self.outbox.send_all(|Notices { notices, origin }| {
            let (origin, mut changed) = (origin.as_ref(), Vec::new());
            for notice in notices {
                match notice {
                    Notice::Event { database, key, event } => self.publish_event(database, &key, event, origin),
                    Notice::Message(publish) => drop(self.pub_sub.answer(&publish)),
                    Notice::Changed { key, readers } => {
                        self.tracking.tell_readers(&key, &readers, origin);
                        changed.push(key);
                    }
                    // Also a client with NOLOOP forgets what its own read has evicted.
                    Notice::Evicted { key, readers } => self.tracking.tell_readers(&key, &readers, None),
                    Notice::AllChanged(keys) => {
                        self.tracking.tell_all(origin);
                        self.dropper.run(move || drop(keys));
                    }
                }
            }
            self.tracking.broadcast(&changed, origin);
        });
    }
}
