use std::{
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{
    ResponseFuture,
    in_flight::MeasuredCommand,
    nested::Nested,
    registry::{Registry, Table},
};

/// A service whose commands are counted and measured. Made by [`MetricsLayer`](super::MetricsLayer).
#[derive(Clone, Debug)]
pub struct Metrics<S> {
    inner: S,
    registry: Arc<Registry>,
    /// The version of `table`; 0 before the first command.
    version: usize,
    table: Option<Arc<Table>>,
}

impl<S> Metrics<S> {
    pub(super) const fn new(inner: S, registry: Arc<Registry>) -> Self {
        Self { inner, registry, version: 0, table: None }
    }

    #[inline]
    fn start(&mut self, name: &[u8]) -> MeasuredCommand {
        let version = self.registry.version();
        let newest = self.table.take().filter(|_| version == self.version);
        let table = newest.unwrap_or_else(|| self.registry.table());
        let measured = MeasuredCommand::start(name, &table, &self.registry);
        (self.version, self.table) = (version, Some(table));
        measured
    }
}

impl<S> Service<Command> for Metrics<S>
where
    S: Service<Command, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        let measured = self.start(command.name());
        let command = command.inspected_by(|| Arc::new(Nested(Arc::clone(&self.registry))));
        ResponseFuture::new(self.inner.call(command), measured)
    }
}
