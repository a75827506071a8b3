//! [`Supply`]: where a connection's service comes from, and where a fresh one comes from when the first is spent.

use std::{
    fmt,
    future::Future,
    sync::{Mutex, PoisonError},
};

use kvstore_protocol::{Command, Response, Session};
use tower::{BoxError, Service, ServiceExt};

/// A source of services, one for each connection: [`Cloned`] or [`Made`]. Sealed; a factory of one's own goes through
/// [`Serve::with_factory`](super::Serve::with_factory).
pub trait Supply: Sealed + Send + Sync + 'static {
    /// The service of one connection.
    type Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static;

    /// Whether a spent service is replaced by another.
    const RENEWS: bool;

    /// The service of a new connection.
    fn supply(&self, session: &Session) -> impl Future<Output = Result<Self::Service, BoxError>> + Send;

    /// Another service in place of a spent one; `None` when it is not replaced.
    fn renew(&self) -> Option<Self::Service>;
}

/// Clones one service. Behind a lock, since a service need not be `Sync`; it is taken once a connection.
pub struct Cloned<S>(Mutex<S>);

impl<S: Clone> Cloned<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(Mutex::new(service))
    }

    fn fresh(&self) -> S {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Supply for Cloned<S>
where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    type Service = S;

    const RENEWS: bool = true;

    async fn supply(&self, _: &Session) -> Result<S, BoxError> {
        Ok(self.fresh())
    }

    fn renew(&self) -> Option<S> {
        Some(self.fresh())
    }
}

/// Asks a factory, with the session of the connection.
pub struct Made<M>(Mutex<M>);

impl<M> Made<M> {
    pub(crate) fn new(factory: M) -> Self {
        Self(Mutex::new(factory))
    }
}

impl<M, S> Supply for Made<M>
where
    M: Service<Session, Response = S, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    type Service = S;

    const RENEWS: bool = false;

    async fn supply(&self, session: &Session) -> Result<S, BoxError> {
        let factory = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        factory.oneshot(session.clone()).await.map_err(Into::into)
    }

    fn renew(&self) -> Option<S> {
        None
    }
}

/// Keeps [`Supply`] to this module.
pub trait Sealed {}
impl<S> Sealed for Cloned<S> {}
impl<M> Sealed for Made<M> {}

impl<S> fmt::Debug for Cloned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cloned")
    }
}

impl<M> fmt::Debug for Made<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}
