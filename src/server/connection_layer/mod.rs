//! [`ConnectionLayer`]: the commands of a connection, as a layer.
//!
//! PING, ECHO, HELLO, AUTH, SELECT, RESET, QUIT and CLIENT are about a connection and not about data. The layer answers them
//! and passes everything else on, the sub-commands of CLIENT that it does not know among it. What they read and change is the
//! session of the command and the server that it came through, so the layer works wherever it stands:
//!
//! - `serve` has it outermost: a server of one's own shakes hands with every Redis client, and says PONG however busy its
//!   service is.
//! - With [`Serve::connection_commands(Inside)`](super::Serve::connection_commands) it stands in the stack, as in
//!   [`standalone`](crate::standalone). Layers outside of it (a log, an audit, a rate limit on AUTH) see these commands too.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use kvstore::{
//!     middleware::DenyLayer,
//!     protocol::Command,
//!     routing::Router,
//!     server::{ConnectionCommands, ConnectionLayer},
//!     testing::Server,
//! };
//! use tower::ServiceBuilder;
//!
//! // A layer in front of the connection layer sees its commands.
//! let stack = ServiceBuilder::new()
//!     .layer(DenyLayer::names(["ECHO"]))
//!     .layer(ConnectionLayer::new())
//!     .service(Router::<()>::new());
//! let server =
//!     Server::start_with(|listener| kvstore::serve(listener, stack).connection_commands(ConnectionCommands::Inside));
//! let client = server.client();
//! assert_eq!(client.ping("hello").await?, "hello");
//! assert!(client.execute(Command::new("ECHO").arg("hello")).await?.is_error());
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod call;
mod client;
mod future;
mod handshake;
mod layer;
mod service;
mod table;

pub use client::{NoEvict, NoTouch};
pub use future::ResponseFuture;
pub use layer::ConnectionLayer;
pub use service::ConnectionService;
pub use table::connection_commands;

pub(super) use call::{Outcome, Pending};
pub(crate) use table::answers;
pub(super) use table::{ConnectionCommand, find};
