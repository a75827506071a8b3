//! Answers errors with a function of your own, as axum's `HandleErrorLayer`.
//!
//! Layers of other crates return an error where the layers here answer with an error response. Without this layer the
//! transport of `kvstore` makes it a response by [`failure::response_to`](crate::failure::response_to), which knows
//! tower's timeout and load shedder; any other error is `-ERR internal error`. With this layer the function decides,
//! for all errors of the layers and the service inside. The error type becomes
//! [`Infallible`](std::convert::Infallible).
//!
//! The function gets a [`BoxError`](tower::BoxError), and tells errors apart by `error.is::<T>()` and
//! `error.downcast_ref::<T>()`. These are the errors of tower's layers:
//!
//! | layer | error |
//! |---|---|
//! | `timeout` | `tower::timeout::error::Elapsed` |
//! | `load_shed` | `tower::load_shed::error::Overloaded` |
//! | `filter`, `filter_async` | the error of the predicate |
//! | `buffer` | `tower::buffer::error::Closed` if its task is gone, `ServiceError` if the service inside of it failed |
//! | `retry` | the error of the last try |
//! | `balance` | `tower::balance::error::Discover`, or the error of the service that was chosen |
//!
//! `limit::ConcurrencyLimit` and `limit::RateLimit` have no errors: they wait. Put tower's `load_shed` around them to
//! have `Overloaded` instead. A layer may wrap the error of another, as `ServiceError` does: look at
//! [`source`](std::error::Error::source) as well, or pass what you do not know to `failure::response_to`, which does
//! so.
//!
//! An instance that fails in `poll_ready` is replaced by a fresh clone, and the next command is answered with its
//! error. The function is not told which command failed; a [`from_fn`](crate::from_fn()) layer sees the command and its
//! response. Panics are no errors: see [`catch_panic`](crate::catch_panic).
//!
//! ```
//! use std::time::Duration;
//!
//! use kvstore_middleware::{HandleErrorLayer, failure};
//! use kvstore_protocol::{Command, Response};
//! use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn, timeout::{TimeoutLayer, error::Elapsed}};
//!
//! async fn handle(error: BoxError) -> Response {
//!     if error.is::<Elapsed>() {
//!         return Response::error("TRYAGAIN", "the backend is slow");
//!     }
//!     failure::response_to(error)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! // Outside of the layers whose errors it handles.
//! let service = ServiceBuilder::new()
//!     .layer(HandleErrorLayer::new(handle))
//!     .layer(TimeoutLayer::new(Duration::from_secs(5)))
//!     .service(service_fn(|_: Command| std::future::pending::<Result<Response, BoxError>>()));
//! let Ok(response) = service.oneshot(Command::new("GET").arg("key")).await;
//! assert_eq!(response.to_string(), "-TRYAGAIN the backend is slow");
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cost: each instance holds a second one in reserve. A command that does not fail pays for a clone of the function,
//! which is nothing unless it captures something.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::HandleErrorLayer, service::HandleError};
