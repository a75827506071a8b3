//! Limits how many commands are in flight at once. The others wait for a permit, or are refused with `-OVERLOADED`.
//!
//! Differs from
//! [`tower::limit::ConcurrencyLimit`](https://docs.rs/tower/latest/tower/limit/struct.ConcurrencyLimitLayer.html) in
//! three ways:
//!
//! - *The layer owns the limit.* All services that one layer makes share it, and so do their clones: the limit holds
//!   across connections.
//! - *`poll_ready` reserves nothing.* It is forwarded. `call` takes a permit if one is free; otherwise the future waits
//!   for one. The permit is given back when the future is dropped. Within a [batch](kvstore_protocol::batch) it is
//!   handed to the next command of the batch, unless another command waits for it.
//! - *A parked command holds no permit* ([`kvstore_protocol::parking`]). Before it goes on, it waits for a permit
//!   again, also where new commands are refused. A settled command, whose effect is there and whose answer waits, gives
//!   its permit back for good.
//!
//! Commands about the connection (PING, HELLO, AUTH, CLIENT …) need no permit: a full server still says PONG.
//!
//! The inner service is called only with a permit, so the limit also holds for a service that does its work in `call`,
//! such as tower's `Buffer`. A command that has to wait takes the ready instance of the inner service along, and leaves
//! a clone in its place.
//!
//! ```
//! use std::{convert::Infallible, future::pending};
//!
//! use kvstore_middleware::ConcurrencyLimitLayer;
//! use kvstore_protocol::{Command, Response};
//! use tokio_test::task;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let limit = ConcurrencyLimitLayer::new(1).refuse();
//! let service = limit.layer(service_fn(|_: Command| pending::<Result<Response, Infallible>>()));
//!
//! let mut slow = task::spawn(service.clone().oneshot(Command::new("GET").arg("key")));
//! assert!(slow.poll().is_pending());
//! let refused = service.oneshot(Command::new("GET").arg("key")).await?;
//! assert_eq!(refused.to_string(), "-OVERLOADED too many commands at once");
//!
//! drop(slow);
//! assert_eq!(limit.available(), 1);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: one atomic operation to take a permit and one to give it back, for a command alone or for all of a batch. Only
//! a command that has to wait locks, allocates and clones the service. Permits are handed out in the order in which
//! commands began to wait.

mod future;
mod layer;
mod permit;
mod permits;
mod service;

pub use self::{future::ResponseFuture, layer::ConcurrencyLimitLayer, service::ConcurrencyLimit};
