use std::future::{Future, IntoFuture};

use kvstore_protocol::ClientCodec;
use tokio::{
    io::DuplexStream,
    sync::oneshot,
    task::{JoinError, JoinHandle},
};

use crate::{
    CommandService,
    client::Client,
    server::{PipeConnector, PipeListener, Serve, Stopped, pipe, serve},
};

/// A server over in-memory pipes. It runs until it is [stopped](Self::stop) or the runtime is dropped. Dropping this
/// handle does not stop it.
#[derive(Debug)]
pub struct Server {
    connector: PipeConnector,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Stopped>,
}

impl Server {
    /// Serves a service with the default settings.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(service: impl CommandService) -> Self {
        Self::start_with(|listener| serve(listener, service))
    }

    /// Starts a server with other settings: `build` creates it for the listener.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{server::Password, store::Store, testing::Server};
    ///
    /// let server = Server::start_with(|listener| kvstore::serve(listener, Store::new()).authenticate(Password::new("secret")));
    /// let refused = server.client().get("key").await;
    /// assert_eq!(refused.unwrap_err().to_string(), "NOAUTH Authentication required.");
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_with(build: impl FnOnce(PipeListener) -> Serve) -> Self {
        let (connector, listener) = pipe();
        let (stop, stopped) = oneshot::channel();
        let signal = async {
            if stopped.await.is_err() {
                std::future::pending().await
            }
        };
        let running = tokio::spawn(build(listener).with_graceful_shutdown(signal).into_future());
        Self { connector, stop, running }
    }

    /// Connects a client that speaks RESP2. For [pushes](Client::pushes), connect one that speaks RESP3:
    /// `Client::builder().resp3().over(server.connector().connect()?)`.
    ///
    /// # Panics
    /// When the server has ended.
    pub fn client(&self) -> Client {
        Client::over(self.stream(), ClientCodec::resp())
    }

    /// Opens a connection and returns its client end, for raw bytes.
    ///
    /// # Panics
    /// When the server has ended.
    pub fn stream(&self) -> DuplexStream {
        self.connector.connect().expect("the server runs")
    }

    /// Returns the connector, for clients that reconnect, and for pipes with smaller buffers.
    pub fn connector(&self) -> &PipeConnector {
        &self.connector
    }

    /// Starts a graceful shutdown. The returned future completes when the server has stopped; it need not be awaited.
    ///
    /// # Errors
    /// If the server panicked.
    pub fn stop(self) -> impl Future<Output = Result<Stopped, JoinError>> + Send {
        // Fails only if the server has ended, and dropped the receiver.
        let _ = self.stop.send(());
        self.running
    }

    /// Aborts the server and closes all its connections, like a crash of its machine.
    pub fn kill(self) {
        self.running.abort();
    }
}
