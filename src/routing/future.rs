//! The futures of routes and routers. A route is run at the first poll, not before: a limit around it can still refuse.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use kvstore_protocol::{Command, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::endpoint::{Answer, Endpoint};

pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The answer of a route.
#[must_use = "futures do nothing unless polled"]
pub struct RouteFuture(Stage);

enum Stage {
    Called(Arc<dyn Endpoint>, Command),
    Running(Boxed<Response>),
    Done,
}

impl RouteFuture {
    #[inline]
    pub(super) fn new(endpoint: Arc<dyn Endpoint>, command: Command) -> Self {
        Self(Stage::Called(endpoint, command))
    }
}

impl Future for RouteFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = std::mem::replace(&mut self.0, Stage::Done);
        if let Stage::Called(endpoint, command) = stage {
            match endpoint.answer(command) {
                Answer::Now(response) => return Poll::Ready(Ok(response)),
                Answer::Later(running) => stage = Stage::Running(running),
            }
        }
        match stage {
            Stage::Running(mut running) => {
                let polled = running.as_mut().poll(cx).map(Ok);
                if polled.is_pending() {
                    self.0 = Stage::Running(running);
                }
                polled
            }
            Stage::Called(..) | Stage::Done => panic!("polled after it was answered"),
        }
    }
}

pin_project! {
    /// The answer of a [`Router`](super::Router): that of a route, or of what is behind the router.
    #[must_use = "futures do nothing unless polled"]
    pub struct RouterFuture<F: Service<Command>> {
        #[pin]
        way: Way<F>,
    }
}

pin_project! {
    #[project = WayProjected]
    enum Way<F: Service<Command>> {
        Route { answer: RouteFuture },
        // Until the fallback is ready.
        Asked { fallback: F, command: Option<Command> },
        Called { #[pin] answer: F::Future },
        Boxed { answer: Boxed<Result<Response, F::Error>> },
    }
}

impl<F: Service<Command>> RouterFuture<F> {
    #[inline]
    pub(super) fn route(endpoint: Arc<dyn Endpoint>, command: Command) -> Self {
        Self { way: Way::Route { answer: RouteFuture::new(endpoint, command) } }
    }

    #[inline]
    pub(super) fn fallback(fallback: F, command: Command) -> Self {
        Self { way: Way::Asked { fallback, command: Some(command) } }
    }

    pub(super) fn boxed(answer: Boxed<Result<Response, F::Error>>) -> Self {
        Self { way: Way::Boxed { answer } }
    }
}

impl<F: Service<Command, Response = Response>> Future for RouterFuture<F> {
    type Output = Result<Response, F::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut way = self.project().way;
        if let WayProjected::Asked { fallback, command } = way.as_mut().project() {
            ready!(fallback.poll_ready(cx))?;
            let answer = fallback.call(command.take().expect("a command is called once"));
            way.set(Way::Called { answer });
        }
        match way.project() {
            WayProjected::Route { answer } => Pin::new(answer).poll(cx).map_err(|never| match never {}),
            WayProjected::Called { answer } => answer.poll(cx),
            WayProjected::Boxed { answer } => answer.as_mut().poll(cx),
            WayProjected::Asked { .. } => Poll::Pending,
        }
    }
}

impl fmt::Debug for RouteFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteFuture")
    }
}

impl<F: Service<Command>> fmt::Debug for RouterFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouterFuture")
    }
}
