//! [`Registry`]: the connections of a server, and what CLIENT LIST shows about each.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    BufferMemory, CutReason,
    buffer_memory::{BufferCounts, BufferTotal},
    cut::CutMark,
    eviction::Evictions,
    monitors::Monitors,
    pause::Pause,
};
use kvstore_protocol::{Command, Session, mailbox::Order};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// The open connections, by number.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    entries: Mutex<BTreeMap<u64, Arc<ClientEntry>>>,
    last_id: AtomicU64,
    closed: Notify,
    /// The seconds since the server started.
    uptime: AtomicU32,
    pause: Pause,
    monitors: Monitors,
    pub(super) buffers: BufferTotal,
    pub(super) evictions: Evictions,
}

/// The part of a connection that other connections see.
#[derive(Debug)]
pub(crate) struct ClientEntry {
    /// The uptime of the server when the connection was opened, in seconds.
    pub(crate) opened: u32,
    /// The number of the file descriptor, -1 if it is not known.
    pub(crate) descriptor: i32,
    buffers: BufferCounts,
    /// The uptime of the server when bytes were last read or written, in seconds.
    active: AtomicU32,
    /// The uptime of the server plus one when a request was begun and is not complete, or replies could not be written. 0 if
    /// neither.
    incomplete_since: AtomicU32,
    cut: CutMark,
    /// The bytes of its buffers that do not count in the sum any more, since it is evicted.
    uncounted: AtomicUsize,
    /// The first bytes of the name of the last command, with its sub-command for CLIENT. Written for every batch, read
    /// only by CLIENT LIST, which may see a mix of two names.
    command: [AtomicU64; 3],
    session: Mutex<Arc<Session>>,
}

/// In place of bytes that do not count: the connection is closed.
const CLOSED: usize = usize::MAX;

/// The registration of a connection. Dropping it removes the connection from the registry.
#[derive(Debug)]
pub(crate) struct Registration {
    registry: Arc<Registry>,
    id: u64,
    pub(crate) entry: Arc<ClientEntry>,
}

impl Registry {
    /// Returns the ID for a new connection.
    pub(crate) fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Registers the connection of `session`, unless there are `max` already. Exact also for several listeners at once.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: Arc<Session>,
        descriptor: i32,
        max: usize,
    ) -> Option<Registration> {
        let (id, now) = (session.id(), self.uptime());
        let entry = Arc::new(ClientEntry {
            opened: now,
            descriptor,
            buffers: BufferCounts::default(),
            active: AtomicU32::new(now),
            incomplete_since: AtomicU32::new(0),
            cut: CutMark::default(),
            uncounted: AtomicUsize::new(0),
            command: Default::default(),
            session: Mutex::new(session),
        });
        let mut entries = self.lock();
        if entries.len() >= max {
            return None;
        }
        entries.insert(id, entry.clone());
        Some(Registration { registry: self.clone(), id, entry })
    }

    /// The number of connections.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns the connections in the order in which they were opened.
    pub(crate) fn entries(&self) -> Vec<Arc<ClientEntry>> {
        self.lock().values().cloned().collect()
    }

    /// Returns the connection with this ID.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<ClientEntry>> {
        self.lock().get(&id).cloned()
    }

    /// The pause of all connections.
    #[inline]
    pub(super) fn pause(&self) -> &Pause {
        &self.pause
    }

    /// The connections that are shown all commands.
    pub(super) fn monitors(&self) -> &Monitors {
        &self.monitors
    }

    /// Wakes every connection, after a setting has changed.
    pub(crate) fn wake_all(&self) {
        for entry in self.entries() {
            if let Some(mailbox) = entry.session().mailbox() {
                mailbox.nudge();
            }
        }
    }

    /// Sends an order to every connection. Returns their number.
    pub(crate) fn order_all(&self, order: Order) -> usize {
        let entries = self.entries();
        entries.iter().for_each(|entry| entry.order(order));
        entries.len()
    }

    /// Cuts every connection. Returns their number.
    pub(super) fn cut_all(&self, reason: CutReason) -> usize {
        let entries = self.entries();
        entries.iter().for_each(|entry| entry.cut(reason));
        entries.len()
    }

    /// The memory of the buffers of all connections, in bytes.
    pub(crate) fn buffer_memory(&self) -> usize {
        self.buffers.get()
    }

    /// Waits until all connections are closed.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let closed = self.closed.notified();
            if self.len() == 0 {
                return;
            }
            closed.await;
        }
    }

    /// Updates the uptime once a second. Connections read it instead of the clock: reading the clock for every batch
    /// would take about as long as looking up a key.
    pub(crate) async fn count_uptime(&self) -> Infallible {
        let start = Instant::now();
        loop {
            sleep(Duration::from_secs(1)).await;
            self.uptime.store(start.elapsed().as_secs() as u32, Ordering::Relaxed);
        }
    }

    /// The seconds since the server started, as last counted.
    #[inline]
    pub(crate) fn uptime(&self) -> u32 {
        self.uptime.load(Ordering::Relaxed)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<ClientEntry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientEntry {
    /// Returns the memory of the buffers of the connection, as it was counted last.
    pub(crate) fn buffers(&self) -> BufferMemory {
        self.buffers.get()
    }

    /// Records that bytes were read or written at this uptime.
    #[inline]
    pub(crate) fn touch(&self, uptime: u32) {
        self.active.store(uptime, Ordering::Relaxed);
    }

    /// Records the name of the last command. Most names are short and fit one word.
    #[inline]
    pub(crate) fn set_command(&self, command: &Command) {
        let name = command.name();
        let has_sub = name.eq_ignore_ascii_case(b"CLIENT");
        if has_sub || name.len() >= size_of::<u64>() {
            return self.set_long_command(name, command.arg_at(0).filter(|_| has_sub));
        }
        // The zero bytes after the name terminate it, so the other words need not be cleared.
        let word = name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.command[0].store(word.to_le(), Ordering::Relaxed);
    }

    #[inline(never)]
    fn set_long_command(&self, name: &[u8], sub: Option<&[u8]>) {
        let mut text = [0; 24];
        let mut room = &mut text[..];
        // A name that does not fit is truncated.
        let _ = room.write(name);
        if let Some(sub) = sub {
            let _ = room.write(b"|").and_then(|_| room.write(sub));
        }
        for (part, bytes) in self.command.iter().zip(text.as_chunks().0) {
            part.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
    }

    pub(crate) fn set_session(&self, session: Arc<Session>) {
        *self.lock() = session;
    }

    pub(crate) fn session(&self) -> Arc<Session> {
        self.lock().clone()
    }

    /// The least time for which nothing was read or written, at this uptime of the server.
    pub(crate) fn silence(&self, uptime: u32) -> Duration {
        // Uptimes are in whole seconds, and are updated up to one second late.
        Duration::from_secs(uptime.saturating_sub(self.active()).saturating_sub(2).into())
    }

    /// Returns the uptime of the server when bytes were last read or written, in seconds.
    pub(crate) fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Records whether a request was begun and is not complete, or replies could not be written, since this uptime.
    pub(crate) fn set_incomplete_since(&self, uptime: Option<u32>) {
        self.incomplete_since.store(uptime.map_or(0, |uptime| uptime + 1), Ordering::Relaxed);
    }

    /// The uptime of the server since when a request is not complete, or replies are not written.
    pub(crate) fn incomplete_since(&self) -> Option<u32> {
        self.incomplete_since.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Why the connection is cut, if it is.
    pub(super) fn cut_reason(&self) -> Option<CutReason> {
        self.cut.get()
    }

    /// Notes why the connection is to be cut.
    pub(super) fn mark_cut(&self, reason: CutReason) {
        self.cut.set(reason);
    }

    /// Counts its buffers no more. Returns their bytes, 0 if they do not count already, or the connection is closed.
    pub(super) fn uncount(&self) -> usize {
        let bytes = self.buffers().total();
        let uncounted = self.uncounted.compare_exchange(0, bytes, Ordering::Relaxed, Ordering::Relaxed);
        uncounted.map_or(0, |_| bytes)
    }

    /// Counts its buffers again: it is closed, and has given them back. Returns their bytes.
    fn count_again(&self) -> usize {
        self.uncounted.swap(CLOSED, Ordering::Relaxed)
    }

    /// Cuts the connection.
    pub(super) fn cut(&self, reason: CutReason) {
        self.mark_cut(reason);
        self.order(Order::Kill);
    }

    /// Returns the name of the last command, in lower case.
    pub(crate) fn command(&self) -> String {
        let parts = self.command.iter().map(|part| part.load(Ordering::Relaxed).to_ne_bytes());
        let name: Vec<u8> = parts.flatten().take_while(|byte| *byte != 0).collect();
        if name.is_empty() { "NULL".to_owned() } else { name.escape_ascii().to_string().to_lowercase() }
    }

    pub(crate) fn order(&self, order: Order) {
        // The order wakes the connection, so it is sent without holding the lock.
        let session = self.session();
        if let Some(mailbox) = session.mailbox() {
            mailbox.order(order);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Counts the memory of the buffers of the connection, in place of what was counted before.
    pub(super) fn count_buffers(&self, buffers: BufferMemory) {
        let before = self.entry.buffers();
        if buffers != before {
            self.entry.buffers.set(buffers);
            if self.registry.buffers.replace(before, buffers) {
                self.registry.evict_for_memory();
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.count_buffers(BufferMemory::default());
        self.registry.buffers.count_again(self.entry.count_again());
        self.registry.lock().remove(&self.id);
        self.registry.closed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::{Peer, mailbox::mailbox};

    use super::*;

    #[test]
    fn an_entry_shows_the_last_command() {
        let registry = Arc::new(Registry::default());
        let (mailbox, _inbox) = mailbox(1);
        let session = Session::new(registry.next_id(), Peer::Memory, Peer::Memory, mailbox);
        let entry = registry.register(session.into(), -1, 1).expect("there is room").entry.clone();
        assert_eq!(entry.command(), "NULL");
        for (command, shown) in [
            (Command::new("GET").arg("a"), "get"),
            (Command::new("SISMEMBER"), "sismember"),
            (Command::new("EXPIRES"), "expires"),
            (Command::new("BITFIELD"), "bitfield"),
            (Command::new("client").arg("NO-EVICT"), "client|no-evict"),
            (Command::new("CLIENT"), "client"),
            (Command::new("A"), "a"),
            (Command::new("x".repeat(30)), &*"x".repeat(24)),
            (Command::new("SISMEMBER"), "sismember"),
        ] {
            entry.set_command(&command);
            assert_eq!(entry.command(), shown);
        }
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let registry = Arc::new(Registry::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        let (mailbox, _inbox) = mailbox(1);
                        let session = Session::new(registry.next_id(), Peer::Memory, Peer::Memory, mailbox);
                        let place = registry.register(session.into(), -1, 2);
                        assert!(registry.len() <= 2);
                        std::thread::yield_now();
                        drop(place);
                    }
                });
            }
        });
        assert_eq!(registry.len(), 0);
    }
}
