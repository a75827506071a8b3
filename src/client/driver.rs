//! [`Driver`]: the task behind the handles, which has one connection at a time.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use kvstore_protocol::{ClientCodec, Limits};
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    ConnectionError, Reconnect,
    connect::Connect,
    connection::{Connection, ConnectionEnd, Io},
    handshake::Handshake,
    pushes::{PushHub, Pushed},
    queue::RequestQueue,
    reconnect::Outage,
};

/// The settings of every connection of a client.
#[derive(Clone, Debug)]
pub(super) struct ConnectionSettings {
    pub(super) is_native: bool,
    pub(super) limits: Option<Limits>,
    pub(super) stream_over: Option<usize>,
    pub(super) handshake: Handshake,
    pub(super) connect_timeout: Duration,
}

impl ConnectionSettings {
    /// Makes a connection of a stream, with the handshake.
    ///
    /// # Errors
    /// When the handshake fails.
    pub(super) async fn start(&self, io: Box<dyn Io>, hub: &Arc<PushHub>) -> Result<Connection, ConnectionError> {
        let mut codec = if self.is_native { ClientCodec::native() } else { ClientCodec::resp() };
        if let Some(limits) = self.limits {
            codec.set_limits(limits);
        }
        let mut connection = Connection::new(io, codec, self.stream_over, hub.clone());
        connection.shake_hands(&self.handshake).await?;
        Ok(connection)
    }

    /// Makes a stream and a connection of it, within the timeout.
    ///
    /// # Errors
    /// When that fails, or takes too long.
    pub(super) async fn connect(
        &self,
        connect: &mut Connect,
        hub: &Arc<PushHub>,
    ) -> Result<Connection, ConnectionError> {
        let stream = connect();
        let connection = async { self.start(stream.await?, hub).await };
        timeout(self.connect_timeout, connection).await.unwrap_or(Err(ConnectionError::TimedOut(self.connect_timeout)))
    }
}

pub(super) struct Driver {
    queue: RequestQueue,
    hub: Arc<PushHub>,
    /// `None` for a stream that cannot be made again.
    connector: Option<Connector>,
    /// Whether there is a connection. Dropped after the queue, so that whoever sees it closed finds the queue ended.
    is_connected: watch::Sender<bool>,
}

/// How the next connection is made.
pub(super) struct Connector {
    pub(super) settings: ConnectionSettings,
    pub(super) connect: Connect,
    /// `None` when the first connection is the only one.
    pub(super) policy: Option<Reconnect>,
}

impl Driver {
    pub(super) fn new(
        queue: RequestQueue,
        hub: Arc<PushHub>,
        connector: Option<Connector>,
        is_connected: watch::Sender<bool>,
    ) -> Self {
        Self { queue, hub, connector, is_connected }
    }

    /// Serves the handles, until none is left or there is no further connection.
    pub(super) async fn run(mut self, first: Option<Connection>) {
        let mut connection = first;
        let mut outage = None;
        loop {
            let mut current = match connection.take() {
                Some(connection) => connection,
                None => match self.connect(&mut outage).await {
                    Some(connection) => connection,
                    None => return,
                },
            };
            self.is_connected.send_replace(true);
            let begun = Instant::now();
            let cause = match current.run(&mut self.queue).await {
                ConnectionEnd::Done => return current.shut_down().await,
                ConnectionEnd::Broken(cause) => cause,
            };
            // Before the calls fail: a retry of them must not find this client ready.
            self.is_connected.send_replace(false);
            tracing::warn!(%cause, "the connection to the server broke");
            if current.has_answered() || outage.as_ref().is_some_and(|outage| outage.is_over_after(begun.elapsed())) {
                outage = None;
            }
            current.fail(&cause, &mut self.queue);
            let Some(policy) = self.connector.as_ref().and_then(|connector| connector.policy) else {
                return self.queue.end(&cause);
            };
            match &mut outage {
                Some(outage) => outage.goes_on(cause),
                None => outage = Some(Outage::new(policy, cause)),
            }
        }
    }

    /// Makes a connection, however long it takes; `None` when no handle is left.
    ///
    /// The outage lasts until the connection has worked: a server that accepts connections and closes them counts as down.
    async fn connect(&mut self, outage: &mut Option<Outage>) -> Option<Connection> {
        let Self { queue, hub, connector, .. } = self;
        let Connector { settings, connect, policy } = connector.as_mut()?;
        let is_first = outage.is_none();
        let too_late = ConnectionError::TimedOut(settings.connect_timeout);
        let outage = outage.get_or_insert_with(|| Outage::new(policy.unwrap_or_default(), too_late));
        while !queue.is_done().await {
            let delay = outage.delay();
            let attempt = async {
                sleep(delay).await;
                settings.connect(connect, hub).await
            };
            match tend(queue, outage, attempt).await? {
                Ok(connection) => {
                    if !is_first {
                        tracing::info!("the connection to the server is back");
                        hub.send(Pushed::Reconnected);
                    }
                    return Some(connection);
                }
                Err(cause) => {
                    tracing::debug!(%cause, "no connection to the server");
                    if policy.is_none() {
                        queue.end(&cause);
                        return None;
                    }
                    outage.goes_on(cause);
                }
            }
        }
        None
    }
}

/// Queues requests while `work` goes on, and fails them once calls no longer wait. `None` when no handle is left and no caller
/// waits.
async fn tend<T>(queue: &mut RequestQueue, outage: &mut Outage, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    loop {
        if outage.calls_wait_until.is_none() {
            queue.fail_backlog(&outage.cause);
        }
        let patience = async {
            match outage.calls_wait_until {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        select! {
            biased;
            done = &mut work => return Some(done),
            is_wanted = queue.receive_next() => if !is_wanted { return None },
            () = patience => outage.calls_wait_until = None,
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.hub.end();
    }
}
