//! Puts every command in a [`tracing`] span, and warns of slow ones.
//!
//! Differs from tower-http's `TraceLayer` in that it knows what a command is, so that there is nothing to plug in. The
//! span is called `command`; what a handler logs is inside it. Its fields:
//!
//! - `name`: the name of the command, in upper case, escaped, cut after 64 bytes
//! - `peer`: the other end of the connection it came from
//! - `args`: its arguments, only where [`LogLayer::log_arguments`] asks for them, and without what
//!   [`Redact`](crate::Redact) hides
//! - `outcome`: `ok`, the code of an error response, `failed` when the service failed, or `dropped` when the future was
//!   dropped before its answer
//! - `duration`: the time from the call to the answer, without the time in which the command was parked
//!   ([`kvstore_protocol::parking`])
//!
//! The last two are there when the command is answered; a subscriber that writes a line when a span closes
//! (`with_span_events(FmtSpan::CLOSE)` in tracing-subscriber) writes one line a command.
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
//! assert_eq!(service.oneshot(Command::get("key")).await, Ok(Response::ok()));
//! # });
//! ```
//!
//! The commands of a connection itself (PING, HELLO, AUTH, CLIENT …) are answered by the transport of `kvstore` in front of
//! every layer, so they are not logged here.
//!
//! Cost: where nobody listens at that level and no threshold is set, a relaxed load or two for each command: no allocation, no look
//! at the clock, no clone of the command. Otherwise one allocation beside what the subscriber does.

mod in_flight;
mod layer;
mod service;

pub use self::{layer::LogLayer, service::Log};

/// The answer of [`Log`].
pub type ResponseFuture<F> = crate::instrumented::ResponseFuture<F, in_flight::LoggedCommand>;
