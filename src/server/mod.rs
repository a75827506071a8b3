//! The transport: listeners, connections, and the connection commands.
//!
//! [`serve`] serves any `Service<Command, Response = Response>` on a socket. Each connection is a task that decodes the
//! complete commands in its buffer, [prefetches](Serve::prefetch) for them, calls them one by one through the service,
//! encodes the responses in order and writes them together. The transport does not depend on what the service does.
//!
//! - [`serve`], [`serve_with_factory`]: start a server; [`Serve`]: its settings; [`Stopped`]: how it ended
//! - [`Listener`]: a source of connections: TCP, Unix sockets and [`pipe`]s in memory; [`Accepted`]: one of them;
//!   [`ListenOptions`]: settings of one listener; [`SocketOptions`]: options of TCP sockets
//! - [`Authenticate`]: decides who a client is, from [`Credentials`] to an [`Identity`] or an [`AuthError`]; [`Password`]: one
//!   password for all
//! - [`ConnectionLayer`]: answers PING, HELLO, AUTH, CLIENT and their kin; [`ConnectionCommands`]: where it is
//! - [`Clients`], [`ConnectedClient`]: the connections of a server; [`BufferMemory`]: the memory of the buffers of one;
//!   [`ServerStatus`]: the server, for its services; [`Traffic`] and [`Rates`]: what it reads, writes and answers
//! - [`ConnectionEvent`]: what no layer sees, for [`Serve::observe`]; [`CutReason`]: why the server closes a connection
//! - [`upgrade()`]: takes a connection out of the protocol; [`Upgraded`]: its stream
//!
//! Inside, `running` is the awaited server, `accept` registers its connections, `mount` gives each a service and a codec,
//! `connection_task` is its task, and `connection` the loop in that task: reading, calling, writing. `turns` shares the threads
//! between connections with much to do and the others.
//!
//! # Limits
//! Whatever bounds a client is a setting of [`Serve`], and most can be changed while the server runs ([`ServerStatus`]):
//!
//! - requests: [`limits`](Serve::limits), [`input_buffer`](Serve::input_buffer), [`query_buffer`](Serve::query_buffer) and
//!   [`query_buffer_timeout`](Serve::query_buffer_timeout), [`slow_sender`](Serve::slow_sender)
//! - replies and messages: [`output_buffer`](Serve::output_buffer), [`output_limit`](Serve::output_limit),
//!   [`push_queue`](Serve::push_queue), [`push_buffer`](Serve::push_buffer), [`slow_reader_timeout`](Serve::slow_reader_timeout)
//! - before authentication: [`unauthenticated_limits`](Serve::unauthenticated_limits),
//!   [`unauthenticated_buffer`](Serve::unauthenticated_buffer), [`unauthenticated_sender`](Serve::unauthenticated_sender),
//!   [`unauthenticated_timeout`](Serve::unauthenticated_timeout)
//! - all together: [`max_buffer_memory`](Serve::max_buffer_memory), [`max_connections`](Serve::max_connections),
//!   [`slot_patience`](Serve::slot_patience), [`max_rejecting`](Serve::max_rejecting), [`idle_timeout`](Serve::idle_timeout)
//! - commands: [`max_in_flight`](Serve::max_in_flight), [`max_settled`](Serve::max_settled)
//! - the end: [`grace_period`](Serve::grace_period), [`linger`](Serve::linger)
//!
//! What is left are sizes of reads, writes and turns, which no client notices. A client over a limit reads why, where it can:
//! [`CutReason`].
//!
//! # Long values
//! A shared value ([`Bytes`](bytes::Bytes)) of 8 KiB or more in a response is written from where it lies. With the feature
//! `zero-copy`, on Linux, a value of 32 KiB or more that came in a request of at least 64 KiB, such as the argument of a SET,
//! is sent to a [`TcpStream`](tokio::net::TcpStream) without the kernel's copy as well, once it was read several times. So keep a
//! long argument as it came ([`Command::shared_arg`](kvstore_protocol::Command::shared_arg)), and answer with it as it is. As with
//! any write of several parts, a closed connection may raise `SIGPIPE`, which Rust programs ignore by default.

mod accept;
mod auth;
mod buffer_memory;
mod client_state;
mod clients;
mod connection;
mod connection_layer;
mod connection_task;
mod cut;
mod events;
mod eviction;
mod io;
mod listen_options;
mod listener;
mod make_service;
mod monitors;
mod mount;
mod output_limit;
mod pause;
mod pipe;
mod registry;
mod running;
mod runtime;
mod serve;
mod settings;
mod state;
mod status;
mod traffic;
mod turns;
mod upgrade;

pub use auth::{AuthError, Authenticate, Credentials, Identity, Password};
pub use buffer_memory::BufferMemory;
pub use clients::{Clients, ConnectedClient};
pub(crate) use connection_layer::answers;
pub use connection_layer::{
    ConnectionLayer, ConnectionService, NoEvict, NoTouch, QueuedResponse, ResponseFuture, TrackingStatus,
    connection_commands,
};
pub use cut::CutReason;
pub use events::{CloseReason, ConnectionEvent};
pub use listen_options::ListenOptions;
pub use listener::{Accepted, Listener};
pub(crate) use output_limit::MESSAGE_LIMIT;
pub use output_limit::{ClientClass, OutputLimit};
pub use pause::PauseMode;
pub use pipe::{PipeConnector, PipeListener, pipe};
pub use running::Stopped;
pub use serve::{Serve, serve, serve_with_factory};
pub use settings::{ConnectionCommands, SocketOptions};
pub use status::ServerStatus;
pub use traffic::{Rates, Traffic};
pub use upgrade::{Upgraded, upgrade, upgrade_after};
