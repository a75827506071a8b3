//! Parking: how the future of a command that waits for an outside event tells the layers around it.
//!
//! A command such as BLPOP is in flight for as long as it waits, but it uses nothing meanwhile. A limiter should give its
//! permit to another command, and a timeout should not run. The future of such a command waits with [`park_until`]. A
//! layer polls its inner future through [`observe`], and reads the mark that it left with [`seen`].
//!
//! | mark | set by | what layers do |
//! |---|---|---|
//! | [`Busy`](Parking::Busy) | every pending future that says nothing | the permit is held, the deadline runs |
//! | [`Parked`](Parking::Parked) | [`park_until`], while the event has not come | a limiter gives the permit back, a timeout stands down |
//! | [`Returning`](Parking::Returning) | [`park_until`], once, when the event has come | a limiter takes a permit before the next poll, a timeout starts anew |
//!
//! The concurrency limit and the timeout of `kvstore-middleware` act on these marks. tower's own layers do not know them:
//! below tower's limit a parked command holds its permit, and below tower's timeout it can time out.
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

/// What a pending future waits for, as far as layers are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parking {
    /// It is at work. The default of every future.
    #[default]
    Busy,
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

fn mark<T>(poll: Poll<T>, parking: Parking) -> Poll<T> {
    // Of several futures in one command the one that returns counts.
    if poll.is_pending() && MARK.get() != Parking::Returning {
        MARK.set(parking);
    }
    poll
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
    fn a_mark_does_not_outlive_its_poll() {
        let mut parked = pin!(park_until(std::future::pending::<()>()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(observe(|| parked.as_mut().poll(&mut cx)).is_pending());
        assert_eq!(seen(), Parking::Parked);
        assert!(observe(|| Poll::<()>::Pending).is_pending());
        assert_eq!(seen(), Parking::Busy);
    }
}
