//! [`ServerStatus`]: counts and settings of a running server, for services.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kvstore_middleware::CommandStats;
use kvstore_protocol::{Command, Limits};

use super::{
    ClientClass, Clients, CutReason, OutputLimit, Password, Rates, Traffic,
    auth::AnyAuthenticate,
    settings::MinSendRate,
    state::{ListenerAuth, ListenerSettings, ServerState},
};

/// A handle to the server that a command came through. It is an [extension](kvstore_protocol::Session::extensions) of
/// every session. Has the counts for INFO, the settings for CONFIG SET, and the [clients](Self::clients).
#[derive(Clone, Default)]
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

    /// Whether somebody monitors the commands.
    pub(crate) fn is_monitored(&self) -> bool {
        self.state.registry.pause().is_monitored()
    }

    /// Shows monitors a command that a script runs, with the database that is selected.
    pub(crate) fn show_nested(&self, script: &Command, nested: (&Command, usize)) {
        self.state.registry.monitors().show_nested(script, nested, self);
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
        self.state.runtime.max_connections.get()
    }

    /// Sets the maximum number of connections. Open connections stay.
    pub fn set_max_connections(&self, connections: usize) {
        self.state.runtime.max_connections.set(connections);
    }

    /// How many connections there can be, if so many are wanted: fewer where the system does not allow
    /// [as many](super::Serve::admissible_connections).
    pub fn admissible_connections(&self, wanted: usize) -> usize {
        self.state.admissible.as_ref().map_or(wanted, |admissible| admissible(wanted).min(wanted))
    }

    /// The most bytes of requests that a connection reads while its replies are not read.
    pub fn query_buffer(&self) -> usize {
        self.state.runtime.query_buffer.get()
    }

    /// Sets the most bytes of requests that a connection reads while its replies are not read.
    pub fn set_query_buffer(&self, bytes: usize) {
        self.state.runtime.query_buffer.set(bytes);
    }

    /// The number of bytes of unread replies at which the commands of a connection are not called any more.
    pub fn output_buffer(&self) -> usize {
        self.state.runtime.output_buffer.get()
    }

    /// Sets the number of bytes of unread replies at which the commands of a connection are not called any more.
    pub fn set_output_buffer(&self, bytes: usize) {
        self.state.runtime.output_buffer.set(bytes);
    }

    /// For how long a client may leave all its replies unread; `None` for ever.
    pub fn slow_reader_timeout(&self) -> Option<Duration> {
        self.state.runtime.slow_reader_timeout()
    }

    /// Sets for how long a client may leave all its replies unread.
    pub fn set_slow_reader_timeout(&self, timeout: Option<Duration>) {
        self.state.runtime.set_slow_reader_timeout(timeout);
        self.state.registry.wake_all();
    }

    /// The bytes that a client which has begun a request must send in a window; `None` if it may take its time.
    pub fn slow_sender(&self) -> Option<(usize, Duration)> {
        self.state.runtime.slow_sender().map(|MinSendRate { bytes, window }| (bytes, window))
    }

    /// Sets the bytes that a client which has begun a request must send in a window.
    pub fn set_slow_sender(&self, rate: Option<(usize, Duration)>) {
        self.state.runtime.set_slow_sender(rate.map(|(bytes, window)| MinSendRate { bytes, window }));
        self.state.registry.wake_all();
    }

    /// The password of the server, if it has one.
    pub fn password(&self) -> Option<Vec<u8>> {
        self.state.runtime.password().map(|password| password.bytes().to_vec())
    }

    /// Sets the password of the server, as [`Serve::require_password`](super::Serve::require_password), for the clients that
    /// connect from now on: those that are connected stay authenticated. `None` removes it.
    ///
    /// Returns false if the listener of this connection has another authenticator. Then the password is not set.
    #[must_use]
    pub fn set_password(&self, password: Option<&[u8]>) -> bool {
        let takes_password = self.takes_password();
        if takes_password {
            self.state.runtime.set_password(password.map(Password::new));
        }
        takes_password
    }

    /// Whether the clients of this listener authenticate with the password of the server.
    pub(crate) fn takes_password(&self) -> bool {
        !matches!(self.listener.auth, ListenerAuth::Own(_))
    }

    /// What checks the credentials of this client; `None` if it needs none.
    pub(super) fn auth(&self) -> Option<Arc<dyn AnyAuthenticate>> {
        self.state.auth(&self.listener)
    }

    /// Whether clients from other machines are refused while no authentication is required.
    pub fn protected_mode(&self) -> bool {
        self.state.runtime.protected_mode().unwrap_or(self.listener.protected_mode)
    }

    /// Sets whether clients from other machines are refused while no authentication is required: for all listeners.
    pub fn set_protected_mode(&self, is_on: bool) {
        self.state.runtime.set_protected_mode(is_on);
    }

    /// After what idle time the kernel probes a connection; `None` for never.
    pub fn keepalive(&self) -> Option<Duration> {
        self.state.socket_options().keepalive
    }

    /// Sets after what idle time the kernel probes a connection, for those that are accepted from now on. A listener that waits
    /// already accepts one more as before.
    pub fn set_keepalive(&self, silence: Option<Duration>) {
        self.state.runtime.set_keepalive(silence);
    }

    /// The longest argument of a request, in bytes.
    pub fn max_bulk(&self) -> usize {
        self.limits().bulk()
    }

    /// Sets the longest argument of a request, in bytes, at most 1 GiB: for all listeners, also for open connections.
    pub fn set_max_bulk(&self, bytes: usize) {
        self.state.runtime.limits.bulk.set(bytes);
        self.apply_limits();
    }

    /// The most words of a request, its name included.
    pub fn max_args(&self) -> usize {
        self.limits().args()
    }

    /// Sets the most words of a request, its name included: for all listeners, also for open connections.
    pub fn set_max_args(&self, words: usize) {
        self.state.runtime.limits.args.set(words);
        self.apply_limits();
    }

    /// The longest inline command, in bytes.
    pub fn max_inline(&self) -> usize {
        self.limits().inline()
    }

    /// Sets the longest inline command, in bytes: for all listeners, also for open connections.
    pub fn set_max_inline(&self, bytes: usize) {
        self.state.runtime.limits.inline.set(bytes);
        self.apply_limits();
    }

    /// The largest request, in bytes.
    pub fn max_request(&self) -> usize {
        self.limits().request()
    }

    /// Sets the largest request, in bytes, at most 1 GiB: for all listeners, also for open connections.
    pub fn set_max_request(&self, bytes: usize) {
        self.state.runtime.limits.request.set(bytes);
        self.apply_limits();
    }

    /// Each connection applies the limits with its session.
    fn apply_limits(&self) {
        self.clients().list().iter().for_each(|client| client.update(|_| {}));
    }

    /// The limits of the requests of a client that has authenticated.
    pub(super) fn limits(&self) -> Limits {
        self.state.runtime.limits.over(self.listener.limits)
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

    /// Returns the [longest time](super::Serve::grace_period) that a graceful shutdown takes.
    pub fn grace_period(&self) -> Duration {
        self.state.runtime.grace_period()
    }

    /// Sets the [longest time](super::Serve::grace_period) that a graceful shutdown takes.
    pub fn set_grace_period(&self, grace: Duration) {
        self.state.runtime.set_grace_period(grace);
    }

    /// Returns the number of accepted connections since the start or the last reset of the counts, including rejected
    /// ones.
    pub fn total_connections(&self) -> u64 {
        self.state.runtime.connections.load(Ordering::Relaxed)
    }

    /// The counts of commands and errors, if the server has [some](super::Serve::command_stats).
    pub fn command_stats(&self) -> Option<&CommandStats> {
        self.state.stats.as_ref()
    }

    /// What was read from all connections and written to them, since the start or the last reset of the counts.
    pub fn traffic(&self) -> Traffic {
        self.state.runtime.traffic.get()
    }

    /// What the server did within the last second that was measured.
    pub fn rates(&self) -> Rates {
        self.state.runtime.rates.get()
    }

    /// Resets the counts to 0.
    pub fn reset_counts(&self) {
        self.state.runtime.traffic.reset();
        if let Some(stats) = &self.state.stats {
            stats.reset();
        }
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
            0 => self.state.runtime.output_buffer.get(),
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
