//! [`MakeService`]: where the service of a connection comes from, and another one in its place.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
};

use kvstore_protocol::{Command, Response, Session};
use tower::{
    BoxError, Service, ServiceExt,
    util::{BoxCloneService, BoxService},
};

/// Makes the services of connections.
pub(super) trait MakeService: Send + Sync + 'static {
    /// The service of one connection.
    type Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static;

    /// Whether [`another`](Self::another) makes one.
    const IS_CLONED: bool;

    /// The service of a new connection.
    fn make(&self, session: &Session) -> impl Future<Output = Result<Self::Service, BoxError>> + Send;

    /// Another service for the same connection.
    fn another(&self) -> Option<Self::Service>;

    /// The same source with its services in boxes: one type, whatever they are.
    fn boxed(&self) -> AnyService;
}

/// Clones one service. Behind a lock, since a service need not be `Sync`.
pub(super) struct Clones<S>(Mutex<S>);

/// Asks a factory for each connection.
pub(super) struct Factory<M>(Mutex<M>);

/// A source of services in boxes.
pub(super) enum AnyService {
    Clones(Clones<BoxCloneService<Command, Response, BoxError>>),
    Factory(Factory<BoxCloneService<Session, BoxService<Command, Response, BoxError>, BoxError>>),
}

impl<S: Clone> Clones<S> {
    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }

    fn fresh(&self) -> S {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> MakeService for Clones<S>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    const IS_CLONED: bool = true;

    async fn make(&self, _: &Session) -> Result<S, BoxError> {
        Ok(self.fresh())
    }

    fn another(&self) -> Option<S> {
        Some(self.fresh())
    }

    fn boxed(&self) -> AnyService {
        AnyService::Clones(Clones::new(BoxCloneService::new(self.fresh().map_err(Into::into))))
    }
}

impl<M: Clone> Factory<M> {
    pub(super) fn new(factory: M) -> Self {
        Self(Mutex::new(factory))
    }

    fn fresh(&self) -> M {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<M, S> MakeService for Factory<M>
where
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    type Service = S;

    const IS_CLONED: bool = false;

    async fn make(&self, session: &Session) -> Result<S, BoxError> {
        self.fresh().oneshot(session.clone()).await.map_err(Into::into)
    }

    fn another(&self) -> Option<S> {
        None
    }

    fn boxed(&self) -> AnyService {
        let boxed = |service: S| BoxService::new(service.map_err(Into::into));
        AnyService::Factory(Factory::new(BoxCloneService::new(self.fresh().map_response(boxed).map_err(Into::into))))
    }
}
