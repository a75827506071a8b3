//! The transport: listeners, connections, and the commands of a connection.
//!
//! [`serve`] puts any `Service<Command, Response = Response>` behind a socket. Each connection is a task that decodes the
//! complete commands in its buffer, [prefetches](Serve::prefetch) for them, calls them one by one through the service,
//! encodes the answers in order and writes them together. It knows nothing of what the service does.
//!
//! - `serve` the builder, `running` what it does once it is awaited, `accept` from a listener to the registry, `mount` from there to a task, `serving` that task
//! - [`Listener`] TCP, Unix sockets and [`pipe`]s, each with [`ListenOptions`]; `make_service` where services come from
//! - `connection` the loop: reading, calling, writing
//! - [`ConnectionLayer`] PING, HELLO, AUTH, CLIENT …; [`Authenticate`] who a client is
//! - [`Clients`] the connections that there are; [`ServerStatus`] what a service may know of its server; [`ConnectionEvent`]
//!   what no layer sees
//! - [`upgrade()`] how a connection leaves the protocol
//!
//! # Long values
//! A shared value ([`Bytes`](bytes::Bytes)) of 8 KiB or more in an answer is written from where it lies. With the feature
//! `zero-copy`, on Linux, a value of 32 KiB or more that came in a request of at least 64 KiB, such as the argument of a SET,
//! is not copied by the kernel either once it was read several times: its pages are lent to the socket, where the stream is a
//! [`TcpStream`](tokio::net::TcpStream). So a long argument is best kept as it came
//! ([`Command::shared_arg`](kvstore_protocol::Command::shared_arg)) and answered as it is. As with any write of several parts, a
//! peer that is gone may raise `SIGPIPE`, which Rust programs ignore unless they are told otherwise.

mod accept;
mod auth;
mod client_state;
mod clients;
mod connection;
mod connection_layer;
mod events;
mod io;
mod listen_options;
mod listener;
mod make_service;
mod mount;
mod pause;
mod pipe;
mod registry;
mod running;
mod serve;
mod serving;
mod settings;
mod state;
mod status;
mod upgrade;

pub use auth::{AuthError, Authenticate, Credentials, Identity, Password};
pub use clients::{Clients, ConnectedClient};
pub(crate) use connection_layer::answers;
pub use connection_layer::{ConnectionLayer, ConnectionService, NoEvict, NoTouch, ResponseFuture, connection_commands};
pub use events::{CloseReason, ConnectionEvent};
pub use listen_options::ListenOptions;
pub use listener::{Accepted, Listener};
pub use pause::PauseMode;
pub use pipe::{PipeConnector, PipeListener, pipe};
pub use running::Stopped;
pub use serve::{Serve, serve, serve_with_factory};
pub use settings::{ConnectionCommands, SocketOptions};
pub use status::ServerStatus;
pub use upgrade::{Upgraded, upgrade, upgrade_after};
