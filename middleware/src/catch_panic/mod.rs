//! Answers a command that panics with `-ERR internal error`, and logs the panic.
//!
//! Caught are panics in `poll_ready`, in `call`, in a poll of the future, and in its drop. After one in `poll_ready` or
//! `call` the instance is spent, and replaced by a clone of one that was never used. A panic in the drop of a future
//! whose answer is there is logged alone: the answer stands.
//!
//! The transport of `kvstore` catches panics too, so a server needs this layer only for what stands between: a log,
//! metrics or a `from_fn` *outside* of it sees an answer where it would otherwise be unwound, and a limit gets its
//! permit back in order. A stack that is called without a transport (embedded, or in tests) needs it to survive a panic
//! at all. Nothing catches one in a program that is built to abort.
//!
//! Differs from tower-http's `CatchPanic` in that it heals the service: a later command finds a fresh instance.
//!
//! ```
//! use std::{any::Any, convert::Infallible};
//!
//! use kvstore_middleware::{CatchPanicLayer, failure::response_to_panic};
//! use kvstore_protocol::{Command, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! async fn broken(_: Command) -> Result<Response, Infallible> {
//!     panic!("no such bucket")
//! }
//!
//! # tokio_test::block_on(async {
//! let service = CatchPanicLayer::new().layer(service_fn(broken));
//! let answer = service.oneshot(Command::get("key")).await?;
//! assert_eq!(answer.to_string(), "-ERR internal error");
//!
//! let tell = |panic: &(dyn Any + Send)| {
//!     response_to_panic(panic); // Logs it.
//!     Response::error("BUG", "please tell us")
//! };
//! let service = CatchPanicLayer::custom(tell).layer(service_fn(broken));
//! assert_eq!(service.oneshot(Command::get("key")).await?.to_string(), "-BUG please tell us");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: each instance holds a second one in reserve. A command that does not panic pays for nothing but code that is
//! not inlined across the catch: no allocation, no lock.

mod catch;
mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::CatchPanicLayer, service::CatchPanic};
