//! [`MakeService`]: makes and replaces the services of connections.

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
    /// The service of a connection.
    type Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static;

    /// Whether [`renew`](Self::renew) makes one.
    const IS_CLONED: bool;

    /// Makes the service of a new connection.
    fn make(&self, session: &Session) -> impl Future<Output = Result<Self::Service, BoxError>> + Send;

    /// Makes a replacement for the service of a connection; `None` if the service cannot be replaced.
    fn renew(&self) -> Option<Self::Service>;

    /// Returns the same source with boxed services, which have one type.
    fn boxed(&self) -> BoxMakeService;
}

/// Makes clones of one service. Behind a lock, since a service need not be `Sync`.
pub(super) struct ClonedService<S>(Mutex<S>);

/// Calls a factory for each connection.
pub(super) struct ServiceFactory<M>(Mutex<M>);

/// A source of boxed services.
pub(super) enum BoxMakeService {
    Cloned(ClonedService<BoxCloneService<Command, Response, BoxError>>),
    Factory(ServiceFactory<BoxCloneService<Session, BoxService<Command, Response, BoxError>, BoxError>>),
}

impl<S: Clone> ClonedService<S> {
    pub(super) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }

    fn clone_inner(&self) -> S {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> MakeService for ClonedService<S>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    const IS_CLONED: bool = true;

    async fn make(&self, _: &Session) -> Result<S, BoxError> {
        Ok(self.clone_inner())
    }

    fn renew(&self) -> Option<S> {
        Some(self.clone_inner())
    }

    fn boxed(&self) -> BoxMakeService {
        BoxMakeService::Cloned(ClonedService::new(BoxCloneService::new(self.clone_inner().map_err(Into::into))))
    }
}

impl<M: Clone> ServiceFactory<M> {
    pub(super) fn new(factory: M) -> Self {
        Self(Mutex::new(factory))
    }

    fn clone_inner(&self) -> M {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<M, S> MakeService for ServiceFactory<M>
where
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    type Service = S;

    const IS_CLONED: bool = false;

    async fn make(&self, session: &Session) -> Result<S, BoxError> {
        self.clone_inner().oneshot(session.clone()).await.map_err(Into::into)
    }

    fn renew(&self) -> Option<S> {
        None
    }

    fn boxed(&self) -> BoxMakeService {
        let boxed = |service: S| BoxService::new(service.map_err(Into::into));
        BoxMakeService::Factory(ServiceFactory::new(BoxCloneService::new(
            self.clone_inner().map_response(boxed).map_err(Into::into),
        )))
    }
}
