use std::{
    pin::Pin,
    task::{Context, Poll},
};

use kvstore_protocol::{Response, catalog::CommandId};
use pin_project_lite::pin_project;

use super::{command_stats, timed::TimedCommand};

pin_project! {
    /// The answer of [`Stats`](super::Stats).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        answer: F,
        id: CommandId,
        // The number of the counts: a reference to them would be counted for each command.
        stats: u32,
        // Boxed: few commands are timed, and all futures are moved.
        timed: Option<Box<TimedCommand>>,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(answer: F, id: CommandId, stats: u32, timed: Option<Box<TimedCommand>>) -> Self {
        Self { answer, id, stats, timed }
    }
}

impl<F, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response, E>>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.timed.is_some() {
            return poll_timed(this.answer, this.timed, *this.id, cx);
        }
        let polled = this.answer.poll(cx);
        if let Poll::Ready(Ok(Response::Error(_)) | Err(_)) = &polled {
            note_failure(&polled, *this.id, *this.stats);
        }
        polled
    }
}

#[cold]
#[inline(never)]
fn note_failure<E>(polled: &Poll<Result<Response, E>>, id: CommandId, stats: u32) {
    if let (Poll::Ready(result), Some(stats)) = (polled, command_stats::find(stats)) {
        stats.note_failure(id, result.as_ref().ok());
    }
}

#[cold]
#[inline(never)]
fn poll_timed<F, E>(
    answer: Pin<&mut F>,
    timed: &mut Option<Box<TimedCommand>>,
    id: CommandId,
    cx: &mut Context<'_>,
) -> Poll<F::Output>
where
    F: Future<Output = Result<Response, E>>,
{
    let Some(running) = timed else { return answer.poll(cx) };
    let polled = running.poll(|| answer.poll(cx));
    if let (Poll::Ready(result), Some(ended)) = (&polled, timed.take_if(|_| polled.is_ready())) {
        ended.stats.clone().end(id, *ended, result.as_ref());
    }
    polled
}
