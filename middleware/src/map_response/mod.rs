//! Changes every answer of the service.
//!
//! Does what [`tower::util::MapResponse`](https://docs.rs/tower/latest/tower/util/struct.MapResponse.html) does, for a
//! response alone: so a closure needs no types written out, a wrong one is told where it is made, and it is held to the
//! same tests as the other layers. The function sees every kind of response,
//! [`Silent`](kvstore_protocol::Response::Silent) and [`Close`](kvstore_protocol::Response::Close) among them. An error
//! of the service is no answer yet, and passes; what must see both the command and its answer is a
//! [`from_fn`](crate::from_fn()).
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
//! assert_eq!(service.oneshot(Command::get("key")).await, Ok(Response::from("nothing there")));
//! # });
//! ```
//!
//! Cost: a clone of the function for each command (nothing, unless it captures something), and what it does. No
//! allocation.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::MapResponseLayer, service::MapResponse};
