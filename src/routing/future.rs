//! The futures of routes and routers. A handler runs at the first poll, not before: a limit around it can still refuse.

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

use super::endpoint::{Endpoint, EndpointResponse};

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The response future of a [`RouteService`](super::RouteService).
#[must_use = "futures do nothing unless polled"]
pub struct RouteFuture(RouteFutureState);

enum RouteFutureState {
    NotCalled(Arc<dyn Endpoint>, Command),
    Running(BoxFuture<Response>),
    Done,
}

impl RouteFuture {
    #[inline]
    pub(super) fn new(endpoint: Arc<dyn Endpoint>, command: Command) -> Self {
        Self(RouteFutureState::NotCalled(endpoint, command))
    }
}

impl Future for RouteFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = std::mem::replace(&mut self.0, RouteFutureState::Done);
        if let RouteFutureState::NotCalled(endpoint, command) = state {
            match endpoint.call(command) {
                EndpointResponse::Ready(response) => return Poll::Ready(Ok(response)),
                EndpointResponse::Future(running) => state = RouteFutureState::Running(running),
            }
        }
        match state {
            RouteFutureState::Running(mut running) => {
                let polled = running.as_mut().poll(cx).map(Ok);
                if polled.is_pending() {
                    self.0 = RouteFutureState::Running(running);
                }
                polled
            }
            RouteFutureState::NotCalled(..) | RouteFutureState::Done => panic!("`RouteFuture` polled after completion"),
        }
    }
}

pin_project! {
    /// The response future of a [`Router`](super::Router): that of a route, or of the fallback.
    #[must_use = "futures do nothing unless polled"]
    pub struct RouterFuture<F: Service<Command>> {
        #[pin]
        state: RouterFutureState<F>,
    }
}

pin_project! {
    #[project = RouterFutureStateProj]
    enum RouterFutureState<F: Service<Command>> {
        Route { response: RouteFuture },
        FallbackNotReady { fallback: F, command: Option<Command> },
        Fallback { #[pin] response: F::Future },
        Boxed { response: BoxFuture<Result<Response, F::Error>> },
    }
}

impl<F: Service<Command>> RouterFuture<F> {
    #[inline]
    pub(super) fn route(endpoint: Arc<dyn Endpoint>, command: Command) -> Self {
        Self { state: RouterFutureState::Route { response: RouteFuture::new(endpoint, command) } }
    }

    #[inline]
    pub(super) fn fallback(fallback: F, command: Command) -> Self {
        Self { state: RouterFutureState::FallbackNotReady { fallback, command: Some(command) } }
    }

    pub(super) fn boxed(response: BoxFuture<Result<Response, F::Error>>) -> Self {
        Self { state: RouterFutureState::Boxed { response } }
    }
}

impl<F: Service<Command, Response = Response>> Future for RouterFuture<F> {
    type Output = Result<Response, F::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if let RouterFutureStateProj::FallbackNotReady { fallback, command } = state.as_mut().project() {
            ready!(fallback.poll_ready(cx))?;
            let response = fallback.call(command.take().expect("the fallback is called once"));
            state.set(RouterFutureState::Fallback { response });
        }
        match state.project() {
            RouterFutureStateProj::Route { response } => Pin::new(response).poll(cx).map_err(|never| match never {}),
            RouterFutureStateProj::Fallback { response } => response.poll(cx),
            RouterFutureStateProj::Boxed { response } => response.as_mut().poll(cx),
            RouterFutureStateProj::FallbackNotReady { .. } => Poll::Pending,
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
