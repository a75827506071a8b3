//! [`Serving`]: what the task of one connection does, from its first moment to the line in the log about its end.
//!
//! A state machine by hand, since there is one for each of thousands of connections that mostly wait: the stages share
//! one place, the largest of them is the connection itself. An `async fn` keeps its arguments beside what it makes of
//! them for as long as it lives.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;

use super::{connection::Ending, registry::Entry, upgrade::Running};

pin_project! {
    /// A connection on its way: its service is supplied, then it runs, then it may go on in another protocol.
    #[project = Stage]
    #[must_use = "a connection is served when this is polled"]
    pub(super) enum Serving<Begin, Begun, Run> {
        // Beginning -> Connected: `begin` has made a connection, and `run` makes the future that serves it.
        Beginning { #[pin] begin: Begin, run: fn(Begun) -> Run, entry: Arc<Entry> },
        // Connected -> Upgraded: a handler took it.
        Connected { #[pin] run: Run, entry: Arc<Entry> },
        Upgraded { run: Running },
    }
}

impl<Begin, Begun, Run> Serving<Begin, Begun, Run>
where
    Begin: Future<Output = Option<Begun>>,
    Run: Future<Output = Ending>,
{
    /// Serves what `begin` comes to, if it is anything, with the future that `run` makes of it.
    pub(super) fn new(begin: Begin, run: fn(Begun) -> Run, entry: Arc<Entry>) -> Self {
        Self::Beginning { begin, run, entry }
    }
}

impl<Begin, Begun, Run> Future for Serving<Begin, Begun, Run>
where
    Begin: Future<Output = Option<Begun>>,
    Run: Future<Output = Ending>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match self.as_mut().project() {
                Stage::Beginning { begin, run, entry } => match ready!(begin.poll(cx)) {
                    Some(begun) => Self::Connected { run: run(begun), entry: entry.clone() },
                    None => return Poll::Ready(()),
                },
                Stage::Connected { run, entry } => {
                    let ending = ready!(run.poll(cx));
                    log(&ending, entry);
                    match ending {
                        Ending::Upgraded(run) => Self::Upgraded { run },
                        _ => return Poll::Ready(()),
                    }
                }
                Stage::Upgraded { run } => return run.as_mut().poll(cx),
            };
            self.set(next);
        }
    }
}

fn log(ending: &Ending, entry: &Entry) {
    let session = entry.session();
    let peer = session.peer();
    match ending {
        Ending::Upgraded(_) => tracing::debug!(%peer, "connection upgraded"),
        Ending::Cut(reason) => tracing::info!(%peer, reason, "connection cut"),
        Ending::Killed => tracing::debug!(%peer, "connection killed"),
        Ending::Lost(error) => tracing::debug!(%peer, %error, "connection lost"),
        Ending::Finished => tracing::trace!(%peer, "connection closed"),
    }
}
