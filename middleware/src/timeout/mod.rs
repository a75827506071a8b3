//! Answers a command that takes too long with `-TIMEOUT the command took too long`.
//!
//! Differs from [`tower::timeout`](https://docs.rs/tower/latest/tower/timeout/index.html), which fails the call and
//! changes the error type: here a late command is answered, and the error type of the wrapped service stays. While a
//! command is parked ([`kvstore_protocol::parking`]) it cannot be late; once its event has come, it has the whole time
//! again. The time counts from the first poll at which the answer is not there.
//!
//! A late command's future is dropped together with the [`ResponseFuture`], wherever it has got to: what it must not
//! leave half done belongs in one step between two `await`s.
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
//! let answer = service.oneshot(Command::get("key")).await?;
//! assert_eq!(answer.to_string(), "-TIMEOUT the command took too long");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cost: a command that is answered at its first poll pays for no timer, no allocation and no look at the clock. Any
//! other allocates one timer.

mod future;
mod layer;
mod service;

pub use self::{future::ResponseFuture, layer::TimeoutLayer, service::Timeout};
