//! Refuses commands with `-NOPERM this server does not run the '…' command`: those on a list, all that are not on a
//! list, or those that a function picks.
//!
//! A name on a list is a command (`FLUSHALL`) or a sub-command (`CONFIG SET`), in any case. Commands inside of a script
//! are refused by the same rule ([`kvstore_protocol::nested`]). Commands of a transaction are refused when they are
//! queued. The layer sees the names that commands have where it stands: inside of a [`rename`](crate::rename), the old
//! ones.
//!
//! The same is refused to every user. Differs from tower's `filter`, which fails the call, and does not see the
//! commands of scripts. Differs from hiding a command by [`rename`](crate::rename) in what the client reads: here that
//! the command exists, and is not allowed.
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
//! `kvstore::serve` answers the commands about the connection (PING, HELLO, AUTH, CLIENT …) in front of the service, so there
//! they are not refused here, and need no place on a list of allowed commands. A stack with a `ConnectionLayer` of its own shows them to the layers outside of it: see
//! `Serve::connection_commands`.
//!
//! Cost: one look-up for each command, and a second one if the list names sub-commands of it. A command that passes
//! allocates nothing, unless it is a script.

mod layer;
mod rule;
mod service;

pub use self::{layer::DenyLayer, service::Deny};
pub use crate::admission::ResponseFuture;
