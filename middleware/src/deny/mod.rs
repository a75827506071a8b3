//! Refuses commands with `-NOPERM this server does not run the '…' command`: those of a list, all that are not on a
//! list, or those that a function picks.
//!
//! A name on a list is a command (`FLUSHALL`) or one of its sub-commands (`CONFIG SET`), in any case. The commands
//! inside of a script are held to the same rule ([`kvstore_protocol::nested`]); those of a transaction come one by one
//! when they are queued. Names are those that commands have where the layer stands: inside of a
//! [`rename`](crate::rename), the old.
//!
//! Nobody's rights are asked for: the same is refused to everybody. Its neighbour in tower, `filter`, fails the call,
//! and does not see into scripts. Unlike a command that is hidden by [`rename`](crate::rename), a denied one does
//! exist, and the client is told so.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::DenyLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(DenyLayer::names(["FLUSHALL", "CONFIG SET"]))
//!     .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//!
//! let refused = service.clone().oneshot(Command::new("config").arg("set").arg("save").arg("")).await?;
//! assert_eq!(refused, Response::error("NOPERM", "this server does not run the 'config|set' command"));
//! let answer = service.oneshot(Command::new("CONFIG").arg("GET").arg("save")).await?;
//! assert_eq!(answer, Response::ok());
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! The commands of a connection itself (PING, HELLO, AUTH, CLIENT …) are answered by the transport of `kvstore` in
//! front of every layer, so they are not refused here, and need no place on a list of what is allowed.
//!
//! Cost: one look into a table for each command, a second one where the table names sub-commands of it. No allocation
//! for a command that is let through, unless it is a script.

mod layer;
mod rule;
mod service;

pub use self::{layer::DenyLayer, service::Deny};
pub use crate::admission::ResponseFuture;
