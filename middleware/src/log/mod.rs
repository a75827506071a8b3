//! Puts every command in a [`tracing`] span, and warns of slow ones.
//!
//! Differs from tower-http's `TraceLayer` in that it knows what a command is, so nothing has to be plugged in. The span
//! is called `command`, and what a handler logs is inside of it. Its fields:
//!
//! - `name`: the name of the command, in upper case, escaped, truncated to 64 bytes
//! - `peer`: the remote end of the connection
//! - `args`: the arguments, if [`LogLayer::log_arguments`] is set, without those that [`Redact`](crate::Redact) hides
//! - `outcome`: `ok`, the code of an error response, `failed` if the service returned an error, or `dropped` if the
//!   future was dropped before its answer
//! - `duration`: the time from the call to the answer, without the time in which the command was parked
//!   ([`kvstore_protocol::parking`])
//!
//! The last two are recorded when the command ends. A subscriber that writes a line when a span closes
//! (`with_span_events(FmtSpan::CLOSE)` in tracing-subscriber) writes one line for each command.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use kvstore_middleware::LogLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(LogLayer::new().level(tracing::Level::INFO).slow_threshold(Duration::from_millis(10)))
//!     .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//! assert_eq!(service.oneshot(Command::new("GET").arg("key")).await, Ok(Response::ok()));
//! # });
//! ```
//!
//! `kvstore::serve` answers the commands about the connection (PING, HELLO, AUTH, CLIENT …) in front of the service, so there
//! they are not logged here. A stack with a `ConnectionLayer` of its own shows them to the layers outside of it: see
//! `Serve::connection_commands`.
//!
//! Cost: if the level is disabled and no threshold is set, one or two relaxed loads for each command: no allocation, no
//! reading of the clock, no clone of the command. Otherwise one allocation, and what the subscriber does.

mod in_flight;
mod layer;
mod service;

pub use self::{layer::LogLayer, service::Log};

/// The answer of [`Log`].
pub type ResponseFuture<F> = crate::instrumented::ResponseFuture<F, in_flight::LoggedCommand>;
