//! Lets so many commands through in so much time; the others are refused with `-RATELIMITED`, or wait.
//!
//! Differs from [`tower::limit::RateLimit`](https://docs.rs/tower/latest/tower/limit/struct.RateLimitLayer.html), which
//! counts for one service alone and cannot be cloned: here the layer owns what is counted, for all the services that it
//! makes together, and it can count for each connection, address, user or key of your own. Differs from
//! [`concurrency_limit`](crate::concurrency_limit), which limits how many commands are under way and not how many come.
//!
//! `RateLimitLayer::new(100, SECOND)` is an allowance of 100 commands, which fills up again at 100 a second, evenly: not
//! by windows, at whose edges twice as many would pass. A command is let through at the first poll of its future, not in
//! `call`, so a command that an outer layer refuses uses nothing up, and one that waits here is in nobody's count and
//! late for nobody further in. To those further out it is under way: put the rate limit outside of a timeout and of a
//! concurrency limit. What is limited is how many futures are polled: a service that acts in `call` (tower's `Buffer`) is
//! not held back by a limit around it.
//!
//! - *In order.* Commands of one key that wait do so in the order in which they came, and no newcomer overtakes them. One
//!   that is dropped while it waits has used nothing up, and those behind it move up.
//! - *Bounded.* Nothing of a key is stored but a hash of it, under a secret of this process, and not more than
//!   [`max_keys`](RateLimitLayer::max_keys) of them. Each new key takes the place of keys whose allowance is full again,
//!   which loses nothing. While it finds none, it shares one allowance with all others that find no place: whoever
//!   invents keys takes no memory and resets nobody's limit. A key that finds a place afterwards starts afresh there, and
//!   its commands overtake those of it that still wait with the others. Two keys with the same hash of 64 bits share an
//!   allowance.
//! - *Pipelines and scripts.* Each command of a batch counts, and so do those that a script runs
//!   ([`kvstore_protocol::nested`]): with the session of the script, and refused where others would wait.
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
//!     assert_eq!(service.clone().oneshot(Command::get("key")).await?, Response::ok());
//! }
//! let refused = service.oneshot(Command::get("key")).await?;
//! assert_eq!(refused.to_string(), "-RATELIMITED too many commands, try again in 500 ms");
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Cost: a look at the clock, a reference to the limit, and a lock for a few instructions: one for all commands, or one
//! of sixteen where there are keys, which cost a hash and a look-up too. Only a command that has to wait allocates.

mod bucket;
mod check;
mod future;
mod key;
mod keys;
mod layer;
mod limiter;
mod nested;
mod rate;
mod refusal;
mod service;

pub use self::{future::ResponseFuture, layer::RateLimitLayer, service::RateLimit};
