//! Changes every command before the service gets it.
//!
//! Does what [`tower::util::MapRequest`](https://docs.rs/tower/latest/tower/util/struct.MapRequest.html) does, for
//! commands only: a closure needs no type annotations, and a wrong one is reported where it is passed in. Commands
//! inside of a script ([`kvstore_protocol::nested`]) do not come through the function: a layer can refuse them, but not
//! change them.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::MapCommandLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! // One tenant among others: every command runs in the database of the tenant.
//! let service = ServiceBuilder::new()
//!     .layer(MapCommandLayer::new(|command| command.with_session(|session| session.set_database(7))))
//!     .service(service_fn(async |command: Command| Ok::<_, Infallible>(command.session().database().into())));
//! assert_eq!(service.oneshot(Command::new("GET").arg("key")).await, Ok(Response::Integer(7)));
//! # });
//! ```
//!
//! Cost: the function. There is no allocation, and the future is that of the inner service.

mod layer;
mod service;

pub use self::{layer::MapCommandLayer, service::MapCommand};
