//! Counts commands and their errors, for the sections `commandstats` and `errorstats` of INFO.
//!
//! Differs from [`metrics`](mod@crate::metrics), which goes to an exporter, and costs more. The counts are read through a handle,
//! [`CommandStats`]: how often a command was called, how long that took, how often it failed or was refused, and the errors by
//! their codes. The server of `kvstore` shows them in INFO when it is given the handle.
//!
//! The first calls of a command are all timed, and of later ones a sample. A sub-command counts by itself. A name that is not
//! in the [catalog](kvstore_protocol::catalog) counts once a command of that name was answered without an error, up to 256 names,
//! since clients may invent names. A command counts as called when it begins, and so is in the count while it waits.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::{CommandStats, StatsLayer};
//! use kvstore_protocol::{Command, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let stats = CommandStats::new();
//! let service = StatsLayer::new(stats.clone()).layer(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//! service.oneshot(Command::new("GET").arg("key")).await?;
//!
//! let [get] = &stats.commands()[..] else { panic!("one command") };
//! assert_eq!((&*get.name, get.calls), ("get", 1));
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Commands inside of another one, such as a script calls them, are seen by no layer. Who runs them counts them by
//! [`begin_nested`](CommandStats::begin_nested) and its kin.
//!
//! Cost: one addition to a counter of the thread. A command of a family (CONFIG, CLIENT, …), one that is not in the catalog,
//! and an error take a lock. One in 32 commands reads the clock twice and allocates.

mod command_stats;
mod future;
mod layer;
mod nested;
mod service;
mod timed;

pub use command_stats::{CommandCounts, CommandStats};
pub use future::ResponseFuture;
pub use layer::StatsLayer;
pub use nested::NestedCommand;
pub use service::Stats;
