//! Answers a command that takes too long with `-TIMEOUT the command took too long`.
//!
//! Differs from [`tower::timeout`](https://docs.rs/tower/latest/tower/timeout/index.html), which fails the call and
//! changes the error type. Here a late command is answered, and the error type of the inner service stays. A parked
//! command ([`kvstore_protocol::parking`]) cannot be late; once its event has come, its time starts again. Otherwise
//! the time starts at the first poll that is pending.
//!
//! The future of a late command is dropped with the [`ResponseFuture`], at whatever `await` it has reached. Changes
//! that must not be left half done belong in one step between two `await`s.
//!
//! A settled command ([`Parking::Settled`](kvstore_protocol::parking::Parking::Settled)) waits for a disk or a quorum, and
//! its time runs on. When it is late, the client reads the same error, and the effect is there all the same.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use kvstore_middleware::TimeoutLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(TimeoutLayer::new(Duration::from_secs(5)))
//!     .service(service_fn(|_: Command| std::future::pending::<Result<Response, Infallible>>()));
//! let answer = service.oneshot(Command::new("GET").arg("key")).await?;
//! assert_eq!(answer.to_string(), "-TIMEOUT the command took too long");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cost: a command that is answered at its first poll starts no timer, allocates nothing and does not read the clock.
//! Any other allocates one timer.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::TimeoutLayer, service::Timeout};
