//! [`ServerState`]: the state that all connections of a server share.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};

use kvstore_middleware::failure;
use kvstore_protocol::{
    Command, Limits, NameMap,
    catalog::{CommandId, Flags, commands},
};

use super::{
    auth::AnyAuthenticate,
    events::{ConnectionEvent, Observe},
    registry::Registry,
    settings::ServerSettings,
    status::RuntimeState,
};

/// The function that is called with each batch of decoded commands.
pub(super) type Prefetch = Arc<dyn Fn(&[Command]) + Send + Sync>;

/// The state that all connections of a server share.
#[derive(Default)]
pub(super) struct ServerState {
    pub(super) settings: ServerSettings,
    pub(super) exclusive: ExclusiveCommands,
    /// The commands that clients may send before they authenticate, in addition to those of the catalog.
    pub(super) no_auth: NameMap<()>,
    /// By command name: the size in bytes above which the last argument is streamed.
    pub(super) streams: NameMap<usize>,
    pub(super) registry: Arc<Registry>,
    pub(super) runtime: RuntimeState,
    pub(super) rejecting: AtomicUsize,
    pub(super) prefetch: Option<Prefetch>,
    pub(super) observe: Option<Observe>,
}

impl ServerState {
    /// Calls the observer, if there is one. A panic in it is logged and ignored.
    #[inline]
    pub(super) fn notify(&self, event: ConnectionEvent<'_>) {
        if let Some(observe) = &self.observe {
            let _ = failure::catch(|| observe(event));
        }
    }

    /// Whether a client that has not authenticated may send this command.
    pub(super) fn allows_unauthenticated(&self, command: &Command) -> bool {
        command.flags().has(Flags::NO_AUTH) || self.no_auth.get(command.name()).is_some()
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerState").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The exclusive commands: called alone, after all earlier commands are answered.
pub(super) struct ExclusiveCommands {
    /// Indexed by [`CommandId`].
    known: Box<[bool; CommandId::LIMIT]>,
    others: NameMap<()>,
}

impl ExclusiveCommands {
    /// Adds a command.
    pub(super) fn insert(&mut self, name: &str) {
        match CommandId::of(name.as_bytes()) {
            CommandId::UNKNOWN => drop(self.others.insert(name, ())),
            id => self.known[id.index()] = true,
        }
    }

    #[inline]
    pub(super) fn has(&self, name: &[u8], id: CommandId) -> bool {
        self.known[id.index()] || id == CommandId::UNKNOWN && self.has_other(name)
    }

    fn has_other(&self, name: &[u8]) -> bool {
        !self.others.is_empty() && self.others.get(name).is_some()
    }
}

/// The commands that are exclusive in the catalog.
impl Default for ExclusiveCommands {
    fn default() -> Self {
        let mut exclusive = Self { known: Box::new([false; CommandId::LIMIT]), others: NameMap::default() };
        let known = commands().iter().filter(|known| known.flags().has(Flags::EXCLUSIVE));
        known.for_each(|known| exclusive.insert(known.name()));
        exclusive
    }
}

/// The settings of one listener.
pub(super) struct ListenerSettings {
    pub(super) auth: Option<Arc<dyn AnyAuthenticate>>,
    pub(super) limits: Limits,
    pub(super) protected_mode: bool,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self { auth: None, limits: Limits::default(), protected_mode: true }
    }
}

impl ListenerSettings {
    /// Returns the user of a client before it authenticates.
    pub(super) fn first_user(&self) -> Option<Arc<str>> {
        self.auth.is_none().then(|| Arc::from("default"))
    }
}
