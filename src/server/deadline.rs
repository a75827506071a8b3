//! [`Deadline`]: one timer for all the rules of a connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is armed late and moved seldom: most connections never have one.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Since when output could not be written.
    stalled: Option<Instant>,
}

impl Deadline {
    /// Waits until `at`. Called again with a later moment, it leaves the timer alone until it fires.
    pub(super) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        loop {
            std::task::ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }

    /// Notes that output was written.
    pub(super) fn progress(&mut self) {
        self.stalled = None;
    }

    /// Notes that output could not be written.
    pub(super) fn stall(&mut self) {
        self.stalled.get_or_insert_with(Instant::now);
    }

    /// Since when output could not be written.
    pub(super) fn stalled(&self) -> Option<Instant> {
        self.stalled
    }
}
