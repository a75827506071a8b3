//! Mirrors commands to a second service, whose responses are ignored or compared.
//!
//! For trying a new server with real traffic, warming a cache, or filling a copy. tower has no such layer: its
//! [`Steer`](https://docs.rs/tower/latest/tower/steer/index.html) sends each request to one of several services.
//! Clients read the responses of the first service. They do not wait for the second one, nor notice its errors and
//! panics: it runs in tasks of its own, with commands that are cut off from their connection ([`Command::mirrored`]),
//! so it cannot push messages to a client.
//!
//! - *What is mirrored.* Each command that [`TeeLayer::only`] selects, once the future of the first service has been
//!   polled, but for those about the connection (AUTH, SELECT, CLIENT …): the client has none with the second service. So a
//!   command that an outer layer refuses is not mirrored. A script is mirrored as a whole. Leave out
//!   commands that block, such as BLPOP. A command whose last argument is streamed is dropped, since its pieces come
//!   only once. A response that is streamed, or that ends the protocol, is not compared.
//! - *Order.* The commands of one connection are mirrored in the order of their first polls: a SET reaches the second
//!   service before the GET after it. There are as many queues as [`TeeLayer::max_in_flight`], each with one command in
//!   flight, and a connection keeps to one of them. Commands without a connection share one queue. The order between
//!   connections may differ: if they write to the same keys at once, the two services may end up with different values.
//! - *Backpressure.* Commands wait if the second service is slow, up to [`TeeLayer::max_pending`]. More are dropped,
//!   and counted in [`TeeLayer::dropped`]. A command that is not answered within [`TeeLayer::timeout`] is dropped too,
//!   so that its queue goes on.
//!
//! ```
//! use std::{convert::Infallible, sync::{Arc, Mutex}};
//!
//! use kvstore_middleware::{Redact, TeeLayer};
//! use kvstore_protocol::{Command, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let old = service_fn(async |_: Command| Ok::<_, Infallible>(Response::from("1")));
//! let new = service_fn(|_: Command| async { Ok::<_, Infallible>(Response::from("2")) });
//!
//! let differences: Arc<Mutex<Vec<String>>> = Arc::default();
//! let log = Arc::clone(&differences);
//! let tee = TeeLayer::new(new).on_difference(move |command, first, second| {
//!     log.lock().expect("no panic").push(format!("{}: {first}, {second}", Redact::new().show(command)));
//! });
//! assert_eq!(tee.layer(old).oneshot(Command::new("GET").arg("key")).await?, Response::from("1"));
//!
//! tee.idle().await;
//! assert_eq!(*differences.lock().expect("no panic"), [r#"GET "key": "1", "2""#]);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Command::mirrored`]: kvstore_protocol::Command::mirrored
//!
//! Cost: for a command that is not selected, the call of the filter. For any other a clone of the command (which shares
//! its buffer), one allocation, the lock of its queue, a clone of the response if responses are compared, and the start
//! of a task if the queue is idle. The rest is done in that task.

mod capacity;
mod future;
mod layer;
mod mirror;
mod queue;
mod second;
mod service;

pub use self::{future::ResponseFuture, layer::TeeLayer, service::Tee};
