//! The transport: listeners, connections, and what is about a connection and not about data.
//!
//! [`serve`] puts any `Service<Command, Response = Response>` behind a socket. Each connection is a task that decodes the
//! complete commands in its buffer, shows them to a [hint](Serve::hint), calls them one by one through the service,
//! encodes the answers in order and writes them together. It knows nothing of what the service does.
//!
//! A shared value ([`Bytes`](bytes::Bytes)) of 8 KiB or more in an answer is written from where it lies. On Linux one of
//! 32 KiB or more that came in a request of at least 64 KiB, such as the argument of a SET, is mostly not copied by the
//! kernel either once it is asked for again and again: its pages are lent, where the stream is a
//! [`TcpStream`](tokio::net::TcpStream) itself. So what comes as a long argument is best kept as it is
//! ([`Command::shared_arg`]) and answered as it is. As with any write of several parts, a peer that is gone may raise
//! `SIGPIPE`, which Rust programs ignore unless they say otherwise.
//!
//! - `serve` the builder, `accept` from a listener to a task, `serving` that task, [`Listener`] TCP, Unix sockets and
//!   [`pipe`]s
//! - `connection` the loop and its parts
//! - `commands` PING, HELLO, AUTH, CLIENT …; `registry` the connections that there are; [`Authenticate`] who a client is
//! - `supply` where services come from; [`upgrade()`] how a connection leaves the protocol

mod accept;
mod auth;
mod commands;
mod connection;
mod listener;
mod registry;
mod serve;
mod serving;
mod settings;
mod status;
mod supply;
mod upgrade;

use std::{fmt, sync::Arc};

use kvstore_protocol::{Command, NameMap, Response};

pub use auth::{Authenticate, Credentials, Password};
pub use commands::{NoEvict, NoTouch, connection_commands};
pub use listener::{Listener, PipeConnector, PipeListener, pipe};
pub use serve::{Serve, Stopped, serve, serve_with_factory};
pub use settings::SocketOptions;
pub use status::ServerStatus;
pub use supply::{Cloned, Made, Supply};
pub use upgrade::{Upgraded, upgrade, upgrade_after};

/// What is shown each batch of commands.
type Hint = Arc<dyn Fn(&[Command]) + Send + Sync>;

/// What is shown each command that the transport answers itself.
type Observe = Arc<dyn Fn(&Command, &Response) + Send + Sync>;

/// What all connections of a server share.
struct Shared {
    settings: settings::Settings,
    /// The names of commands that are not ordinary.
    names: NameMap<commands::Class>,
    /// Over how many bytes the last argument of a command is streamed.
    streams: NameMap<usize>,
    registry: Arc<registry::Registry>,
    live: Arc<status::Live>,
    turned_away: std::sync::atomic::AtomicUsize,
    auth: Option<Arc<dyn Authenticate>>,
    hint: Option<Hint>,
    observe: Option<Observe>,
    /// What HELLO calls the server, and its version.
    identity: (String, String),
}

impl Shared {
    /// Who a client is before it says so.
    fn first_user(&self) -> Option<Arc<str>> {
        self.auth.is_none().then(|| Arc::from("default"))
    }

    /// Whether the transport answers this command itself.
    fn is_own(&self, name: &[u8]) -> bool {
        matches!(self.names.get(name), Some(commands::Class::Connection(_)))
    }

    fn status(&self) -> ServerStatus {
        ServerStatus::new(self.registry.clone(), self.live.clone())
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            settings: settings::Settings::default(),
            names: NameMap::default(),
            streams: NameMap::default(),
            registry: Arc::default(),
            live: Arc::default(),
            turned_away: Default::default(),
            auth: None,
            hint: None,
            observe: None,
            identity: ("redis".to_owned(), "7.2.0".to_owned()),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}
