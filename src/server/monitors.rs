//! [`Monitors`]: the connections that are shown the commands of all others, for MONITOR.

mod line;
mod shown;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use kvstore_protocol::{
    Command, Response, SendError, Session,
    mailbox::{Mailbox, Message, Position},
};

use super::{ServerStatus, registry::Registry};

pub(super) use shown::Shown;

/// The connections that are shown all commands.
#[derive(Debug, Default)]
pub(super) struct Monitors(Mutex<Vec<Monitor>>);

#[derive(Debug)]
struct Monitor {
    id: u64,
    mailbox: Mailbox,
    /// The number of its MONITOR command: what is shown goes behind the answer to that.
    number: u64,
}

/// A session extension: the connection is a monitor until it is reset or closed.
#[derive(Clone, Debug)]
pub(super) struct Monitoring(#[expect(dead_code, reason = "its drop ends the monitoring")] Arc<MonitorGuard>);

/// Ends the monitoring of a connection when it is dropped.
#[derive(Debug)]
struct MonitorGuard {
    registry: Weak<Registry>,
    id: u64,
}

impl Monitoring {
    /// Begins to show all commands to the connection of `session`, behind the answer to its command with this number.
    pub(super) fn begin(session: &Session, number: u64, registry: &Arc<Registry>) -> Option<Self> {
        let (id, mailbox) = (session.id(), session.mailbox()?.clone());
        registry.monitors().lock().push(Monitor { id, mailbox, number });
        registry.pause().set_monitored(true);
        Some(Self(Arc::new(MonitorGuard { registry: Arc::downgrade(registry), id })))
    }
}

impl Drop for MonitorGuard {
    fn drop(&mut self) {
        let Some(registry) = self.registry.upgrade() else { return };
        let mut monitors = registry.monitors().lock();
        monitors.retain(|monitor| monitor.id != self.id);
        registry.pause().set_monitored(!monitors.is_empty());
    }
}

impl Monitors {
    /// Shows a command with these words to all monitors: this one, or one that it runs. A monitor that leaves more unread than
    /// the limit of its server is disconnected.
    fn show(&self, command: &Command, words: &str, server: &ServerStatus) {
        self.send(command, line::line(command.session(), words), server);
    }

    /// Shows a command that a script runs, with the database that is selected.
    pub(super) fn show_nested(&self, script: &Command, nested: (&Command, usize), server: &ServerStatus) {
        if let Some(words) = line::words(nested.0) {
            self.send(script, line::nested_line(nested.1, &words), server);
        }
    }

    fn send(&self, command: &Command, line: String, server: &ServerStatus) {
        let line = Response::simple(line);
        let limit = server.message_limit();
        for monitor in &*self.lock() {
            if let Err(SendError::Full(_)) = monitor.show(command, line.clone(), limit) {
                server.cut_overflowing(monitor.id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Monitor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitor {
    fn show(&self, command: &Command, line: Response, limit: usize) -> Result<(), SendError> {
        let is_own = command.session().mailbox() == Some(&self.mailbox);
        // It ends the monitoring.
        if is_own && command.is("RESET") {
            return Ok(());
        }
        let number = if is_own { command.number() } else { self.number };
        self.mailbox.try_send_within(Message::new(number, Position::AfterAnswer, line), limit)
    }
}
