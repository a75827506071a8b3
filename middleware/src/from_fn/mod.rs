//! A layer that is an async function.
//!
//! The function gets the command and [`Next`], the rest of the stack. It may look at the command or change it, refuse
//! it and never run the rest, run the rest and look at the answer, and wait in between: what a layer written by hand
//! does, without `poll_ready`, pins and type parameters.
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
//! let refused = service.clone().oneshot(Command::set("key", "value")).await?;
//! assert_eq!(refused.to_string(), "-READONLY come back later");
//! assert_eq!(service.oneshot(Command::get("key")).await?, Response::ok());
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! The function returns anything that is [`IntoResponse`](kvstore_protocol::IntoResponse), a `Result` among it. It
//! always reads an answer: an error of the inner service is turned into one by
//! [`trouble::answer_to`](crate::trouble::answer_to). The inner service is asked for readiness before the function
//! runs, so that what it reserves there is held while the function waits, and given back when it never runs the rest.
//!
//! A command that parks ([`kvstore_protocol::parking`]) inside of [`Next::run`] is seen parked by the layers around, as
//! long as the function waits for nothing else beside it. The commands inside of a script do not come through here: a
//! function that must not miss them leaves an inspector in the script, see [`kvstore_protocol::nested`].
//!
//! `kvstore::routing::from_fn` is the same with the extractors of handlers in front of the command.
//!
//! Differs from `tower::util::AndThen` and its kin in that it stands around the service, not in front of or behind it.
//! A service runs once for each command: what asks again (a retry) is tower's `retry`, or a layer by hand.
//!
//! Cost: one allocation and one clone of the inner service for each command, since `Next` has no type parameters. A
//! layer by hand has neither.

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
