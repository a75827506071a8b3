//! Gives commands other names, as `rename-command` in Redis.
//!
//! A command under a new name reaches the service under its old one. A command under an old name is answered as an
//! unknown command, unless [`RenameLayer::alias`] keeps the old names. A command that is renamed to an empty name
//! cannot be called; [`deny`](crate::deny) refuses commands openly.
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
//! # Limits
//! - Commands inside of a script ([`kvstore_protocol::nested`]) can be refused, but not changed. So a script is refused
//!   every old or new name that would mean another command than outside of a script. If commands that run scripts are
//!   renamed, layers that inspect scripts belong inside of this one.
//! - The transport knows commands by the names that clients send: those that it answers before any layer by default (AUTH,
//!   CLIENT …), and exclusive ones such as MULTI and SUBSCRIBE. Add the new name of an exclusive command with
//!   `Serve::exclusive`.
//! - Texts are not changed: `COMMAND`, error texts, and the logs of layers inside show the old names.
//!
//! Cost: one look-up for each command. A renamed command allocates for its name; the arguments are not copied.

mod layer;
mod names;
mod service;

pub use self::{layer::RenameLayer, service::Rename};
pub use crate::admission::ResponseFuture;
