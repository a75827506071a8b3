//! The future of layers that log or record some of their commands, and pass the others on untouched.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use kvstore_protocol::Response;
use pin_project_lite::pin_project;

use crate::outcome::Outcome;

/// Observes one command up to its answer. Dropped before [`finish`](Self::finish), the command had none.
pub trait Instrument {
    /// Runs a poll of the command.
    fn poll<T>(&mut self, poll: impl FnOnce() -> Poll<T>) -> Poll<T>;

    /// Takes the outcome.
    fn finish(&mut self, outcome: Outcome<'_>);
}

pin_project! {
    /// The answer of the inner service, observed by the layer.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, W> {
        #[pin]
        answer: F,
        // Boxed: few commands are observed in most programs, and all futures are moved.
        instrument: Option<Box<W>>,
    }
}

impl<F, W> ResponseFuture<F, W> {
    #[inline]
    pub(crate) const fn new(answer: F, instrument: Option<Box<W>>) -> Self {
        Self { answer, instrument }
    }
}

impl<F, W, E> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<Response, E>>,
    W: Instrument,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.instrument {
            None => this.answer.poll(cx),
            Some(_) => poll_instrumented(this.answer, this.instrument, cx),
        }
    }
}

/// Not inlined, so that `poll` stays short for commands that are not observed.
#[cold]
#[inline(never)]
fn poll_instrumented<F, W, E>(
    answer: Pin<&mut F>,
    instrument: &mut Option<Box<W>>,
    cx: &mut Context<'_>,
) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
    W: Instrument,
{
    let Some(instrumented) = instrument else { return answer.poll(cx) };
    let result = ready!(instrumented.poll(|| answer.poll(cx)));
    instrumented.finish(Outcome::of(&result));
    *instrument = None;
    Poll::Ready(result)
}
