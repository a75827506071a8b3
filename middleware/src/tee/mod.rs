//! Mirrors commands to a second service, whose answers are ignored or compared.
//!
//! For trying a new server on real traffic, warming a cache, or filling a copy. tower has nothing like it; its
//! [`Steer`](https://docs.rs/tower/latest/tower/steer/index.html) sends each request to one service, and this sends it to
//! two. Clients read the first one's answers alone, and neither wait for the second nor notice its errors and panics: it
//! is called in tasks of its own, with commands that are cut off from their connection ([`Command::detached`]), so that
//! it cannot push anything to a client either.
//!
//! - *What is mirrored.* Each command that [`TeeLayer::only`] lets through, once the first service's future has been
//!   polled, whether it is answered then or later: what an outer layer refuses is not mirrored. A script is mirrored as a
//!   whole. What blocks (BLPOP) is better left out. A command whose last argument is streamed is dropped, since its
//!   pieces come once; an answer that is streamed, or ends the protocol, is not compared.
//! - *In which order.* That of the first polls, for the commands of one connection: a SET and the GET behind it reach the
//!   second service one after the other. There are so many lanes ([`TeeLayer::max_in_flight`]), each with one command
//!   under way, and a connection keeps to its lane; what comes from no connection has one lane. Nothing is said about
//!   the order between connections; where they write to the same keys at once, the two services may come to differ.
//! - *How much.* Commands that the second service does not keep up with wait, up to [`TeeLayer::max_pending`]; more are
//!   dropped, and counted in [`TeeLayer::dropped`]. A command that it does not answer in time
//!   ([`TeeLayer::timeout`]) is dropped too, so that its lane goes on.
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
//! assert_eq!(tee.layer(old).oneshot(Command::get("key")).await?, Response::from("1"));
//!
//! tee.idle().await;
//! assert_eq!(*differences.lock().expect("no panic"), [r#"GET "key": "1", "2""#]);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Command::detached`]: kvstore_protocol::Command::detached
//!
//! Cost: a command that is filtered out costs the call of the filter. Any other costs its client a clone of the command
//! (which shares its buffer), an allocation, a lock of its lane, and, where answers are compared, a clone of the answer;
//! where its lane is at rest, a task. The rest is done in that task.

mod capacity;
mod future;
mod layer;
mod mirror;
mod queue;
mod second;
mod service;

pub use self::{future::ResponseFuture, layer::TeeLayer, service::Tee};
