//! [`Cut`]: a place in the journal at which a new segment begins, for a snapshot.

use std::sync::Arc;

use super::{Health, Lost, Shared};

/// A place in the journal at which a new segment begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Cut {
    #[default]
    None,
    /// It is to begin behind this commit.
    Wanted(u64),
    /// The thread has taken note.
    Noted,
    /// The number of the segment.
    Made(u64),
    /// There was no room for it.
    Failed(Arc<str>),
}

impl Shared {
    /// Lets a new segment begin behind a commit, after which there is none yet.
    pub(in super::super) fn want_cut(&self, number: u64) {
        let mut state = self.state.lock();
        state.cut = Cut::Wanted(number);
        self.wake_thread(&mut state);
    }

    /// Notes that this segment begins at the cut.
    pub(in super::super) fn made_cut(&self, segment: u64) {
        self.state.lock().cut = Cut::Made(segment);
        self.cut.notify_all();
    }

    /// Notes that no segment begins at the cut.
    pub(in super::super) fn cut_failed(&self, reason: String) {
        self.state.lock().cut = Cut::Failed(reason.into());
        self.cut.notify_all();
    }

    /// Waits for the segment that begins at the cut. Blocks the thread.
    pub(in super::super) fn wait_for_cut(&self) -> Result<u64, Lost> {
        let mut state = self.state.lock();
        loop {
            match (&state.cut, &state.health) {
                (Cut::Made(segment), _) => return Ok(*segment),
                (Cut::Failed(reason), _) | (_, Health::Failed(reason)) => return Err(Lost(Arc::clone(reason))),
                _ if state.has_ended => return Err(Lost("the journal is closed".into())),
                _ => self.cut.wait(&mut state),
            }
        }
    }
}
