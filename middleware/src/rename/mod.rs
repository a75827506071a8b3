//! Lets commands be known under other names only, as Redis's `rename-command`.
//!
//! A command that comes under the new name reaches the service under the old one. One that comes under the old name is
//! answered like a command that nobody knows, unless [`RenameLayer::alias`] keeps it. A command that is renamed to an
//! empty name has no name left; [`deny`](crate::deny) refuses commands openly.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::RenameLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(RenameLayer::new([("FLUSHALL", "REALLYFLUSH"), ("SHUTDOWN", "")]))
//!     .service(service_fn(async |command: Command| Ok::<_, Infallible>(Response::from(command.name()))));
//! let answer = service.clone().oneshot(Command::new("reallyflush").arg("ASYNC")).await?;
//! assert_eq!(answer, Response::from("FLUSHALL"));
//! let answer = service.oneshot(Command::new("flushall")).await?;
//! assert_eq!(answer, Response::error("ERR", "unknown command 'flushall', with args beginning with: "));
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! # What it cannot do
//! - The commands inside of a script ([`kvstore_protocol::nested`]) can be refused, but not changed. So a script is
//!   refused every name that this layer knows, old or new, where it would mean another command than outside of a
//!   script. A layer that inspects scripts belongs inside of this one when the commands that run them are renamed.
//! - What the transport does by itself stays under the old names: it answers the commands of a connection (AUTH, CLIENT
//!   …) before any layer, and it waits for the answers to commands such as MULTI and SUBSCRIBE by their names. A new
//!   name for one of the latter belongs in its list of barriers.
//! - Texts are not changed: `COMMAND` lists the old names, errors and the logs of layers inside name them.
//!
//! Cost: one look into a table for each command. A command that is renamed allocates its name and the places of its
//! words; the arguments are not copied.

mod layer;
mod names;
mod service;

pub use self::{layer::RenameLayer, service::Rename};
pub use crate::admission::ResponseFuture;
