//! Parking: how the future of a command that waits for an outside event tells the layers and the connection around it.
//!
//! A command such as BLPOP is in flight for as long as it waits, but it uses nothing meanwhile. A limiter should give its
//! permit to another command, and a timeout should not run. The future of such a command waits with [`park_until`].
//!
//! A command that is durable has *settled* when its effect is there and only its answer waits, for a disk or for a quorum.
//! The next command of its connection need not wait for that. The future of such a command waits with [`settle_until`], or
//! calls [`mark_settled`] in a `poll` that is written by hand.
//!
//! A layer polls its inner future through [`observe`], and reads the mark that it left with [`seen`].
//!
//! | mark | set by | what layers do |
//! |---|---|---|
//! | [`Busy`](Parking::Busy) | every pending future that says nothing | the permit is held, the deadline runs |
//! | [`Parked`](Parking::Parked) | [`park_until`], while the event has not come, [`mark_parked`] | a limiter gives the permit back, a timeout stands down |
//! | [`Returning`](Parking::Returning) | [`park_until`], once, when the event has come | a limiter takes a permit before the next poll, a timeout starts anew |
//! | [`Settled`](Parking::Settled) | [`settle_until`], [`mark_settled`] | a limiter gives the permit back for good, the deadline runs, and the connection calls its next command |
//!
//! The concurrency limit and the timeout of `kvstore-middleware` act on these marks. tower's own layers do not know them:
//! below tower's limit a parked or settled command holds its permit, and below tower's timeout a parked one can time out.
//!
//! A mark lasts for one poll, on the thread that polls, so it costs nothing while no command parks. It passes through every
//! layer that polls its inner future itself. It does not pass a layer that moves the inner future to another task, such as
//! tower's `Buffer`: the command counts as busy there.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! use kvstore_protocol::parking::park_until;
//!
//! let (sender, receiver) = tokio::sync::oneshot::channel();
//! sender.send("an item").expect("the receiver is open");
//! // While it waits it holds no permit and no deadline runs. Before it continues it has a permit again.
//! assert_eq!(park_until(receiver).await, Ok("an item"));
//! # });
//! ```

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

/// What a pending future waits for, as far as layers and the connection are concerned.
///
/// Where several futures of one command leave marks in the same poll, the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parking {
    /// It is at work. The default of every future.
    #[default]
    Busy,
    /// Its effect is there, and only its answer waits. It does nothing more than to become ready.
    Settled,
    /// It waits for an outside event, and needs no permit until then.
    Parked,
    /// The event has come. It continues at its next poll, for which it has woken its task, and needs a permit by then.
    Returning,
}

thread_local! {
    static MARK: Cell<Parking> = const { Cell::new(Parking::Busy) };
}

/// Polls the inner future of a layer. When it is pending, [`seen`] returns its mark afterwards.
///
/// Returns the result of the poll alone, so that an answer is not moved on its way through a layer.
#[inline]
pub fn observe<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    MARK.set(Parking::Busy);
    poll()
}

/// The mark of the pending future that this thread has just polled through [`observe`].
#[inline]
pub fn seen() -> Parking {
    MARK.get()
}

/// Waits for `event` while the command is parked: limits do not count it, and timeouts stand down.
///
/// While a command is parked it must wait for nothing else. A time limit goes inside, as in
/// `park_until(tokio::time::timeout(limit, event))`, and not beside it in a `select!`: if another branch completes first,
/// the command continues without the permit that it gave back.
///
/// # Cancel safety
/// The output of the event is lost when the returned future is dropped after the event has come and before it is ready.
pub async fn park_until<F: Future>(event: F) -> F::Output {
    // Another branch of a `select!` may complete in the same poll, and is busy then.
    let _unmark = Unmark;
    let mut event = pin!(event);
    let output = poll_fn(|cx| mark(event.as_mut().poll(cx), Parking::Parked)).await;
    // Not at once: the layers must see `Returning` first, and act on it before the next poll.
    let mut asked = false;
    poll_fn(|cx: &mut Context<'_>| {
        if std::mem::replace(&mut asked, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        mark(Poll::Pending, Parking::Returning)
    })
    .await;
    output
}

/// Waits for `event` while the command is settled: its effect is there, and only its answer waits.
///
/// The connection calls the next command meanwhile, in order, as long as not too many wait. So the rest of the command must
/// have no effect, and must not wait for anything else. A timeout around it still runs: the client then reads an error, and
/// the effect is there all the same.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use kvstore_protocol::{Response, parking::settle_until};
///
/// /// Appends to a journal, and answers when it is on disk.
/// async fn append(synced: tokio::sync::oneshot::Receiver<()>) -> Response {
///     match settle_until(synced).await {
///         Ok(()) => Response::ok(),
///         Err(_) => Response::error("ERR", "the outcome is unknown"),
///     }
/// }
///
/// let (sender, synced) = tokio::sync::oneshot::channel();
/// sender.send(()).expect("the receiver is open");
/// assert_eq!(append(synced).await, Response::ok());
/// # });
/// ```
///
/// # Cancel safety
/// Dropping the returned future drops `event`.
pub async fn settle_until<F: Future>(event: F) -> F::Output {
    // Another branch of a `select!` may complete in the same poll, and is busy then.
    let _unmark = Unmark;
    let mut event = pin!(event);
    poll_fn(|cx| mark(event.as_mut().poll(cx), Parking::Settled)).await
}

/// Marks the command that is polled on this thread as settled, as [`settle_until`] does: for a `poll` that is written by
/// hand.
///
/// Call it before each `Poll::Pending` that the future returns from then on. After the first it may only become ready.
///
/// ```
/// use std::task::{Context, Poll};
/// use kvstore_protocol::{Response, parking};
///
/// fn poll_synced(synced: Poll<()>, answer: &mut Option<Response>) -> Poll<Option<Response>> {
///     if synced.is_pending() {
///         parking::mark_settled();
///         return Poll::Pending;
///     }
///     Poll::Ready(answer.take())
/// }
///
/// let mut answer = Some(Response::ok());
/// assert!(parking::observe(|| poll_synced(Poll::Pending, &mut answer)).is_pending());
/// assert_eq!(parking::seen(), parking::Parking::Settled);
/// assert_eq!(poll_synced(Poll::Ready(()), &mut answer), Poll::Ready(Some(Response::ok())));
/// ```
#[inline]
pub fn mark_settled() {
    leave(Parking::Settled);
}

/// Marks the command that is polled on this thread as parked, as [`park_until`] does: for a `poll` that is written by hand.
///
/// Call it before each `Poll::Pending` while the event has not come. Such a future may become ready at once when it comes: then
/// it does nothing more that needs a permit.
#[inline]
pub fn mark_parked() {
    leave(Parking::Parked);
}

fn mark<T>(poll: Poll<T>, parking: Parking) -> Poll<T> {
    if poll.is_pending() {
        leave(parking);
    }
    poll
}

/// Leaves a mark. Of several futures in one command the one that returns counts, and one that is parked has not settled.
#[inline]
fn leave(parking: Parking) {
    MARK.set(MARK.get().max(parking));
}

/// Clears the mark when its future is dropped.
struct Unmark;

impl Drop for Unmark {
    fn drop(&mut self) {
        MARK.set(Parking::Busy);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_layer_sees_a_future_park_and_return() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut waiting = pin!(park_until(receiver));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!((observe(|| waiting.as_mut().poll(&mut cx)), seen()), (Poll::Pending, Parking::Parked));
        sender.send(1).unwrap();
        assert_eq!((observe(|| waiting.as_mut().poll(&mut cx)), seen()), (Poll::Pending, Parking::Returning));
        assert_eq!(observe(|| waiting.as_mut().poll(&mut cx)), Poll::Ready(Ok(1)));
    }

    #[tokio::test]
    async fn a_race_that_parking_loses_is_busy() {
        let mut race = pin!(async {
            tokio::select! {
                () = park_until(std::future::pending()) => {}
                () = std::future::ready(()) => {}
            }
            std::future::pending::<()>().await;
        });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(observe(|| race.as_mut().poll(&mut cx)).is_pending());
        assert_eq!(seen(), Parking::Busy);
    }

    #[tokio::test]
    async fn of_two_futures_the_one_that_returns_counts() {
        let mut both =
            pin!(async { tokio::join!(park_until(std::future::ready(())), park_until(std::future::pending::<()>())) });
        let mut cx = Context::from_waker(Waker::noop());
        assert!(observe(|| both.as_mut().poll(&mut cx)).is_pending());
        assert_eq!(seen(), Parking::Returning);
    }

    #[test]
    fn a_settled_future_is_ready_as_soon_as_its_event_comes() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut settled = pin!(settle_until(receiver));
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!((observe(|| settled.as_mut().poll(&mut cx)), seen()), (Poll::Pending, Parking::Settled));
        sender.send(1).unwrap();
        assert_eq!((observe(|| settled.as_mut().poll(&mut cx)), seen()), (Poll::Ready(Ok(1)), Parking::Busy));
    }

    #[tokio::test]
    async fn a_command_has_not_settled_while_a_part_of_it_is_parked() {
        let (parked, settled) = (std::future::pending::<()>, std::future::pending::<()>);
        let mut one = pin!(async { tokio::join!(biased; park_until(parked()), settle_until(settled())) });
        let mut other = pin!(async { tokio::join!(biased; settle_until(settled()), park_until(parked())) });
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!((observe(|| one.as_mut().poll(&mut cx)).is_pending(), seen()), (true, Parking::Parked));
        assert_eq!((observe(|| other.as_mut().poll(&mut cx)).is_pending(), seen()), (true, Parking::Parked));
    }

    #[test]
    fn a_mark_does_not_outlive_its_poll() {
        let mut parked = pin!(park_until(std::future::pending::<()>()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(observe(|| parked.as_mut().poll(&mut cx)).is_pending());
        assert_eq!(seen(), Parking::Parked);
        assert!(observe(|| Poll::<()>::Pending).is_pending());
        assert_eq!(seen(), Parking::Busy);
    }
}
