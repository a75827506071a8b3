//! Answers a command with `-OVERLOADED too many commands at once` when the service is not ready for it, instead of
//! waiting until it is.
//!
//! For services that say in `poll_ready` that they are full: tower's `ConcurrencyLimit` and `Buffer`, a client whose
//! pipeline is full. Our own [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer) does not say it there, and needs
//! nothing around it: its [`refuse`](crate::ConcurrencyLimitLayer::refuse) is this.
//!
//! Differs from [`tower::load_shed`](https://docs.rs/tower/latest/tower/load_shed/index.html) in three ways. A command
//! that is shed is answered, and the error type stays. The instance that was not ready is replaced by a clone, so that
//! it stays in no queue: a permit of tower's limit that it was waiting for goes to somebody who still has a command,
//! and is not kept by an idle connection. And tokio's cooperative budget is not mistaken for load: a task that has
//! answered many commands in a row sheds none for that.
//!
//! A clone starts anew. A service that comes closer to ready with each `poll_ready` of one instance, as one that
//! connects there, never gets there in here: put tower's `Buffer` around it first.
//!
//! ```
//! use std::{convert::Infallible, future::pending};
//!
//! use kvstore_middleware::LoadShedLayer;
//! use kvstore_protocol::{Command, Response};
//! use tokio_test::task;
//! use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(LoadShedLayer::new())
//!     .layer(ConcurrencyLimitLayer::new(1))
//!     .service(service_fn(|_: Command| pending::<Result<Response, Infallible>>()));
//!
//! let mut slow = task::spawn(service.clone().oneshot(Command::get("key")));
//! assert!(slow.poll().is_pending());
//! let refused = service.oneshot(Command::get("key")).await?;
//! assert_eq!(refused.to_string(), "-OVERLOADED too many commands at once");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: a flag. Only a command that is shed clones the service and allocates.

mod layer;
mod service;

pub use self::{layer::LoadShedLayer, service::LoadShed};
pub use crate::admission::ResponseFuture;
