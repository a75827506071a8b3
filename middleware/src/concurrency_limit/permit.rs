//! The way of one command through the limit.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, ready},
};

use kvstore_protocol::batch::{self, Keep, Kept};

use super::permits::{Permits, Ticket};

/// One command before the limit, in its queue, or inside; what it holds goes back when it is dropped.
#[derive(Debug)]
pub(super) struct CommandPermit(
    /// `None` where nothing is limited, and at the end.
    Option<Held>,
);

/// What a command has of its limit.
#[derive(Debug)]
struct Held {
    permits: Arc<Permits>,
    place: PermitState,
}

#[derive(Debug)]
enum PermitState {
    Outside,
    Queued(Ticket),
    Inside,
    /// Inside -> Staying: it is not answered at once.
    Staying,
}

/// What a command leaves that was answered at once: its handle of the limit, and its permit for the rest of a batch.
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
    /// For the next command on this thread, nearly always of the same limit. It may keep a limit of which nothing is left;
    /// that is a hundred bytes.
    static SPARE: Kept<SparePermit> = const { Kept::new() };
}

impl CommandPermit {
    #[inline(always)]
    pub(super) fn new(permits: Option<&Arc<Permits>>) -> Self {
        let Some(permits) = permits else { return Self(None) };
        let spare = match batch::take(&SPARE) {
            Some(spare) if Arc::ptr_eq(&spare.permits, permits) => spare,
            other => SparePermit::first(permits, other),
        };
        let place =
            if spare.has_permit && !make_way(&spare.permits) { PermitState::Inside } else { PermitState::Outside };
        Self(Some(Held { permits: spare.permits, place }))
    }

    /// Enters if that is possible at once.
    #[inline]
    pub(super) fn try_enter(&mut self) -> bool {
        self.0.as_mut().is_none_or(Held::try_enter)
    }

    /// Enters, and waits for it behind those who came before.
    #[inline]
    pub(super) fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(held) = &mut self.0 else { return Poll::Ready(()) };
        if held.try_enter() { Poll::Ready(()) } else { held.poll_queue(cx) }
    }

    /// Notes that the command takes its time. At its end the permit goes back, and not to the next of a batch.
    pub(super) fn stay(&mut self) {
        if let Some(Held { place: place @ PermitState::Inside, .. }) = &mut self.0 {
            *place = PermitState::Staying;
        }
    }

    /// Gives back a permit, or the place in the queue.
    pub(super) fn leave(&mut self) {
        if let Some(held) = &mut self.0 {
            held.leave();
        }
    }
}

impl Held {
    #[inline]
    fn try_enter(&mut self) -> bool {
        if matches!(self.place, PermitState::Outside) && self.permits.try_take() {
            self.place = PermitState::Inside;
        }
        matches!(self.place, PermitState::Inside | PermitState::Staying)
    }

    #[cold]
    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let PermitState::Queued(ticket) = self.place {
            ready!(self.permits.poll_called(ticket, cx.waker()));
        } else if let Err(ticket) = self.permits.take_or_queue(cx.waker().clone()) {
            self.place = PermitState::Queued(ticket);
            return Poll::Pending;
        }
        self.place = PermitState::Inside;
        Poll::Ready(())
    }

    #[cold]
    fn leave(&mut self) {
        match mem::replace(&mut self.place, PermitState::Outside) {
            PermitState::Outside => {}
            PermitState::Queued(ticket) => self.permits.leave(ticket),
            PermitState::Inside | PermitState::Staying => self.permits.give(),
        }
    }
}

impl SparePermit {
    /// Another limit's permit, or the first on this thread: what the other left has its end.
    #[cold]
    fn first(permits: &Arc<Permits>, other: Option<Self>) -> Self {
        other.map(Self::end);
        Self { permits: permits.clone(), has_permit: false }
    }
}

/// Gives a permit back if somebody waits for one. True then.
#[inline]
fn make_way(permits: &Permits) -> bool {
    let is_awaited = permits.waiting() > 0;
    if is_awaited {
        permits.give();
    }
    is_awaited
}

/// The permit of a command that was answered at once stays with the thread for the rest of a batch, unless somebody waits
/// for one.
impl Drop for CommandPermit {
    #[inline]
    fn drop(&mut self) {
        match self.0.take() {
            Some(Held { permits, place: PermitState::Inside }) => {
                let has_permit = !make_way(&permits);
                batch::keep(&SPARE, SparePermit { permits, has_permit });
            }
            Some(mut held) => held.leave(),
            None => {}
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

    fn poll_enter(permit: &mut CommandPermit) -> Poll<()> {
        permit.poll_enter(&mut Context::from_waker(Waker::noop()))
    }

    fn permit(permits: &Arc<Permits>) -> CommandPermit {
        CommandPermit::new(Some(permits))
    }

    #[test]
    fn a_permit_given_back_belongs_to_the_first_who_waits() {
        let permits = permits(1);
        let [mut inside, mut first, mut second, mut newcomer] = [(); 4].map(|()| permit(&permits));
        assert!(poll_enter(&mut inside).is_ready());
        assert!(poll_enter(&mut first).is_pending());
        assert!(poll_enter(&mut second).is_pending());
        inside.leave();
        assert!(!newcomer.try_enter());
        assert!(poll_enter(&mut second).is_pending());
        assert!(poll_enter(&mut first).is_ready());
        assert_eq!((permits.in_use(), permits.waiting()), (1, 1));
    }

    #[test]
    fn one_who_was_called_and_goes_away_passes_the_permit_on() {
        let permits = permits(1);
        let [mut inside, mut first, mut second] = [(); 3].map(|()| permit(&permits));
        assert!(poll_enter(&mut inside).is_ready());
        assert!(poll_enter(&mut first).is_pending());
        assert!(poll_enter(&mut second).is_pending());
        drop(inside);
        drop(first);
        assert!(poll_enter(&mut second).is_ready());
        drop(second);
        assert_eq!((permits.in_use(), permits.waiting()), (0, 0));
    }

    #[test]
    fn two_permits_given_back_to_one_waiter_leave_one_free() {
        let permits = permits(2);
        let [mut one, mut two, mut waiter, mut newcomer] = [(); 4].map(|()| permit(&permits));
        assert!(poll_enter(&mut one).is_ready());
        assert!(poll_enter(&mut two).is_ready());
        assert!(poll_enter(&mut waiter).is_pending());
        one.leave();
        two.leave();
        assert!(newcomer.try_enter());
        assert!(poll_enter(&mut waiter).is_ready());
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
            let mut permit = permit(permits);
            if round % 5 == 0 && poll_fn(|cx| Poll::Ready(permit.poll_enter(cx))).await.is_pending() {
                continue; // Leaves the queue, called or not.
            }
            poll_fn(|cx| permit.poll_enter(cx)).await;
            assert!(inside.fetch_add(1, Ordering::SeqCst) < permits.max());
            if round % 3 == 0 {
                thread::yield_now();
            }
            inside.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
