//! Lets a limited number of commands be under way at once; the others wait for their permit, or are refused with
//! `-OVERLOADED`.
//!
//! Differs from
//! [`tower::limit::ConcurrencyLimit`](https://docs.rs/tower/latest/tower/limit/struct.ConcurrencyLimitLayer.html) in
//! three ways. The layer owns the limit: every service that one layer makes shares it, with all of their clones.
//! `poll_ready` is forwarded and reserves nothing: a command takes its permit at the first poll of its future, and gives
//! it back when that is dropped, or leaves it to the next of its [batch](kvstore_protocol::batch) if nobody waits for it. And
//! a parked command ([`kvstore_protocol::parking`]) holds no permit: it waits for one again, in every mode, before it goes on.
//!
//! What is limited is how many futures are polled. A service that acts in `call` (tower's `Buffer` hands the command to
//! its worker there) is not held back by a limit around it: put the limit inside.
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
//! let mut slow = task::spawn(service.clone().oneshot(Command::get("key")));
//! assert!(slow.poll().is_pending());
//! let refused = service.oneshot(Command::get("key")).await?;
//! assert_eq!(refused.to_string(), "-OVERLOADED too many commands at once");
//!
//! drop(slow);
//! assert_eq!(limit.available(), 1);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: one atomic step to take a permit and one to give it back, for a command alone or all those of a batch. Only a
//! command that has to wait takes a lock. Commands wait in the order in which they came; nobody overtakes.

mod future;
mod layer;
mod permit;
mod permits;
mod service;

pub use self::{future::ResponseFuture, layer::ConcurrencyLimitLayer, service::ConcurrencyLimit};
