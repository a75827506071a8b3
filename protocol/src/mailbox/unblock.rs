//! [`Unblocked`]: how a command that waits learns that it shall wait no longer.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::Mailbox;

/// How a waiting command ends: CLIENT UNBLOCK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblock {
    /// As if its time were over.
    Timeout,
    /// With an error.
    Error,
}

/// Waits until another client ends the waiting of a command, from [`Command::unblocked`](crate::Command::unblocked).
///
/// A command that blocks waits for it beside its event, parked, so that it is found:
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use std::sync::Arc;
///
/// use kvstore_protocol::{
///     Command, CommandError, Peer, Response, Session,
///     mailbox::{Unblock, mailbox},
///     parking::park_until,
/// };
///
/// async fn wait_for_ever(command: Command) -> Response {
///     match park_until(command.unblocked()).await {
///         Unblock::Timeout => Response::NullArray,
///         Unblock::Error => CommandError::UNBLOCKED.into(),
///     }
/// }
///
/// let (mailbox, _inbox) = mailbox(1);
/// let session = Arc::new(Session::new(1, Peer::Memory, Peer::Memory, mailbox.clone()));
/// let answer = wait_for_ever(Command::new("BLPOP").in_session(session, 1));
/// let unblock = async { assert!(mailbox.unblock(Unblock::Timeout)) };
/// # tokio::pin!(answer);
/// # assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx))).await.is_pending());
/// unblock.await;
/// assert_eq!(answer.await, Response::NullArray);
/// # });
/// ```
///
/// # Cancel safety
/// A dropped future waits no more, and is not found.
#[must_use = "futures do nothing unless polled"]
pub struct Unblocked {
    mailbox: Option<Mailbox>,
    number: u64,
    is_queued: bool,
}

/// A command that waits.
pub(super) struct BlockedCommand {
    number: u64,
    waker: Waker,
    unblock: Option<Unblock>,
}

impl Unblocked {
    /// Waits in `mailbox` for the command with this number; for ever where there is none.
    pub(crate) fn new(mailbox: Option<Mailbox>, number: u64) -> Self {
        Self { mailbox, number, is_queued: false }
    }
}

impl Future for Unblocked {
    type Output = Unblock;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Unblock> {
        let this = &mut *self;
        let Some(mailbox) = &this.mailbox else { return Poll::Pending };
        let mut queued = mailbox.queued();
        match queued.blocked.iter().position(|blocked| blocked.number == this.number) {
            Some(index) if this.is_queued => match queued.blocked[index].unblock {
                Some(unblock) => {
                    queued.blocked.remove(index);
                    drop(queued);
                    this.mailbox = None;
                    return Poll::Ready(unblock);
                }
                None => queued.blocked[index].waker.clone_from(cx.waker()),
            },
            _ => {
                let (number, waker) = (this.number, cx.waker().clone());
                queued.blocked.push(BlockedCommand { number, waker, unblock: None });
                drop(queued);
                this.is_queued = true;
            }
        }
        Poll::Pending
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox.take().filter(|_| self.is_queued) {
            mailbox.queued().blocked.retain(|blocked| blocked.number != self.number);
        }
    }
}

impl Mailbox {
    /// Ends the waiting of a command of the connection, the first that is [blocked](crate::Command::unblocked). Returns whether
    /// there was one.
    pub fn unblock(&self, unblock: Unblock) -> bool {
        let mut queued = self.queued();
        let Some(blocked) = queued.blocked.iter_mut().find(|blocked| blocked.unblock.is_none()) else { return false };
        blocked.unblock = Some(unblock);
        let waker = blocked.waker.clone();
        drop(queued);
        waker.wake();
        true
    }

    /// Whether a command of the connection is blocked.
    pub fn is_blocked(&self) -> bool {
        self.queued().blocked.iter().any(|blocked| blocked.unblock.is_none())
    }
}

impl fmt::Debug for Unblocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unblocked").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::mailbox;

    fn poll(unblocked: &mut Unblocked) -> Poll<Unblock> {
        Pin::new(unblocked).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn the_first_that_waits_is_unblocked_and_no_other() {
        let (mailbox, _inbox) = mailbox(1);
        let [mut one, mut two] = [1, 2].map(|number| Unblocked::new(Some(mailbox.clone()), number));
        assert!(!mailbox.unblock(Unblock::Error) && !mailbox.is_blocked());
        assert!(poll(&mut one).is_pending() && poll(&mut two).is_pending());
        assert!(mailbox.unblock(Unblock::Timeout));
        assert!(poll(&mut two).is_pending());
        assert_eq!(poll(&mut one), Poll::Ready(Unblock::Timeout));
        assert!(mailbox.unblock(Unblock::Error));
        assert_eq!(poll(&mut two), Poll::Ready(Unblock::Error));
        assert!(!mailbox.is_blocked());
    }

    #[test]
    fn a_command_that_is_dropped_waits_no_more() {
        let (mailbox, _inbox) = mailbox(1);
        let mut one = Unblocked::new(Some(mailbox.clone()), 1);
        assert!(poll(&mut one).is_pending() && mailbox.is_blocked());
        drop(one);
        assert!(!mailbox.is_blocked() && !mailbox.unblock(Unblock::Error));
    }
}
