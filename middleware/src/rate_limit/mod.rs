//! Limits how many commands come in a period. Commands over the limit are refused with `-RATELIMITED`, or wait.
//!
//! Differs from [`tower::limit::RateLimit`](https://docs.rs/tower/latest/tower/limit/struct.RateLimitLayer.html), which
//! counts for a single service and is not `Clone`. Here the layer owns the counts, for all services that it makes, and
//! it can count for each connection, address, user or key of your own. Differs from
//! [`concurrency_limit`](crate::concurrency_limit), which limits how many commands are in flight, not how many come.
//!
//! `RateLimitLayer::new(100, SECOND)` is a token bucket of 100 commands that is refilled at 100 per second. It is
//! refilled evenly, not in windows, at whose edges twice as many commands would pass. A command is counted in `call`,
//! and the inner service is called only once the command may pass. A command that waits takes the ready instance of the
//! inner service along, and leaves a clone in its place. Put the rate limit outside of a timeout and a concurrency
//! limit: inside, a command that waits would be late, and would hold a permit.
//!
//! - *Order.* Waiting commands of one key pass in the order in which they came, and new commands do not overtake them.
//!   A command that is dropped while it waits does not count.
//! - *Memory.* For each key a hash is stored, under a secret of this process, and never more than
//!   [`max_keys`](RateLimitLayer::max_keys) of them. A new key replaces keys whose bucket is full again, which changes
//!   nothing for them. While there is none, new keys share one bucket: a peer that invents keys takes no memory, and
//!   resets no limit. A key that finds room later starts with a full bucket there, so its next commands overtake
//!   those that wait in the shared one. Two keys with the same 64-bit hash share a bucket.
//! - *Pipelines and scripts.* Each command of a pipeline counts, and so does each command that a script runs
//!   ([`kvstore_protocol::nested`]). The latter are counted with the session of the script, and are refused where other
//!   commands would wait.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use kvstore_middleware::RateLimitLayer;
//! use kvstore_protocol::{Command, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let limit = RateLimitLayer::new(2, Duration::from_secs(1)).per_connection();
//! let service = limit.layer(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//!
//! for _ in 0..2 {
//!     assert_eq!(service.clone().oneshot(Command::new("GET").arg("key")).await?, Response::ok());
//! }
//! let refused = service.oneshot(Command::new("GET").arg("key")).await?;
//! assert_eq!(refused.to_string(), "-RATELIMITED too many commands, try again in 500 ms");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cost: one reading of the clock, and a short lock: one for all commands, or with keys one of sixteen, plus a hash and
//! a look-up. Only a command that has to wait allocates and clones the service.

mod bucket;
mod future;
mod key;
mod keys;
mod layer;
mod limiter;
mod nested;
mod queued;
mod rate;
mod refusal;
mod service;

pub use self::{future::ResponseFuture, layer::RateLimitLayer, service::RateLimit};
