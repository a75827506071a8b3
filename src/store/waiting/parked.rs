//! [`Parked`]: the future of a command that waits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{
    Command, CommandError, Response,
    mailbox::{Unblock, Unblocked},
    parking,
};
use tokio::time::{Sleep, sleep};

use super::{Awaited, Waiter};
use crate::store::state::StoreState;

/// The place of a command in the queues. It leaves them when this is dropped.
#[derive(Debug)]
pub(in super::super) struct Place {
    store: Arc<StoreState>,
    pub(super) waiter: Arc<Waiter>,
}

/// A command that waits until it is served, its time is over, or it is unblocked.
#[derive(Debug)]
pub(in super::super) struct Parked {
    place: Place,
    unblocked: Unblocked,
    /// Boxed, since a timer must not move.
    timeout: Option<Pin<Box<Sleep>>>,
    /// When it is executed again, if time alone may bring what it waits for.
    again: Option<Pin<Box<Sleep>>>,
    /// The answer of a command that shall wait no longer, and is claimed by somebody who may serve it.
    end: Option<Response>,
}

impl Place {
    pub(super) fn new(store: Arc<StoreState>, waiter: Arc<Waiter>) -> Self {
        Self { store, waiter }
    }

    /// The answer when the time is over.
    fn on_timeout(&self) -> Response {
        match self.waiter.wait.what {
            Awaited::Sync { number, .. } => self.store.acknowledged(number),
            _ => self.waiter.wait.on_timeout.clone(),
        }
    }

    /// The command, in a buffer of its own.
    pub(in super::super) fn command(&self) -> &Command {
        &self.waiter.command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiter.turn.abandon();
        self.store.waiting.leave(&self.waiter);
    }
}

impl Parked {
    /// Waits from now on.
    ///
    /// # Panics
    /// Outside of a tokio runtime, if the time is limited.
    pub(in super::super) fn new(place: Place) -> Self {
        let unblocked = place.waiter.command.unblocked();
        let timeout = place.waiter.wait.timeout.map(|timeout| Box::pin(sleep(timeout)));
        let again = place.waiter.wait.again.map(|again| Box::pin(sleep(again.after)));
        Self { place, unblocked, timeout, again, end: None }
    }

    pub(in super::super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        if let Poll::Ready(answer) = self.place.waiter.turn.poll_answer(cx) {
            return Poll::Ready(answer);
        }
        if self.end.is_none() {
            self.poll_again(cx);
            self.end = self.poll_end(cx);
        }
        // If it is being served just now, it is woken when it has its answer, or waits on after all.
        match self.end.take_if(|_| self.place.waiter.turn.leave()) {
            Some(end) => Poll::Ready(end),
            None => {
                parking::mark_parked();
                Poll::Pending
            }
        }
    }

    /// Has it executed again, on another thread, when it is time to.
    fn poll_again(&mut self, cx: &mut Context<'_>) {
        let (Some(timer), Some(again)) = (&mut self.again, self.place.waiter.wait.again) else { return };
        while timer.as_mut().poll(cx).is_ready() {
            let (store, waiter) = (Arc::clone(&self.place.store), Arc::clone(&self.place.waiter));
            self.place.store.run_long(move || store.serve_keys(waiter.keys.iter().cloned()));
            timer.set(sleep(again.every));
        }
    }

    /// The answer if it shall wait no longer.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Option<Response> {
        let is_over = match Pin::new(&mut self.unblocked).poll(cx) {
            Poll::Ready(Unblock::Error) => return Some(CommandError::UNBLOCKED.into()),
            Poll::Ready(Unblock::Timeout) => true,
            Poll::Pending => self.timeout.as_mut().is_some_and(|timeout| timeout.as_mut().poll(cx).is_ready()),
        };
        is_over.then(|| self.place.on_timeout())
    }
}
