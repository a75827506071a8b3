//! [`Mount`]: from an accepted connection to the task that serves it.
//!
//! The only place where the types of a service and of a codec come together. Behind the trait a server and its listeners do
//! not know either, so [`Serve`](super::Serve) has no type parameters.

use std::sync::Arc;

use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, Output,
    mailbox::{Inbox, Order},
};
use tokio::{io::AsyncWriteExt, task::coop::unconstrained};
use tower::BoxError;

use super::{
    client_state::ClientState,
    connection::{Connection, ordered},
    connection_task::ConnectionTask,
    io::ServerIo,
    make_service::{BoxMakeService, MakeService},
};

/// Serves connections.
pub(super) trait Mount: Send + Sync {
    /// Serves a connection in a task of its own.
    fn spawn(&self, io: ServerIo, client: ClientState, inbox: Inbox);

    /// The source of services, for connections that speak another protocol.
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
    /// Mounts a protocol of one's own over the same services.
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
        // Without a codec nothing can be said to this client; the next may have more luck.
        let Ok(codec) = failure::catch(&self.codec) else { return };
        let state = client.observer();
        let start = start(io, codec, self.make.clone(), client, inbox);
        // The loop has a budget of its own. Tokio's would make a semaphore in some layer say "not ready" in the middle of
        // a deep pipeline, and a load shedder above it refuse commands on an idle server.
        tokio::spawn(ConnectionTask::new(start, |connection| unconstrained(connection.run()), state));
    }

    fn service(&self) -> BoxMakeService {
        self.make.boxed()
    }
}

/// Gives a connection its service. `None` when there is none, or when the server stops meanwhile.
async fn start<M: MakeService, C: Codec + Send + 'static>(
    io: ServerIo,
    codec: C,
    make: Arc<M>,
    client: ClientState,
    mut inbox: Inbox,
) -> Option<Connection<M, C>> {
    let service = tokio::select! {
        biased;
        service = make.make(client.session()) => service,
        // Nothing was begun that would have to be finished.
        () = ordered(&mut inbox, Order::Stop) => return None,
    };
    match service {
        Ok(service) => Some(Connection::new(io, codec, make, service, client, inbox)),
        Err(error) => {
            Box::pin(refuse(io, codec, error)).await;
            None
        }
    }
}

/// Tells a client why there is no service for it, and closes.
async fn refuse<C: Codec>(mut io: ServerIo, mut codec: C, error: BoxError) {
    let mut output = Output::default();
    codec.encode_push(failure::response_to(error), &mut output);
    // The client may be gone already.
    let _ = io.write_all_buf(&mut output).await;
    let _ = io.shutdown().await;
}
