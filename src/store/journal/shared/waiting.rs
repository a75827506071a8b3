//! Those who wait for the journal: for room, until a commit is written, or until it is on disk.

use std::{
    collections::BTreeMap,
    io, mem,
    sync::Arc,
    task::{Poll, Waker},
};

use parking_lot::MutexGuard;

use super::{Fsync, Health, Shared, State};

/// The place of one who does not wait yet.
pub(in super::super) const NOWHERE: u64 = 0;

/// The place of a future that waits.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Ticket(u64);

/// The journal has failed before a commit was on disk. The outcome is not known.
#[derive(Debug)]
pub(in super::super) struct Lost(pub(in super::super) Arc<str>);

/// Takes those who wait for a number up to this one.
pub(super) fn up_to(waiting: &mut BTreeMap<(u64, u64), Waker>, number: u64) -> BTreeMap<(u64, u64), Waker> {
    if waiting.is_empty() {
        return BTreeMap::new();
    }
    let later = waiting.split_off(&(number + 1, 0));
    mem::replace(waiting, later)
}

impl State {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// Gives one who begins to wait a place.
    fn find_place(&mut self, place: &mut u64) {
        if *place == NOWHERE {
            *place = self.ticket().0;
        }
    }
}

impl Shared {
    /// Leaves a waker until there is room, in the place of the one before. Returns `None` if there is.
    pub(in super::super) fn wait_for_room(&self, ticket: Option<Ticket>, waker: &Waker) -> Option<Ticket> {
        let mut state = self.state.lock();
        let is_admitted = !state.is_crowded || state.health != Health::Good;
        (!is_admitted).then(|| {
            let ticket = ticket.unwrap_or_else(|| state.ticket());
            state.waiting_for_room.insert(ticket.0, waker.clone());
            ticket
        })
    }

    /// Waits until a commit is on disk.
    pub(in super::super) fn poll_synced(&self, number: u64, place: &mut u64, waker: &Waker) -> Poll<Result<(), Lost>> {
        let mut state = self.state.lock();
        if self.is_synced(number) {
            return Poll::Ready(Ok(()));
        }
        if let Health::Failed(reason) = &state.health {
            return Poll::Ready(Err(Lost(Arc::clone(reason))));
        }
        state.find_place(place);
        state.waiting_for_sync.insert((number, *place), waker.clone());
        match self.policy() {
            Fsync::Always => self.wake_thread_for_commits(&mut state),
            // It is synced before long.
            Fsync::EverySec => {}
            Fsync::No => self.wake_thread(&mut state),
        }
        Poll::Pending
    }

    /// Wakes when a commit is on disk, or the journal has failed or ended.
    pub(in super::super) fn wake_when_synced(&self, number: u64, waker: Waker) {
        let mut state = self.state.lock();
        if self.is_synced(number) || state.has_ended || matches!(state.health, Health::Failed(_)) {
            drop(state);
            return waker.wake();
        }
        let ticket = state.ticket();
        state.watching_sync.insert((number, ticket.0), waker);
    }

    /// Whether somebody waits for a sync.
    pub(in super::super) fn is_sync_awaited(&self) -> bool {
        !self.state.lock().waiting_for_sync.is_empty()
    }

    /// Waits until a commit is written, or never will be. It may still be while the disk is full: an answer that left before would
    /// be of a commit that ends with the process.
    pub(in super::super) fn poll_written(&self, number: u64, place: &mut u64, waker: &Waker) -> Poll<io::Result<()>> {
        let mut state = self.state.lock();
        if self.written() >= number || self.tail.is_none() {
            return Poll::Ready(Ok(()));
        }
        if let Health::Failed(reason) = &state.health {
            return Poll::Ready(Err(self.never_released(reason)));
        }
        state.find_place(place);
        state.waiting_for_write.insert((number, *place), waker.clone());
        self.wake_thread(&mut state);
        Poll::Pending
    }

    pub(super) fn wake_for_room(&self, mut state: MutexGuard<'_, State>) {
        let woken = mem::take(&mut state.waiting_for_room);
        drop(state);
        woken.into_values().for_each(Waker::wake);
    }
}
