//! [`Endpoint`]: a route with its name and its state, ready to call. Types of handlers and layers are erased here.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use kvstore_middleware::failure;
use kvstore_protocol::{Command, CommandError, Response, catalog::Flags};
use tower::{BoxError, Service, ServiceExt};

use super::{
    extract::ArgCursor,
    future::{BoxFuture, RouteFuture},
};
use crate::catalog::Arity;

/// The name of a route in its router.
#[derive(Clone, Debug)]
pub(super) struct RouteName {
    /// As error messages have it: `config|get`. Empty for any command.
    pub(super) text: Arc<str>,
    /// 1 for a command, 2 for a sub-command.
    pub(super) words: usize,
}

impl RouteName {
    /// The name of what is called with any command: the fallback, and a layer.
    pub(super) fn any() -> &'static Self {
        static ANY: LazyLock<RouteName> = LazyLock::new(|| RouteName { text: "".into(), words: 1 });
        &ANY
    }

    pub(super) fn wrong_arity(&self, command: &Command) -> CommandError {
        match &*self.text {
            "" => CommandError::wrong_arity(&String::from_utf8_lossy(command.name())),
            name => CommandError::wrong_arity(name),
        }
    }
}

/// Makes the endpoint of a route, once its state and its name are known.
pub(super) trait MakeEndpoint<S>: Send + Sync {
    fn make(&self, state: &Arc<S>, name: &RouteName) -> Arc<dyn Endpoint>;
}

impl<S, F> MakeEndpoint<S> for F
where
    F: Fn(&Arc<S>, &RouteName) -> Arc<dyn Endpoint> + Send + Sync,
{
    fn make(&self, state: &Arc<S>, name: &RouteName) -> Arc<dyn Endpoint> {
        self(state, name)
    }
}

/// Answers commands.
pub(super) trait Endpoint: Send + Sync {
    fn call(&self, command: Command) -> EndpointResponse;

    /// Whether it accepts a command of that many words.
    fn accepts(&self, words: usize) -> bool;
}

/// Refuses a command between MULTI and EXEC: a handler runs at once, and only a service can queue. A handler of MULTI or one
/// of its kin is called.
#[inline]
pub(super) fn refuse_in_transaction(command: &Command) -> Option<EndpointResponse> {
    let is_refused = command.session().is_in_transaction() && !command.flags().has(Flags::TRANSACTION);
    is_refused.then(|| EndpointResponse::Ready(CommandError::NOT_IN_TRANSACTION.into()))
}

/// The response of an endpoint: of a synchronous handler at once, else a future of it.
pub(super) enum EndpointResponse {
    Ready(Response),
    Future(BoxFuture<Response>),
}

/// A handler with its state and its name.
pub(super) struct HandlerEndpoint<H, S> {
    pub(super) handler: Arc<H>,
    pub(super) state: Arc<S>,
    pub(super) name: RouteName,
    pub(super) arity: Arity,
}

impl<H, S> Endpoint for HandlerEndpoint<H, S>
where
    H: Fn(&mut ArgCursor<'_>, &S) -> Result<EndpointResponse, Response> + Send + Sync,
    S: Send + Sync,
{
    fn call(&self, command: Command) -> EndpointResponse {
        if let Some(refusal) = refuse_in_transaction(&command) {
            return refusal;
        }
        // A last argument that is still being received counts, though the command does not hold it.
        let words = command.len() + usize::from(command.streamed_len().is_some());
        if !self.arity.admits(words) {
            return EndpointResponse::Ready(self.name.wrong_arity(&command).into());
        }
        let mut args = ArgCursor::new(&command, &self.name);
        (self.handler)(&mut args, &self.state).unwrap_or_else(EndpointResponse::Ready)
    }

    fn accepts(&self, words: usize) -> bool {
        self.arity.admits(words)
    }
}

/// A service. Each command gets a clone of it, which is polled for readiness and called.
struct ServiceEndpoint<V> {
    service: V,
    arity: Arity,
}

pub(super) fn service_endpoint<V>(service: V, arity: Arity) -> Arc<dyn Endpoint>
where
    V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    Arc::new(ServiceEndpoint { service, arity })
}

impl<V> Endpoint for ServiceEndpoint<V>
where
    V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    fn call(&self, command: Command) -> EndpointResponse {
        let response = self.service.clone().oneshot(command);
        EndpointResponse::Future(Box::pin(async {
            response.await.unwrap_or_else(|error| failure::response_to(error.into()))
        }))
    }

    fn accepts(&self, words: usize) -> bool {
        self.arity.admits(words)
    }
}

/// A route as a service: what a layer of a [`Route`](super::Route) or of a [`Router`](super::Router) wraps. It is always
/// ready and never fails.
///
/// A layer for routes implements `Layer<RouteService>`, or `Layer<S>` for every `S` as most do.
#[derive(Clone)]
pub struct RouteService(pub(super) Arc<dyn Endpoint>);

impl Service<Command> for RouteService {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> RouteFuture {
        RouteFuture::new(self.0.clone(), command)
    }
}

impl fmt::Debug for RouteService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RouteService")
    }
}
