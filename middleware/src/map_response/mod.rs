//! Changes every response of the service.
//!
//! Does what [`tower::util::MapResponse`](https://docs.rs/tower/latest/tower/util/struct.MapResponse.html) does, for
//! responses only: a closure needs no type annotations, and a wrong one is reported where it is passed in. The function
//! gets every kind of response, also [`Silent`](kvstore_protocol::Response::Silent) and
//! [`Close`](kvstore_protocol::Response::Close). Errors of the service are passed on: see
//! [`handle_error`](crate::handle_error). To see the command as well, use a [`from_fn`](crate::from_fn()).
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::MapResponseLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(MapResponseLayer::new(|response| match response {
//!         Response::Null => Response::from("nothing there"),
//!         other => other,
//!     }))
//!     .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::Null)));
//! assert_eq!(service.oneshot(Command::new("GET").arg("key")).await, Ok(Response::from("nothing there")));
//! # });
//! ```
//!
//! Cost: the function, and a clone of it for each command, which is nothing unless it captures something. There is no
//! allocation.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::MapResponseLayer, service::MapResponse};
