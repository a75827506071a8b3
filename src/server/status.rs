//! [`ServerStatus`]: counts and settings of a running server, for services.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::Limits;
use tokio::sync::Notify;

use super::{
    ClientClass, Clients, CutReason, OutputLimit,
    output_limit::OutputLimits,
    state::{ListenerSettings, ServerState},
};

/// The counts of a server, and the settings that can change while it runs.
#[derive(Debug)]
pub(super) struct RuntimeState {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    /// Connections that were closed because they left too much unread.
    overflows: AtomicU64,
    pub(super) output_limits: OutputLimits,
    /// Told when the server is to stop.
    pub(super) stop: Notify,
    max_connections: AtomicUsize,
    query_buffer: AtomicUsize,
    /// The longest argument, in bytes, for all listeners; 0 if it was not set.
    max_bulk: AtomicUsize,
    /// In milliseconds. 0 if it is disabled.
    idle_timeout: AtomicU64,
}

impl Default for RuntimeState {
    fn default() -> Self {
        Self {
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
            output_limits: OutputLimits::default(),
            stop: Notify::new(),
            max_connections: AtomicUsize::new(10_000),
            query_buffer: AtomicUsize::new(256 << 20),
            max_bulk: AtomicUsize::new(0),
            idle_timeout: AtomicU64::new(0),
        }
    }
}

impl RuntimeState {
    pub(super) fn max_connections(&self) -> usize {
        self.max_connections.load(Ordering::Relaxed)
    }

    pub(super) fn set_max_connections(&self, connections: usize) {
        self.max_connections.store(connections, Ordering::Relaxed);
    }

    pub(super) fn query_buffer(&self) -> usize {
        self.query_buffer.load(Ordering::Relaxed)
    }

    pub(super) fn set_query_buffer(&self, bytes: usize) {
        self.query_buffer.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        match self.idle_timeout.load(Ordering::Relaxed) {
            0 => None,
            milliseconds => Some(Duration::from_millis(milliseconds)),
        }
    }

    pub(super) fn set_idle_timeout(&self, timeout: Option<Duration>) {
        let milliseconds = timeout.map_or(0, |timeout| timeout.as_millis().max(1));
        self.idle_timeout.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A handle to the server that a command came through. It is an [extension](kvstore_protocol::Session::extensions) of
/// every session. Has the counts for INFO, the settings for CONFIG SET, and the [clients](Self::clients).
#[derive(Clone)]
pub struct ServerStatus {
    state: Arc<ServerState>,
    listener: Arc<ListenerSettings>,
}

impl ServerStatus {
    pub(super) fn new(state: Arc<ServerState>, listener: Arc<ListenerSettings>) -> Self {
        Self { state, listener }
    }

    #[inline]
    pub(super) fn state(&self) -> &ServerState {
        &self.state
    }

    pub(super) fn listener(&self) -> &ListenerSettings {
        &self.listener
    }

    /// Returns a handle to the connections of the server.
    pub fn clients(&self) -> Clients {
        Clients::new(self.state.registry.clone())
    }

    /// Stops the server gracefully, as [`Serve::with_graceful_shutdown`](super::Serve::with_graceful_shutdown) does.
    pub fn stop(&self) {
        self.state.runtime.stop.notify_one();
    }

    /// The number of connections.
    pub fn connections(&self) -> usize {
        self.state.registry.len()
    }

    /// The number of connections whose next command is held back by a [pause](Clients::pause).
    pub fn held_connections(&self) -> usize {
        self.state.registry.pause().waiting()
    }

    /// The memory of the buffers of all connections, in bytes: input, commands that are not called, responses that are not
    /// written. Each connection counts its own whenever it waits, which may change them while it does not. [`BufferMemory`]
    /// says what counts.
    ///
    /// [`BufferMemory`]: super::BufferMemory
    pub fn buffer_memory(&self) -> usize {
        self.state.registry.buffer_memory()
    }

    /// The maximum number of connections.
    pub fn max_connections(&self) -> usize {
        self.state.runtime.max_connections()
    }

    /// Sets the maximum number of connections. Open connections stay.
    pub fn set_max_connections(&self, connections: usize) {
        self.state.runtime.set_max_connections(connections);
    }

    /// The most bytes of requests that a connection reads while its replies are not read.
    pub fn query_buffer(&self) -> usize {
        self.state.runtime.query_buffer()
    }

    /// Sets the most bytes of requests that a connection reads while its replies are not read.
    pub fn set_query_buffer(&self, bytes: usize) {
        self.state.runtime.set_query_buffer(bytes);
    }

    /// The longest argument of a request, in bytes.
    pub fn max_bulk(&self) -> usize {
        self.limits().bulk()
    }

    /// Sets the longest argument of a request, in bytes, at most 1 GiB: for all listeners, also for open connections.
    pub fn set_max_bulk(&self, bytes: usize) {
        self.state.runtime.max_bulk.store(bytes, Ordering::Relaxed);
        // Each connection applies the limits with its session.
        self.clients().list().iter().for_each(|client| client.update(|_| {}));
    }

    /// The limits of the requests of a client that has authenticated.
    pub(super) fn limits(&self) -> Limits {
        match self.state.runtime.max_bulk.load(Ordering::Relaxed) {
            0 => self.listener.limits,
            bytes => self.listener.limits.max_bulk(bytes),
        }
    }

    /// The limit on the memory of the buffers of all connections, in bytes; `usize::MAX` is none.
    pub fn max_buffer_memory(&self) -> usize {
        self.state.registry.buffers.limit()
    }

    /// Sets the limit on the memory of the buffers of all connections, in bytes: [`Serve::max_buffer_memory`].
    ///
    /// [`Serve::max_buffer_memory`]: super::Serve::max_buffer_memory
    pub fn set_max_buffer_memory(&self, bytes: usize) {
        self.state.registry.buffers.set_limit(bytes);
    }

    /// Returns the number of connections that were evicted, since the start or the last reset of the counts: for memory, or for
    /// their slot.
    pub fn evicted_connections(&self) -> u64 {
        self.state.registry.evictions.count()
    }

    /// Returns after what time an idle connection is closed; `None` for never.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.state.runtime.idle_timeout()
    }

    /// Sets after what time an idle connection is closed, also for open connections. If no timeout was set before,
    /// their idle time so far is known in whole seconds, and counted up to two seconds short.
    pub fn set_idle_timeout(&self, timeout: Option<Duration>) {
        self.state.runtime.set_idle_timeout(timeout);
        self.state.registry.wake_all();
    }

    /// Returns the number of accepted connections since the start or the last reset of the counts, including rejected
    /// ones.
    pub fn total_connections(&self) -> u64 {
        self.state.runtime.connections.load(Ordering::Relaxed)
    }

    /// Resets the counts to 0.
    pub fn reset_counts(&self) {
        self.state.runtime.connections.store(0, Ordering::Relaxed);
        self.state.runtime.refused.store(0, Ordering::Relaxed);
        self.state.runtime.overflows.store(0, Ordering::Relaxed);
        self.state.registry.evictions.reset();
    }

    /// Returns how much clients of a class may leave unread.
    pub fn output_limit(&self, class: ClientClass) -> OutputLimit {
        self.state.runtime.output_limits.get(class)
    }

    /// Sets how much clients of a class may leave unread, also for open connections.
    pub fn set_output_limit(&self, class: ClientClass, limit: OutputLimit) {
        self.state.runtime.output_limits.set(class, limit);
    }

    /// Returns the number of connections that were closed because they left more unread than the
    /// [limit](Self::output_limit), since the start or the last reset of the counts.
    pub fn output_overflows(&self) -> u64 {
        self.state.runtime.overflows.load(Ordering::Relaxed)
    }

    /// The most bytes of messages that wait for a client without subscriptions. If its class has no limit, it is that of the
    /// output buffer.
    pub(crate) fn message_limit(&self) -> usize {
        match self.output_limit(ClientClass::Normal).hard {
            0 => self.state.settings.output_buffer,
            limit => limit,
        }
    }

    /// Cuts the connection with this ID, which leaves too much unread.
    pub(crate) fn cut_overflowing(&self, id: u64) {
        self.count_overflow();
        if let Some(entry) = self.state.registry.find(id) {
            entry.cut(CutReason::OutputLimit);
        }
    }

    /// Counts a connection that leaves too much unread.
    pub(super) fn count_overflow(&self) {
        self.state.runtime.overflows.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of connections that were rejected because the maximum was reached.
    pub fn refused_connections(&self) -> u64 {
        self.state.runtime.refused.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ServerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerStatus").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
