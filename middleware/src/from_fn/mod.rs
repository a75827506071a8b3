//! Makes a layer of an async function.
//!
//! The function gets the command and [`Next`], the rest of the stack. It may inspect or change the command, answer it
//! without running the rest, look at the response, and await in between. A layer written by hand does the same with
//! `poll_ready`, pins and type parameters.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::{Next, from_fn};
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! async fn read_only(command: Command, next: Next) -> Response {
//!     if command.is("SET") {
//!         return Response::error("READONLY", "come back later");
//!     }
//!     next.run(command).await
//! }
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(from_fn(read_only))
//!     .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//! let refused = service.clone().oneshot(Command::new("SET").arg("key").arg("value")).await?;
//! assert_eq!(refused.to_string(), "-READONLY come back later");
//! assert_eq!(service.oneshot(Command::new("GET").arg("key")).await?, Response::ok());
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! The function returns anything that is [`IntoResponse`](kvstore_protocol::IntoResponse), such as a `Result` of a
//! response and a [`CommandError`](kvstore_protocol::CommandError). [`Next::run`] always returns a response: an error
//! of the inner service is made one by [`failure::response_to`](crate::failure::response_to). The inner service is
//! polled ready before the function runs. What it reserved is held while the function awaits, and given back if the
//! function never runs the rest.
//!
//! If a command parks ([`kvstore_protocol::parking`]) inside of [`Next::run`], the layers around see it parked, as long
//! as the function awaits nothing else at the same time. Commands that a script runs do not come through the function:
//! to see those, leave an inspector in the script ([`kvstore_protocol::nested`]).
//!
//! `kvstore::routing::from_fn` is the same with the extractors of handlers in front of the command.
//!
//! Differs from `tower::util::AndThen` and its kin in that it runs around the service, not before or after it. The rest
//! of the stack runs once for each command: to repeat it, use tower's `retry`, or a layer written by hand.
//!
//! Cost: one allocation and one clone of the inner service for each command, since `Next` has no type parameters. A
//! layer written by hand needs neither.

mod future;
mod layer;
mod next;
mod service;

pub use self::{
    future::ResponseFuture,
    layer::{FromFnLayer, from_fn, from_fn_with_state},
    next::Next,
    service::FromFn,
};
