//! tower layers for services that answer commands: limits, timeouts, logs and metrics, rules, functions.
//!
//! A layer here wraps a `Service<Command, Response = Response>` and is one itself, so that layers stack in any order,
//! around a handler, a router, a store or a client, and mix with tower's own. What they have in common:
//!
//! - Trouble with a command is an answer: they refuse with an error [`Response`], and pass the error type they wrap.
//! - `poll_ready` is forwarded and reserves nothing, so an idle connection holds nothing.
//! - A command that is answered at its first poll meets no timer, and no lock and no allocation but where the page of a
//!   layer says what it costs.
//! - A parked command ([`kvstore_protocol::parking`]) takes no permit, is not late, and not slow.
//! - The layer owns what its services share; a future that is dropped gives everything back.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//!
//! use kvstore_middleware::{ConcurrencyLimitLayer, LogLayer, TimeoutLayer};
//! use kvstore_protocol::{Command, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let service = ServiceBuilder::new()
//!     .layer(LogLayer::new().slow_threshold(Duration::from_millis(100)))
//!     .layer(ConcurrencyLimitLayer::new(1000))
//!     .layer(TimeoutLayer::new(Duration::from_secs(5))) // a command's time starts once it has its permit
//!     .service(service_fn(async |command: Command| Ok::<_, Infallible>(Response::from(command.name()))));
//! assert_eq!(service.oneshot(Command::ping()).await, Ok(Response::from("PING")));
//! # });
//! ```
//!
//! # Layout
//! One folder a layer, each with the same files: the layer (settings), the service, its future.
//! - [`audit`]: who did what, one record for each command
//! - [`catch_panic`]: a panic behind it is an answer
//! - [`concurrency_limit`]: so many commands at once, the others wait or are refused
//! - [`deny`]: commands that are not run, or all that are
//! - [`from_fn`](mod@from_fn): a layer that is an async function
//! - [`load_shed`]: a command that the service is not ready for is refused
//! - [`log`]: a span for each command, a warning of slow ones
//! - [`map_command`], [`map_response`]: every command, every answer changed by a function
//! - [`metrics`](mod@metrics): counts and durations of commands, for any exporter
//! - [`rate_limit`]: so many commands in so much time, the others are refused or wait
//! - [`rename`]: commands under other names
//! - [`tee`]: a second service sees the same commands
//! - [`timeout`]: a late command is answered
//!
//! Beside them [`redact`], what of a command may be shown, and [`failure`], what a client reads when a service fails.
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
pub mod rate_limit;
pub mod redact;
pub mod rename;
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
pub use rate_limit::{RateLimit, RateLimitLayer};
pub use redact::{Hide, Redact};
pub use rename::{Rename, RenameLayer};
pub use tee::{Tee, TeeLayer};
pub use timeout::{Timeout, TimeoutLayer};
