//! [`Serving`]: what the task of one connection does, from its first moment to the line in the log about its end.
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

use super::{client_state::ClientObserver, connection::Ending, upgrade::Running};

pin_project! {
    /// A connection on its way: its service is supplied, then it runs, then it may go on in another protocol.
    #[project = ServingProjection]
    #[must_use = "a connection is served when this is polled"]
    pub(super) enum Serving<Begin, Begun, Served> {
        // Beginning -> Connected: `begin` has made a connection, and `run` makes the future that serves it.
        Beginning { #[pin] begin: Begin, run: fn(Begun) -> Served, observer: ClientObserver },
        // Connected -> Upgraded: a handler took it.
        Connected { #[pin] run: Served, observer: ClientObserver },
        Upgraded { run: Running, observer: ClientObserver },
    }
}

impl<Begin, Begun, Served> Serving<Begin, Begun, Served>
where
    Begin: Future<Output = Option<Begun>>,
    Served: Future<Output = Ending>,
{
    /// Waits for `begin`, and serves what it returns with the future that `run` makes of it.
    pub(super) fn new(begin: Begin, run: fn(Begun) -> Served, observer: ClientObserver) -> Self {
        Self::Beginning { begin, run, observer }
    }
}

impl<Begin, Begun, Served> Future for Serving<Begin, Begun, Served>
where
    Begin: Future<Output = Option<Begun>>,
    Served: Future<Output = Ending>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match self.as_mut().project() {
                ServingProjection::Beginning { begin, run, observer } => match ready!(begin.poll(cx)) {
                    Some(begun) => Self::Connected { run: run(begun), observer: observer.clone() },
                    None => {
                        observer.close(&Ending::Finished);
                        return Poll::Ready(());
                    }
                },
                ServingProjection::Connected { run, observer } => {
                    let ending = ready!(run.poll(cx));
                    observer.close(&ending);
                    match ending {
                        Ending::Upgraded(run) => Self::Upgraded { run, observer: observer.clone() },
                        _ => return Poll::Ready(()),
                    }
                }
                ServingProjection::Upgraded { run, observer } => {
                    ready!(run.as_mut().poll(cx));
                    observer.close(&Ending::Finished);
                    return Poll::Ready(());
                }
            };
            self.set(next);
        }
    }
}
