//! [`ServerState`]: the state that all connections of a server share.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
};

use kvstore_middleware::{CommandStats, failure};
use kvstore_protocol::{
    Command, CommandError, Limits, NameMap,
    catalog::{CommandId, Flags, commands},
};

use super::{
    Identity, SocketOptions,
    auth::AnyAuthenticate,
    events::{ConnectionEvent, Observe},
    registry::Registry,
    runtime::RuntimeState,
    settings::ServerSettings,
    turns::Turns,
};

/// The function that is called with each batch of decoded commands.
pub(super) type Prefetch = Arc<dyn Fn(&[Command]) + Send + Sync>;

/// The function that says whether the service is still loading its data.
pub(super) type Loading = Arc<dyn Fn() -> bool + Send + Sync>;

/// The function that says whether a command that runs others only reads.
pub(super) type OnlyReads = Arc<dyn Fn(&Command) -> bool + Send + Sync>;

/// The function that says how many connections there can be, if so many are wanted.
pub(super) type Admissible = Arc<dyn Fn(usize) -> usize + Send + Sync>;

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
    pub(super) turns: Arc<Turns>,
    pub(super) rejecting: AtomicUsize,
    pub(super) prefetch: Option<Prefetch>,
    pub(super) observe: Option<Observe>,
    /// The counts of the commands that its service answers.
    pub(super) stats: Option<CommandStats>,
    /// Whether the service behind it is not ready yet.
    pub(super) loading: Option<Loading>,
    pub(super) only_reads: Option<OnlyReads>,
    pub(super) admissible: Option<Admissible>,
}

impl ServerState {
    /// Calls the observer, if there is one. A panic in it is logged and ignored.
    #[inline]
    pub(super) fn notify(&self, event: ConnectionEvent<'_>) {
        if let Some(observe) = &self.observe {
            let _ = failure::catch(|| observe(event));
        }
    }

    /// The number of commands that were called; 0 if they are not counted.
    pub(super) fn total_commands(&self) -> u64 {
        self.stats.as_ref().map_or(0, CommandStats::total_commands)
    }

    /// Whether a command is allowed now: all are, unless data is being loaded.
    ///
    /// # Errors
    /// `LOADING`, as from the service.
    pub(super) fn check_loading(&self, flags: Flags) -> Result<(), CommandError> {
        let is_loading = self.loading.as_ref().is_some_and(|loading| loading());
        if is_loading && !flags.has(Flags::LOADING) { Err(CommandError::LOADING) } else { Ok(()) }
    }

    /// What checks the credentials of the clients of a listener; `None` if they need none.
    pub(super) fn auth(&self, listener: &ListenerSettings) -> Option<Arc<dyn AnyAuthenticate>> {
        match &listener.auth {
            ListenerAuth::Password => self.runtime.password().map(|password| password as Arc<dyn AnyAuthenticate>),
            ListenerAuth::Disabled => None,
            ListenerAuth::Own(auth) => Some(auth.clone()),
        }
    }

    /// Returns the user of a client before it authenticates.
    pub(super) fn first_user(&self, listener: &ListenerSettings) -> Option<Arc<str>> {
        self.auth(listener).is_none().then(|| Arc::from("default"))
    }

    /// Returns the identity of a client of a listener that is known as these users: that of the first one that there is.
    pub(super) fn identify(&self, listener: &ListenerSettings, users: &[String]) -> Option<Identity> {
        let auth = self.auth(listener)?;
        users.iter().find_map(|user| failure::catch(|| auth.identify(user)).ok()?)
    }

    /// The options of sockets that are accepted.
    pub(super) fn socket_options(&self) -> SocketOptions {
        let options = self.settings.socket;
        options.keepalive(self.runtime.keepalive().unwrap_or(options.keepalive))
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

/// What a command waits for before it is called, and what those behind it wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exclusivity {
    /// Called while others are in flight, up to the limit.
    Shared,
    /// Called alone, but for commands that are settled or answered.
    AmongSettled,
    /// The same for MULTI and WATCH, which are never queued. An error to them does not abort a transaction.
    BeginsTransaction,
    /// The same for EXEC. After an error the transaction is over.
    EndsTransaction,
    /// Called alone: everything before it is answered.
    Alone,
}

/// The exclusive commands: those that change what later commands mean.
pub(super) struct ExclusiveCommands {
    /// Indexed by [`CommandId`].
    known: Box<[Exclusivity; CommandId::LIMIT]>,
    others: NameMap<()>,
}

/// The exclusive commands that change how responses are sent, or whether any are, and so wait for all before them. CLIENT
/// REPLY is one of them, too.
const ALONE: [&str; 4] = ["HELLO", "AUTH", "RESET", "QUIT"];

impl ExclusiveCommands {
    /// Adds a command of the user, which may do anything, such as to upgrade the connection: it is called alone.
    pub(super) fn insert(&mut self, name: &str) {
        match CommandId::of(name.as_bytes()) {
            CommandId::UNKNOWN => drop(self.others.insert(name, ())),
            id => self.known[id.index()] = Exclusivity::Alone,
        }
    }

    #[inline]
    pub(super) fn of(&self, name: &[u8], id: CommandId) -> Exclusivity {
        match id == CommandId::UNKNOWN && self.has_other(name) {
            true => Exclusivity::Alone,
            false => self.known[id.index()],
        }
    }

    fn has_other(&self, name: &[u8]) -> bool {
        !self.others.is_empty() && self.others.get(name).is_some()
    }
}

/// The commands that are exclusive in the catalog.
impl Default for ExclusiveCommands {
    fn default() -> Self {
        let known = Box::new([Exclusivity::Shared; CommandId::LIMIT]);
        let mut exclusive = Self { known, others: NameMap::default() };
        for command in commands().iter().filter(|known| known.flags().has(Flags::EXCLUSIVE)) {
            exclusive.known[CommandId::of(command.name().as_bytes()).index()] = match command.name() {
                "MULTI" | "WATCH" => Exclusivity::BeginsTransaction,
                "EXEC" => Exclusivity::EndsTransaction,
                _ => Exclusivity::AmongSettled,
            };
        }
        ALONE.iter().for_each(|name| exclusive.insert(name));
        exclusive
    }
}

/// The settings of one listener.
pub(super) struct ListenerSettings {
    pub(super) auth: ListenerAuth,
    pub(super) limits: Limits,
    pub(super) protected_mode: bool,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self { auth: ListenerAuth::Password, limits: Limits::default(), protected_mode: true }
    }
}

/// What checks the credentials of the clients of a listener.
#[derive(Clone)]
pub(super) enum ListenerAuth {
    /// The password of the server, if it has one.
    Password,
    Disabled,
    Own(Arc<dyn AnyAuthenticate>),
}
