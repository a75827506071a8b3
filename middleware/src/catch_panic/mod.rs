//! Answers a command that panics with `-ERR internal error`, and logs the panic.
//!
//! Panics are caught in `poll_ready`, in `call`, in each poll of the future, and in its drop. After a panic in
//! `poll_ready` or `call`, the instance is spent: it is replaced by a clone of one that was never used. A panic in the
//! drop of a future that has been answered is only logged.
//!
//! The transport of `kvstore` catches panics too. A server needs this layer if layers outside of it have to see an
//! answer: a log, metrics, a `from_fn`. A stack without a transport (embedded, or in tests) needs it to survive a
//! panic. Nothing is caught in a program that is built with `panic = "abort"`.
//!
//! Differs from tower-http's `CatchPanic` in that it replaces the spent instance, so that the next command finds a
//! fresh one.
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
//! let answer = service.oneshot(Command::new("GET").arg("key")).await?;
//! assert_eq!(answer.to_string(), "-ERR internal error");
//!
//! let tell = |panic: &(dyn Any + Send)| {
//!     response_to_panic(panic); // Logs it.
//!     Response::error("BUG", "please tell us")
//! };
//! let service = CatchPanicLayer::custom(tell).layer(service_fn(broken));
//! assert_eq!(service.oneshot(Command::new("GET").arg("key")).await?.to_string(), "-BUG please tell us");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Cost: each instance holds a second one in reserve. A command that does not panic pays for code that is not inlined
//! across the catch. There is no allocation and no lock.

mod catch;
mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::CatchPanicLayer, service::CatchPanic};
