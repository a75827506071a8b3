use std::future::{Future, IntoFuture};

use kvstore_protocol::{ClientCodec, Command, Response};
use tokio::{
    io::DuplexStream,
    sync::oneshot,
    task::{JoinError, JoinHandle},
};
use tower::{BoxError, Service};

use crate::{
    client::Client,
    server::{PipeConnector, PipeListener, Serve, Stopped, Supply, pipe, serve},
};

/// A server over pipes in memory. It runs as long as the runtime does, or until it is [stopped](Self::stop); connections
/// outlive this handle.
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
    pub fn start<S>(service: S) -> Self
    where
        S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    {
        Self::start_with(|listener| serve(listener, service))
    }

    /// Starts a server with settings of its own: the function makes it of the listener.
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
    pub fn start_with<U: Supply>(build: impl FnOnce(PipeListener) -> Serve<U>) -> Self {
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

    /// A client with a connection of its own. It speaks RESP2, so it gets no [pushes](Client::pushes): one that does is
    /// `Client::builder().resp3().over(server.connector().connect()?)`.
    ///
    /// # Panics
    /// When the server has ended.
    pub fn client(&self) -> Client {
        Client::over(self.stream(), ClientCodec::resp())
    }

    /// The client's end of a new connection, for literal bytes.
    ///
    /// # Panics
    /// When the server has ended.
    pub fn stream(&self) -> DuplexStream {
        self.connector.connect().expect("the server runs")
    }

    /// Where connections are made: for clients that reconnect, and for pipes with less room.
    pub fn connector(&self) -> &PipeConnector {
        &self.connector
    }

    /// Tells the server to shut down in order, at once. The future tells how it ended, and need not be awaited.
    ///
    /// # Errors
    /// When the server panicked.
    pub fn stop(self) -> impl Future<Output = Result<Stopped, JoinError>> + Send {
        // A server that has ended needs no signal.
        let _ = self.stop.send(());
        self.running
    }

    /// Ends the server at once, with all of its connections: what a client sees of a machine that is gone.
    pub fn kill(self) {
        self.running.abort();
    }
}
