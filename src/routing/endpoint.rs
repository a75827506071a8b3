//! [`Endpoint`]: what a route has become once its name and the state are known. The one place where the types of handlers
//! and layers end.

use std::{
    convert::Infallible,
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_middleware::failure;
use kvstore_protocol::{Command, CommandError, Response};
use tower::{BoxError, Service, ServiceExt};

use super::{
    extract::Arguments,
    future::{Boxed, RouteFuture},
};
use crate::catalog::Arity;

/// The name that a route has in its router.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// `config|get`; nothing where any command may come.
    pub(super) text: Arc<str>,
    /// How many words it is.
    pub(super) words: usize,
}

impl Name {
    /// Where any command may come.
    pub(super) fn any() -> Self {
        Self { text: "".into(), words: 1 }
    }

    pub(super) fn wrong_arity(&self, command: &Command) -> CommandError {
        match &*self.text {
            "" => CommandError::wrong_arity(&String::from_utf8_lossy(command.name())),
            name => CommandError::wrong_arity(name),
        }
    }
}

/// How to make an endpoint, once the state and the name are known.
pub(super) trait Recipe<S>: Send + Sync {
    fn bind(&self, state: &Arc<S>, name: &Name) -> Arc<dyn Endpoint>;
}

impl<S, F> Recipe<S> for F
where
    F: Fn(&Arc<S>, &Name) -> Arc<dyn Endpoint> + Send + Sync,
{
    fn bind(&self, state: &Arc<S>, name: &Name) -> Arc<dyn Endpoint> {
        self(state, name)
    }
}

/// Answers commands.
pub(super) trait Endpoint: Send + Sync {
    fn answer(&self, command: Command) -> Answer;

    /// Whether it takes a command of so many words.
    fn admits(&self, words: usize) -> bool;
}

/// What a route comes to.
pub(super) enum Answer {
    Now(Response),
    Later(Boxed<Response>),
}

/// A handler, with what it needs.
pub(super) struct Run<G, S> {
    pub(super) run: Arc<G>,
    pub(super) state: Arc<S>,
    pub(super) name: Name,
    pub(super) arity: Arity,
}

impl<G, S> Endpoint for Run<G, S>
where
    G: Fn(&mut Arguments<'_>, &S) -> Result<Answer, Response> + Send + Sync,
    S: Send + Sync,
{
    fn answer(&self, command: Command) -> Answer {
        // A last argument that is still on its way counts, though it is not there.
        let words = command.len() + usize::from(command.streamed_len().is_some());
        if !self.arity.admits(words) {
            return Answer::Now(self.name.wrong_arity(&command).into());
        }
        let mut arguments = Arguments::new(&command, &self.name);
        (self.run)(&mut arguments, &self.state).unwrap_or_else(Answer::Now)
    }

    fn admits(&self, words: usize) -> bool {
        self.arity.admits(words)
    }
}

/// A service, cloned for each command: the clone is asked for readiness, and called.
struct Called<V> {
    service: V,
    arity: Arity,
}

pub(super) fn called<V>(service: V, arity: Arity) -> Arc<dyn Endpoint>
where
    V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    Arc::new(Called { service, arity })
}

impl<V> Endpoint for Called<V>
where
    V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
{
    fn answer(&self, command: Command) -> Answer {
        let called = self.service.clone().oneshot(command);
        Answer::Later(Box::pin(async { called.await.unwrap_or_else(|error| failure::response_to(error.into())) }))
    }

    fn admits(&self, words: usize) -> bool {
        self.arity.admits(words)
    }
}

/// What is inside of the layers of a route, or of a whole router: the handler as a service. It never fails.
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
