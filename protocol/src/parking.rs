//! Parking: how a command that waits for an outside event says so to the layers around it.
//!
//! A command such as BLPOP is *in progress* for as long as it waits, and yet it takes nothing while it does. A limiter
//! should give its permit to somebody else, and a timeout should not count. The future of such a command waits with
//! [`park_until`]; a layer polls what it wraps through [`observe`], and asks [`seen`].
//!
//! The mark lives for the length of one poll, on the thread that polls: it costs nothing while nobody parks, and it
//! passes through every layer that polls its inner future itself, as tower's do. It does not pass a layer that moves the
//! inner future to another task; such a command is simply one that takes long.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! use kvstore_protocol::parking::park_until;
//!
//! let (sender, receiver) = tokio::sync::oneshot::channel();
//! sender.send("an item").expect("somebody listens");
//! // Holds no permit and meets no timeout until the item is there, and holds a permit again once it is.
//! assert_eq!(park_until(receiver).await, Ok("an item"));
//! # });
//! ```

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
};

/// What a pending future said about its waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parking {
    /// Nothing: it is at work.
    #[default]
    Busy,
    /// It waits for an outside event, and needs nothing until then.
    Parked,
    /// The event has come: it acts at the next poll, and needs back what it gave away. It has woken its task.
    Returning,
}

thread_local! {
    static MARK: Cell<Parking> = const { Cell::new(Parking::Busy) };
}

/// Polls what a layer wraps. If it is pending, [`seen`] tells afterwards what it said.
///
/// What was polled comes back as it is, so that an answer is not moved on its way through a layer.
#[inline]
pub fn observe<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    MARK.set(Parking::Busy);
    poll()
}

/// What the future said that this thread has just polled through [`observe`], if it is pending.
#[inline]
pub fn seen() -> Parking {
    MARK.get()
}

/// Waits for `event` parked: limits around this command do not count it, timeouts stand down.
///
/// It is the whole of what a command waits for while it waits: a time limit goes inside, as in
/// `park_until(tokio::time::timeout(limit, event))`, and not beside it in a `select!`. A command that races a parked
/// event against something else may come to act without what its layers would have given it back.
///
/// # Cancel safety
/// As safe as `event`: when the returned future is dropped after the event has come and before it returned, the event's
/// output is lost.
pub async fn park_until<F: Future>(event: F) -> F::Output {
    // A race that this loses goes on in the same poll, and is at work then.
    let _unmark = Unmark;
    let mut event = pin!(event);
    let output = poll_fn(|cx| mark(event.as_mut().poll(cx), Parking::Parked)).await;
    // Not at once: the layers around must be asked first, and they are at the next poll.
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
    // Of several futures in one command the one that is about to act counts.
    if poll.is_pending() && MARK.get() != Parking::Returning {
        MARK.set(parking);
    }
    poll
}

/// Takes the mark away when its future goes.
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
    async fn a_race_that_parking_loses_is_at_work() {
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
    async fn of_two_futures_the_one_about_to_act_counts() {
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
