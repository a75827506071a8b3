//! [`Mount`]: spawns the task of an accepted connection.
//!
//! The trait hides the types of the service and the codec, so [`Serve`](super::Serve) has no type parameters.

use std::{sync::Arc, time::Duration};

use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, Output,
    mailbox::{Inbox, Order},
};
use tokio::task::coop::unconstrained;
use tower::BoxError;

use super::{
    client_state::ClientState,
    connection::{Connection, ordered},
    connection_task::ConnectionTask,
    io::ServerIo,
    make_service::{BoxMakeService, MakeService},
};

/// Serves accepted connections.
pub(super) trait Mount: Send + Sync {
    /// Serves a connection in its own task.
    fn spawn(&self, io: ServerIo, client: ClientState, inbox: Inbox);

    /// Returns the source of services, for a listener with another codec.
    fn service(&self) -> BoxMakeService;
}

/// A source of services, and a codec for each connection.
pub(super) struct Mounted<M, F> {
    make: Arc<M>,
    codec: F,
}

impl<M: MakeService, C, F> Mounted<M, F>
where
    C: Codec + Send + 'static,
    F: Fn() -> C + Send + Sync + 'static,
{
    pub(super) fn new(make: M, codec: F) -> Self {
        Self { make: Arc::new(make), codec }
    }
}

impl BoxMakeService {
    /// Serves the same services with another codec.
    pub(super) fn mount<C, F>(self, codec: F) -> Arc<dyn Mount>
    where
        C: Codec + Send + 'static,
        F: Fn() -> C + Send + Sync + 'static,
    {
        match self {
            Self::Cloned(make) => Arc::new(Mounted::new(make, codec)),
            Self::Factory(make) => Arc::new(Mounted::new(make, codec)),
        }
    }
}

impl<M: MakeService, C, F> Mount for Mounted<M, F>
where
    C: Codec + Send + 'static,
    F: Fn() -> C + Send + Sync + 'static,
{
    fn spawn(&self, io: ServerIo, client: ClientState, inbox: Inbox) {
        // Without a codec no error can be encoded: the connection is dropped. The panic was logged.
        let Ok(codec) = failure::catch(&self.codec) else { return };
        let state = client.observer();
        let start = start(io, codec, self.make.clone(), client, inbox);
        // The connection loop has a budget of its own. Tokio's budget would make a semaphore in a layer report "not
        // ready" in the middle of a deep pipeline, and a load shedder would then refuse commands on an idle server.
        tokio::spawn(ConnectionTask::new(start, |connection| unconstrained(connection.run()), state));
    }

    fn service(&self) -> BoxMakeService {
        self.make.boxed()
    }
}

/// Makes the service of a connection. Returns `None` if that fails, or if the server stops meanwhile.
async fn start<M: MakeService, C: Codec + Send + 'static>(
    io: ServerIo,
    codec: C,
    make: Arc<M>,
    client: ClientState,
    mut inbox: Inbox,
) -> Option<Connection<M, C>> {
    let linger = client.shared().settings.linger;
    let service = tokio::select! {
        biased;
        service = make.make(client.session()) => service,
        // No command was read, so none must be answered.
        () = ordered(&mut inbox, Order::Stop) => return None,
    };
    match service {
        Ok(service) => Some(Connection::new(io, codec, make, service, client, inbox)),
        Err(error) => {
            Box::pin(refuse(io, codec, error, linger)).await;
            None
        }
    }
}

/// Sends the error of the factory to the client and closes the connection.
async fn refuse<C: Codec>(io: ServerIo, mut codec: C, error: BoxError, linger: Duration) {
    let mut output = Output::default();
    codec.encode_push(failure::response_to(error), &mut output);
    io.close_with(output, linger).await;
}
