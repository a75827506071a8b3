//! The permit of one command, from the request to the release.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use kvstore_protocol::batch::{self, Keep, Kept};

use super::permits::{Permits, Ticket};

/// A command's permit, or its place in the queue for one. Given back on drop.
#[derive(Debug)]
pub(super) struct CommandPermit {
    /// `None` for a command that needs no permit: its state is that of one which has a permit.
    permits: Option<Arc<Permits>>,
    state: PermitState,
}

#[derive(Debug)]
enum PermitState {
    Missing,
    Queued(Ticket),
    /// Held by a command that has not been pending yet. Once it is answered, the next command of the batch may have it.
    New,
    /// New -> Staying: the command was pending. Once it is answered, the permit is given back.
    Staying,
    /// Given back until the event has come for which the command is parked.
    Parked,
    /// Given back for good: the command has taken effect, and only its answer waits.
    Settled,
}

/// What a command leaves that was answered at once: its reference to the limit, and its permit for the rest of the
/// batch.
struct SparePermit {
    permits: Arc<Permits>,
    has_permit: bool,
}

impl Keep for SparePermit {
    fn end(self) -> Option<Self> {
        if self.has_permit {
            self.permits.give();
        }
        Some(Self { has_permit: false, ..self })
    }
}

thread_local! {
    /// For the next command on this thread, nearly always of the same limit. It may keep a limit alive that is used no
    /// more; that is a hundred bytes.
    static SPARE: Kept<SparePermit> = const { Kept::new() };
}

impl CommandPermit {
    /// Takes a permit if one is free. Without `permits` the command needs none.
    #[inline(always)]
    pub(super) fn try_take(permits: Option<&Arc<Permits>>) -> Self {
        let Some(permits) = permits else { return Self { permits: None, state: PermitState::New } };
        let spare = match batch::take(&SPARE) {
            Some(spare) if Arc::ptr_eq(&spare.permits, permits) => spare,
            other => SparePermit::first(permits, other),
        };
        let has_spare = spare.has_permit && !give_to_waiter(&spare.permits);
        let state = if has_spare || spare.permits.try_take() { PermitState::New } else { PermitState::Missing };
        Self { permits: Some(spare.permits), state }
    }

    /// Whether the command has to wait for a permit before it is called.
    #[inline(always)]
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.state, PermitState::Missing)
    }

    /// Whether the command has a permit, or needs none, and has not been pending yet.
    #[inline(always)]
    pub(super) fn is_new(&self) -> bool {
        matches!(self.state, PermitState::New)
    }

    pub(super) fn is_parked(&self) -> bool {
        matches!(self.state, PermitState::Parked)
    }

    /// Whether the command is polled without a permit: it is parked or settled.
    pub(super) fn is_released(&self) -> bool {
        matches!(self.state, PermitState::Parked | PermitState::Settled)
    }

    /// Takes a permit, and waits for it behind the commands that came before.
    #[cold]
    pub(super) fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(permits) = &self.permits else { return Poll::Ready(()) };
        match self.state {
            PermitState::New | PermitState::Staying | PermitState::Settled => return Poll::Ready(()),
            PermitState::Queued(ticket) => ready!(permits.poll_handed(ticket, cx.waker())),
            PermitState::Missing | PermitState::Parked => {
                if let Err(ticket) = permits.take_or_queue(cx.waker().clone()) {
                    self.state = PermitState::Queued(ticket);
                    return Poll::Pending;
                }
            }
        }
        self.state = PermitState::New;
        Poll::Ready(())
    }

    /// Keeps the permit of a pending command. That of one which was parked is taken anew by
    /// [`CommandPermit::poll_take`].
    pub(super) fn stay(&mut self) {
        match self.state {
            PermitState::Parked => self.state = PermitState::Missing,
            PermitState::Settled => {}
            _ => self.state = PermitState::Staying,
        }
    }

    /// Gives the permit back until the command goes on.
    pub(super) fn park(&mut self) {
        self.replace_state(PermitState::Parked);
    }

    /// Gives the permit back for good.
    pub(super) fn settle(&mut self) {
        self.replace_state(PermitState::Settled);
    }

    /// Gives back the permit, or the place in the queue.
    #[cold]
    pub(super) fn give_back(&mut self) {
        self.replace_state(PermitState::Missing);
    }

    fn replace_state(&mut self, state: PermitState) {
        let old = mem::replace(&mut self.state, state);
        let Some(permits) = &self.permits else { return };
        match old {
            PermitState::Missing | PermitState::Parked | PermitState::Settled => {}
            PermitState::Queued(ticket) => permits.leave(ticket),
            PermitState::New | PermitState::Staying => permits.give(),
        }
    }
}

impl SparePermit {
    /// The first command of this limit on this thread. The permit that another limit left is given back.
    #[cold]
    fn first(permits: &Arc<Permits>, other: Option<Self>) -> Self {
        other.map(Self::end);
        Self { permits: permits.clone(), has_permit: false }
    }
}

/// Gives a permit back if a command waits for one. Returns whether it did.
#[inline]
fn give_to_waiter(permits: &Permits) -> bool {
    let has_waiters = permits.waiting() > 0;
    if has_waiters {
        permits.give();
    }
    has_waiters
}

/// The permit of a command that was answered at once stays with the thread for the rest of a batch, unless another
/// command waits for one.
impl Drop for CommandPermit {
    #[inline]
    fn drop(&mut self) {
        if !self.is_new() {
            return self.give_back();
        }
        if let Some(permits) = self.permits.take() {
            let has_permit = !give_to_waiter(&permits);
            batch::keep(&SPARE, SparePermit { permits, has_permit });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::atomic::{AtomicUsize, Ordering},
        task::Waker,
        thread,
    };

    use super::*;

    fn permits(max: usize) -> Arc<Permits> {
        Arc::new(Permits::new(max))
    }

    fn poll_take(permit: &mut CommandPermit) -> Poll<()> {
        permit.poll_take(&mut Context::from_waker(Waker::noop()))
    }

    fn missing(permits: &Arc<Permits>) -> CommandPermit {
        CommandPermit { permits: Some(permits.clone()), state: PermitState::Missing }
    }

    fn finds_one(permits: &Arc<Permits>) -> bool {
        !CommandPermit::try_take(Some(permits)).is_missing()
    }

    #[test]
    fn a_permit_given_back_goes_to_the_first_waiter() {
        let permits = permits(1);
        let [mut inside, mut first, mut second] = [(); 3].map(|()| missing(&permits));
        assert!(poll_take(&mut inside).is_ready());
        assert!(poll_take(&mut first).is_pending());
        assert!(poll_take(&mut second).is_pending());
        inside.give_back();
        assert!(!finds_one(&permits));
        assert!(poll_take(&mut second).is_pending());
        assert!(poll_take(&mut first).is_ready());
        assert_eq!((permits.in_use(), permits.waiting()), (1, 1));
    }

    #[test]
    fn a_waiter_that_is_dropped_passes_its_permit_on() {
        let permits = permits(1);
        let [mut inside, mut first, mut second] = [(); 3].map(|()| missing(&permits));
        assert!(poll_take(&mut inside).is_ready());
        assert!(poll_take(&mut first).is_pending());
        assert!(poll_take(&mut second).is_pending());
        drop(inside);
        drop(first);
        assert!(poll_take(&mut second).is_ready());
        drop(second);
        assert_eq!((permits.in_use(), permits.waiting()), (0, 0));
    }

    #[test]
    fn two_permits_given_back_to_one_waiter_leave_one_free() {
        let permits = permits(2);
        let [mut one, mut two, mut waiter] = [(); 3].map(|()| missing(&permits));
        assert!(poll_take(&mut one).is_ready());
        assert!(poll_take(&mut two).is_ready());
        assert!(poll_take(&mut waiter).is_pending());
        one.give_back();
        two.give_back();
        let newcomer = CommandPermit::try_take(Some(&permits));
        assert!(!newcomer.is_missing());
        assert!(poll_take(&mut waiter).is_ready());
        assert_eq!((permits.in_use(), permits.waiting()), (2, 0));
    }

    #[test]
    fn threads_never_exceed_the_limit_and_never_hang() {
        for max in [1, 3] {
            let (permits, inside) = (permits(max), AtomicUsize::new(0));
            thread::scope(|scope| {
                for seed in 0..6 {
                    let (permits, inside) = (&permits, &inside);
                    scope.spawn(move || tokio_test::block_on(come_and_go(permits, inside, seed)));
                }
            });
            assert_eq!((permits.in_use(), permits.waiting()), (0, 0));
        }
    }

    async fn come_and_go(permits: &Arc<Permits>, inside: &AtomicUsize, seed: usize) {
        for round in seed..seed + 3000 {
            let mut permit = missing(permits);
            if round % 5 == 0 && poll_fn(|cx| Poll::Ready(permit.poll_take(cx))).await.is_pending() {
                continue; // Leaves the queue, with a permit or without.
            }
            poll_fn(|cx| permit.poll_take(cx)).await;
            assert!(inside.fetch_add(1, Ordering::SeqCst) < permits.max());
            if round % 3 == 0 {
                thread::yield_now();
            }
            inside.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
