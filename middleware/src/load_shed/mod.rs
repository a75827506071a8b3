//! Answers a command with `-OVERLOADED too many commands at once` if the service is not ready for it, instead of
//! waiting.
//!
//! For services that are pending in `poll_ready` when they are full: tower's `ConcurrencyLimit` and `Buffer`, or a
//! client whose pipeline is full. Our own [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer) needs no load
//! shedder: use its [`refuse`](crate::ConcurrencyLimitLayer::refuse).
//!
//! Differs from [`tower::load_shed`](https://docs.rs/tower/latest/tower/load_shed/index.html) in three ways:
//!
//! - A command that is shed is answered, and the error type stays.
//! - The instance that was not ready is replaced by a clone, so it leaves every queue that it was in. With tower's, an
//!   idle connection keeps its place in the queue for a permit, and then the permit.
//! - tokio's cooperative budget is not mistaken for load: a task that has answered many commands in a row sheds none
//!   for it.
//!
//! The clone starts anew. A service that makes progress with each `poll_ready` of one instance, such as one that
//! connects there, would never be ready: put tower's `Buffer` around it.
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
//! let mut slow = task::spawn(service.clone().oneshot(Command::new("GET").arg("key")));
//! assert!(slow.poll().is_pending());
//! let refused = service.oneshot(Command::new("GET").arg("key")).await?;
//! assert_eq!(refused.to_string(), "-OVERLOADED too many commands at once");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: one flag. Only a command that is shed allocates and clones the service.

mod layer;
mod service;

pub use self::{layer::LoadShedLayer, service::LoadShed};
pub use crate::admission::ResponseFuture;
