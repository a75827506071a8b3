//! [`ConnectionTask`]: the future that a connection is spawned with.
//!
//! A hand-written state machine, to save memory: there is one for each of thousands of connections, most of them idle.
//! Its states share memory, and the largest is the connection itself. An `async fn` would keep its arguments in
//! addition to the values made of them.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{client_state::ClientObserver, connection::ConnectionOutcome, upgrade::UpgradeFuture};

pin_project! {
    /// Makes the service of a connection, then serves it, then runs its upgrade if there is one. Reports its end.
    #[project = ConnectionTaskProjection]
    #[must_use = "a connection is served when this is polled"]
    pub(super) enum ConnectionTask<Start, Started, Served> {
        // Starting -> Serving: `start` has returned a connection, and `run` makes the future that serves it.
        Starting { #[pin] start: Start, run: fn(Started) -> Served, observer: ClientObserver },
        // Serving -> Upgraded: a handler has upgraded the connection.
        Serving { #[pin] run: Served, observer: ClientObserver },
        Upgraded { run: UpgradeFuture, observer: ClientObserver },
    }
}

impl<Start, Started, Served> ConnectionTask<Start, Started, Served>
where
    Start: Future<Output = Option<Started>>,
    Served: Future<Output = ConnectionOutcome>,
{
    /// Waits for `start`, and serves the connection that it returns with the future that `run` makes.
    pub(super) fn new(start: Start, run: fn(Started) -> Served, observer: ClientObserver) -> Self {
        Self::Starting { start, run, observer }
    }
}

impl<Start, Started, Served> Future for ConnectionTask<Start, Started, Served>
where
    Start: Future<Output = Option<Started>>,
    Served: Future<Output = ConnectionOutcome>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match self.as_mut().project() {
                ConnectionTaskProjection::Starting { start, run, observer } => match ready!(start.poll(cx)) {
                    Some(started) => Self::Serving { run: run(started), observer: observer.clone() },
                    None => {
                        observer.close(&ConnectionOutcome::Finished);
                        return Poll::Ready(());
                    }
                },
                ConnectionTaskProjection::Serving { run, observer } => {
                    let outcome = ready!(run.poll(cx));
                    observer.close(&outcome);
                    match outcome {
                        ConnectionOutcome::Upgraded(run) => Self::Upgraded { run, observer: observer.clone() },
                        _ => return Poll::Ready(()),
                    }
                }
                ConnectionTaskProjection::Upgraded { run, observer } => {
                    ready!(run.as_mut().poll(cx));
                    observer.close(&ConnectionOutcome::Finished);
                    return Poll::Ready(());
                }
            };
            self.set(next);
        }
    }
}
