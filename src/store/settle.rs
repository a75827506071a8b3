//! Whether an answer may leave: it waits until what it saw is on disk, if the journal says so.

use kvstore_protocol::{Response, batch};

use super::{
    call::KeySlot,
    execute::{Attempt, Stopped},
    journal::{Journal, Settled, block_on},
    observers::Interests,
    spec::Answer,
    state::StoreState,
};

/// What an answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    /// These keys.
    Keys(&'a [KeySlot<'a>]),
    /// Any key.
    All,
}

impl StoreState {
    /// Holds an answer back until what it saw is on disk: the commit of the command, or the last one to the keys that it read. A
    /// connection holds back its output, and any other caller waits for the answer.
    #[inline]
    pub(super) fn settle(&self, answer: Answer, number: Option<u64>, seen: Seen<'_>, attempt: &mut Attempt) -> Answer {
        if !self.observers.get().has(Interests::SETTLED) || attempt.stopped.is_some() {
            return answer;
        }
        if batch::is_running() {
            if let (None, Some(journal)) = (number, self.journal()) {
                journal.hold_answers_of_read(self.last_seen(seen, journal));
            }
            return answer;
        }
        match self.settled(answer.unwrap_or_else(Response::from), number.ok_or(seen)) {
            Ok(settled) => Err(attempt.stop(Stopped::Settled(settled))),
            Err(response) => Ok(response),
        }
    }

    /// A response that waits for a commit, its own or that of what it has seen. `Err` if it need not.
    pub(super) fn settled(&self, response: Response, number: Result<u64, Seen<'_>>) -> Result<Box<Settled>, Response> {
        let Some(journal) = self.journal().filter(|journal| journal.settles()) else { return Err(response) };
        let is_write = number.is_ok();
        let number = number.unwrap_or_else(|seen| self.last_seen(seen, journal));
        if journal.is_synced(number) { Err(response) } else { Ok(Box::new(Settled::new(response, number, is_write))) }
    }

    /// The same for a command of a connection that is a commit of its own, or has none. The locks of its keys are still held.
    #[inline]
    pub(super) fn settle_alone(&self, number: Option<u64>, keys: &[KeySlot<'_>]) {
        let Some(journal) = self.journal().filter(|journal| journal.settles()) else { return };
        match number {
            Some(number) => journal.note_unsynced(number, keys.iter().map(|key| (key.database as usize, key.name))),
            None => journal.hold_answers_of_read(self.last_seen(Seen::Keys(keys), journal)),
        }
    }

    /// The last commit of what a command has seen.
    fn last_seen(&self, seen: Seen<'_>, journal: &Journal) -> u64 {
        match seen {
            Seen::All => self.last_commit(),
            Seen::Keys(keys) => {
                let numbers = keys.iter().map(|key| journal.last_of(key.database as usize, key.name));
                numbers.max().unwrap_or_default()
            }
        }
    }

    /// Holds back the answers of the connection that this thread serves until all commits have left that it has seen, up to this one.
    /// Returns false if it serves none.
    pub(super) fn hold_answers(&self, number: u64) -> bool {
        self.journal().is_some_and(|journal| journal.hold_answers(number))
    }

    /// Blocks the thread until an answer may leave.
    pub(super) fn block_until_synced(&self, mut settled: Settled) -> Response {
        let journal = self.journals.last().expect("a journal holds the answer back");
        block_on(|waker| settled.poll(journal, waker))
    }
}
