//! The ways to connect a [`ClientBuilder`].

use std::{future::Future, io, sync::Arc};

use kvstore_protocol::{ClientCodec, CommandError};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, watch},
};

use super::ClientBuilder;
#[cfg(feature = "tls")]
use crate::client::connect::over_tls;
use crate::client::{
    Client, ClientError, Endpoint,
    connect::{Connect, boxed, to},
    connection::{Connection, Io},
    driver::{Connector, Driver},
    endpoint::Address,
    pushes::PushHub,
    queue::{Permits, RequestQueue},
    remote::Remote,
};

impl ClientBuilder {
    /// Connects, and connects again when the connection is lost.
    ///
    /// # Errors
    /// [`ClientError::Endpoint`] when the text is no valid endpoint, `ClientError::Tls` when a certificate cannot be read,
    /// [`ClientError::Closed`] with the cause when the first
    /// connection cannot be made.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect<E>(self, endpoint: E) -> Result<Client, ClientError>
    where
        E: TryInto<Endpoint, Error: Into<ClientError>>,
    {
        let (builder, connect) = self.at(endpoint.try_into().map_err(Into::into)?)?;
        builder.start_connected(connect).await
    }

    /// Connects in the background. Calls wait for the first connection as they wait for a new one.
    ///
    /// # Errors
    /// When the text is no valid endpoint, or the settings contradict each other.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect_lazily<E>(self, endpoint: E) -> Result<Client, ClientError>
    where
        E: TryInto<Endpoint, Error: Into<ClientError>>,
    {
        let (builder, connect) = self.at(endpoint.try_into().map_err(Into::into)?)?;
        builder.start_lazily(connect)
    }

    /// Connects over streams that a function makes, one for each connection: pipes in memory, sockets with options of their own.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{client::Client, server, store::Store};
    ///
    /// let (connector, listener) = server::pipe();
    /// tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    ///
    /// let client = Client::builder().connect_with(move || std::future::ready(connector.connect())).await?;
    /// client.set("key", "value").await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClientError::Closed`] with the cause when the first connection cannot be made.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect_with<C, F, S>(self, connect: C) -> Result<Client, ClientError>
    where
        C: FnMut() -> F + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.start_connected(boxed(connect)).await
    }

    /// Like [`connect_with`](Self::connect_with), with the first connection made in the background.
    ///
    /// # Errors
    /// When the settings contradict each other.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect_lazily_with<C, F, S>(self, connect: C) -> Result<Client, ClientError>
    where
        C: FnMut() -> F + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.start_lazily(boxed(connect))
    }

    /// Uses one stream, and does not connect again when it is lost.
    ///
    /// # Errors
    /// [`ClientError::Closed`] with the cause when the handshake fails.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn over(self, io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Client, ClientError> {
        let mut io: Option<Box<dyn Io>> = Some(Box::new(io));
        let once = Box::new(move || {
            let stream = io.take().ok_or(io::Error::from(io::ErrorKind::NotConnected));
            Box::pin(std::future::ready(stream)) as _
        });
        Self { reconnect: None, ..self }.start_connected(once).await
    }

    /// Uses one stream, without a handshake: only the commands of calls are sent.
    pub(in crate::client) fn over_now(
        self,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        codec: ClientCodec,
    ) -> Client {
        let hub = Arc::new(PushHub::new(self.push_queue));
        let connection = Connection::new(Box::new(io), codec, self.settings.stream_over, hub.clone());
        self.start(Some(connection), None, hub)
    }

    /// Takes over the settings of the endpoint.
    fn at(mut self, endpoint: Endpoint) -> Result<(Self, Connect), ClientError> {
        let Endpoint { address, is_tls, is_native, is_resp3, user, password, database, name } = endpoint;
        let handshake = &mut self.settings.handshake;
        if password.is_some() {
            (handshake.user, handshake.password) = (user, password);
        }
        handshake.is_resp3 = is_resp3.unwrap_or(handshake.is_resp3);
        handshake.database = database.unwrap_or(handshake.database);
        handshake.name = name.or(handshake.name.take());
        if let Some(is_native) = is_native {
            handshake.is_resp3 &= !is_native;
            self.settings.is_native = is_native;
        }
        let connect = self.stream_to(address, is_tls)?;
        Ok((self, connect))
    }

    /// A function that connects to the address, over TLS if the endpoint says so, or does not say and there are settings for it.
    #[cfg(feature = "tls")]
    fn stream_to(&self, address: Address, is_tls: Option<bool>) -> Result<Connect, ClientError> {
        match is_tls.unwrap_or(self.tls.is_some()) {
            true => over_tls(address, &self.tls.clone().unwrap_or_default()).map_err(ClientError::Tls),
            false => Ok(to(address)),
        }
    }

    #[cfg(not(feature = "tls"))]
    fn stream_to(&self, address: Address, _: Option<bool>) -> Result<Connect, ClientError> {
        Ok(to(address))
    }

    async fn start_connected(self, mut connect: Connect) -> Result<Client, ClientError> {
        self.check()?;
        let hub = Arc::new(PushHub::new(self.push_queue));
        let first = self.settings.connect(&mut connect, &hub).await.map_err(ClientError::Closed)?;
        Ok(self.start(Some(first), Some(connect), hub))
    }

    fn start_lazily(self, connect: Connect) -> Result<Client, ClientError> {
        self.check()?;
        let hub = Arc::new(PushHub::new(self.push_queue));
        // The first connection is made even if the policy is to make no second one.
        Ok(self.start(None, Some(connect), hub))
    }

    /// Whether the protocol has the commands of the handshake.
    fn check(&self) -> Result<(), ClientError> {
        match self.settings.is_native && !self.settings.handshake.commands().is_empty() {
            true => Err(ClientError::Unsupported(CommandError::err(
                "the native protocol has no users, no databases, and no names of connections",
            ))),
            false => Ok(()),
        }
    }

    fn start(self, first: Option<Connection>, connect: Option<Connect>, hub: Arc<PushHub>) -> Client {
        let permits = Permits::new(self.max_in_flight);
        let (requests, handles) = mpsc::unbounded_channel();
        let (is_connected, connected) = watch::channel(first.is_some());
        let remote = Remote {
            requests,
            permits: permits.clone(),
            max_in_flight: self.max_in_flight as u32,
            hub: hub.clone(),
            connected: self.ready_when_connected.then_some(connected),
            is_native: self.settings.is_native,
            is_resp3: self.settings.handshake.is_resp3 && !self.settings.is_native,
            database: self.settings.handshake.database,
        };
        let connector = connect.map(|connect| Connector { settings: self.settings, connect, policy: self.reconnect });
        tokio::spawn(Driver::new(RequestQueue::new(handles, permits), hub, connector, is_connected).run(first));
        Client::remote(remote, self.deadline)
    }
}
