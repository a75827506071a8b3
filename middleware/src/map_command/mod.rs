//! Changes every command before the service sees it.
//!
//! Does what [`tower::util::MapRequest`](https://docs.rs/tower/latest/tower/util/struct.MapRequest.html) does, for a
//! command alone: so a closure needs no types written out, a wrong one is told where it is made, and it is held to the
//! same tests as the other layers. The commands inside of a script ([`kvstore_protocol::nested`]) can be refused by a
//! layer, but not changed: they are not seen here.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::MapCommandLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! // A store of one tenant among others: everybody selects the database of their own.
//! let service = ServiceBuilder::new()
//!     .layer(MapCommandLayer::new(|command| command.with_session(|session| session.set_database(7))))
//!     .service(service_fn(async |command: Command| Ok::<_, Infallible>(command.session().database().into())));
//! assert_eq!(service.oneshot(Command::get("key")).await, Ok(Response::Integer(7)));
//! # });
//! ```
//!
//! Cost: what the function does. No allocation, and the future is that of the inner service.

mod layer;
mod service;

pub use self::{layer::MapCommandLayer, service::MapCommand};
