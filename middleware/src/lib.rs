//! tower layers for services that answer commands: limits, timeouts, logs, metrics, access rules, functions.
//!
//! A layer wraps a `Service<Command, Response = Response>` in another one. So layers stack in any order around a
//! handler, a router, a store or a client, and mix with tower's own. All layers here keep these rules:
//!
//! - A refusal is an answer: an error [`Response`]. The error type of the inner service is passed on unchanged.
//! - `poll_ready` is forwarded, and takes no permit of the layer.
//! - The inner service is called only when the layer lets the command pass. A service may do all of its work in `call`.
//! - A command that is answered at its first poll starts no timer. It takes no lock and no allocation, unless the page
//!   of the layer says so under *Cost*.
//! - A parked command ([`kvstore_protocol::parking`]) holds no permit, cannot be late, and is not slow. A settled one holds no
//!   permit, and can be late.
//! - The layer owns what its services share, so limits and counts hold across connections.
//! - A future that is dropped gives everything back.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use kvstore_middleware::{ConcurrencyLimitLayer, LogLayer, TimeoutLayer};
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! // From the outside in: a command first reaches the log.
//! let service = ServiceBuilder::new()
//!     .layer(LogLayer::new().slow_threshold(Duration::from_millis(100)))
//!     .layer(ConcurrencyLimitLayer::new(1000))
//!     .layer(TimeoutLayer::new(Duration::from_secs(5))) // the time starts once the command has its permit
//!     .service(service_fn(async |command: Command| Ok::<_, Infallible>(Response::from(command.name()))));
//! assert_eq!(service.oneshot(Command::new("PING")).await, Ok(Response::from("PING")));
//! # });
//! ```
//!
//! # tower's own layers
//! They mount as they are, around or inside of those here. A server calls a clone of the service for each connection,
//! so a layer must be `Clone`, or stand in a [buffer](https://docs.rs/tower/latest/tower/buffer/index.html), which
//! makes one service of all clones:
//!
//! | layer of tower | `Clone` | shared by connections |
//! |---|---|---|
//! | `timeout`, `filter`, `map_*`, `load_shed` | yes | nothing |
//! | `retry` | if the policy is | what the policy shares, such as a budget in an `Arc` |
//! | `buffer` | yes | the service inside, and the queue in front of it |
//! | `limit::ConcurrencyLimit` | yes | the permits, by all clones of one service. Each service that the layer makes has permits of its own: use `GlobalConcurrencyLimitLayer` where a factory makes a service for each connection |
//! | `limit::RateLimit` | no: needs a buffer | in a buffer, the rate |
//! | `hedge`, `spawn_ready`, `balance` | no: need a buffer | in a buffer, everything |
//!
//! How they differ from the layers here:
//!
//! - They return errors. The transport answers those of the timeout and the load shedder with `-TIMEOUT` and
//!   `-OVERLOADED`, and any other with `-ERR internal error`. [`HandleErrorLayer`] decides otherwise.
//! - They know no parked commands. A BLPOP that waits is late for tower's timeout, and keeps its permit of tower's
//!   limit.
//! - Some reserve in `poll_ready`: the limit a permit, the buffer a place in its queue.
//!
//! # Reservations
//! By tower's contract, an instance keeps what it reserved in `poll_ready` until it is called or dropped. A layer that
//! answers a command itself does not call what it wraps. Those that own a clone to put in its place give the
//! reservation back: [`concurrency_limit`], [`rate_limit`], [`load_shed`] and [`from_fn`](mod@from_fn). [`deny`] and
//! [`rename`] need no `Clone`, and keep it until the next command, as tower's `filter` does. The transport of `kvstore`
//! drops the instance of a connection that has no next command. If you call a service yourself, take a clone for each
//! command, as [`oneshot`](https://docs.rs/tower/latest/tower/trait.ServiceExt.html#method.oneshot) does, or do the
//! same.
//!
//! # Commands of the connection
//! PING, HELLO, AUTH, CLIENT and their kin are answered by the `ConnectionLayer` of `kvstore`. Layers outside of it see
//! them; by default it is outermost. They have the flag
//! [`CONNECTION`](kvstore_protocol::catalog::Flags::CONNECTION).
//!
//! # Layout
//! One folder for each layer, with the same files: the layer (its settings), the service, its future.
//! - [`audit`]: [`AuditLayer`], one record for each command: who sent it, and how it ended
//! - [`catch_panic`]: [`CatchPanicLayer`], answers a command that panics
//! - [`concurrency_limit`]: [`ConcurrencyLimitLayer`], limits how many commands are in flight
//! - [`deny`]: [`DenyLayer`], refuses commands by name or by a function
//! - [`from_fn`](mod@from_fn): [`from_fn()`] and [`from_fn_with_state`], make a layer of an async function
//! - [`handle_error`]: [`HandleErrorLayer`], answers errors with a function
//! - [`load_shed`]: [`LoadShedLayer`], refuses a command that the service is not ready for
//! - [`log`]: [`LogLayer`], a span for each command, a warning for slow ones
//! - [`map_command`], [`map_response`]: [`MapCommandLayer`] and [`MapResponseLayer`], change each command, or each response,
//!   with a function
//! - [`metrics`](mod@metrics): [`MetricsLayer`], counts and measures commands, for any exporter
//! - [`rate_limit`]: [`RateLimitLayer`], limits how many commands come in a period
//! - [`rename`]: [`RenameLayer`], gives commands other names
//! - [`stats`]: [`StatsLayer`], counts commands and their errors, for INFO
//! - [`tee`]: [`TeeLayer`], mirrors commands to a second service
//! - [`timeout`]: [`TimeoutLayer`], answers a command that takes too long
//!
//! Beside them [`redact`], which hides secrets in logs and records, [`failure`], the responses to errors and panics, and
//! [`Outcome`], how a command ended; [`PerThread`], a value for each thread.
//!
//! [`Response`]: kvstore_protocol::Response

mod admission;
pub mod audit;
pub mod catch_panic;
pub mod concurrency_limit;
mod deferred;
pub mod deny;
pub mod failure;
pub mod from_fn;
pub mod handle_error;
mod instrumented;
pub mod load_shed;
pub mod log;
pub mod map_command;
pub mod map_response;
pub mod metrics;
mod outcome;
mod per_thread;
pub mod rate_limit;
pub mod redact;
pub mod rename;
pub mod stats;
mod stopwatch;
pub mod tee;
pub mod timeout;

pub use self::metrics::{Metrics, MetricsLayer};
pub use audit::{Audit, AuditLayer, AuditRecord, AuditSink, TracingSink};
pub use catch_panic::{CatchPanic, CatchPanicLayer};
pub use concurrency_limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
pub use deny::{Deny, DenyLayer};
pub use from_fn::{FromFn, FromFnLayer, Next, from_fn, from_fn_with_state};
pub use handle_error::{HandleError, HandleErrorLayer};
pub use load_shed::{LoadShed, LoadShedLayer};
pub use log::{Log, LogLayer};
pub use map_command::{MapCommand, MapCommandLayer};
pub use map_response::{MapResponse, MapResponseLayer};
pub use outcome::Outcome;
pub use per_thread::PerThread;
pub use rate_limit::{RateLimit, RateLimitLayer};
pub use redact::{Hide, Redact};
pub use rename::{Rename, RenameLayer};
pub use stats::{CommandStats, Stats, StatsLayer};
pub use tee::{Tee, TeeLayer};
pub use timeout::{Timeout, TimeoutLayer};
