//! [`ConnectionTask`]: what the task of one connection does, from its first moment to the line in the log about its end.
//!
//! A state machine by hand, since there is one for each of thousands of connections that mostly wait: the stages share
//! one place, the largest of them is the connection itself. An `async fn` keeps its arguments beside what it makes of
//! them for as long as it lives.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{client_state::ClientObserver, connection::ConnectionOutcome, upgrade::UpgradeFuture};

pin_project! {
    /// A connection on its way: its service is supplied, then it runs, then it may go on in another protocol.
    #[project = ConnectionTaskProjection]
    #[must_use = "a connection is served when this is polled"]
    pub(super) enum ConnectionTask<Start, Started, Served> {
        // Starting -> Serving: `start` has made a connection, and `run` makes the future that serves it.
        Starting { #[pin] start: Start, run: fn(Started) -> Served, observer: ClientObserver },
        // Serving -> Upgraded: a handler took it.
        Serving { #[pin] run: Served, observer: ClientObserver },
        Upgraded { run: UpgradeFuture, observer: ClientObserver },
    }
}

impl<Start, Started, Served> ConnectionTask<Start, Started, Served>
where
    Start: Future<Output = Option<Started>>,
    Served: Future<Output = ConnectionOutcome>,
{
    /// Waits for `start`, and serves what it returns with the future that `run` makes of it.
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
