//! Counts commands and measures how long they take, for any metrics exporter.
//!
//! Differs from [`log`](crate::log), which shows single commands. The metrics go through the facade
//! [`metrics`](https://docs.rs/metrics), so any exporter for it works. With the default prefix `kvstore`:
//!
//! - `kvstore_commands_total{command, outcome}`: a counter of commands that ended. `outcome` is `ok`, the code of an
//!   error response, `failed` if the service returned an error, or `dropped` if the future was dropped before its
//!   answer
//! - `kvstore_command_duration_seconds{command}`: a histogram of the time from the call to the answer, without the time
//!   in which the command was parked ([`kvstore_protocol::parking`]). Dropped commands are not in it
//! - `kvstore_commands_in_flight`: a gauge of commands that were called and have not ended, including parked ones
//! - `kvstore_nested_commands_total{command}`: a counter of commands that scripts run ([`kvstore_protocol::nested`]).
//!   They are counted nowhere else
//!
//! The number of labels is bounded, since clients may invent names. A name becomes a label once a command of that name
//! was answered without an error, up to 256 names ([`MetricsLayer::max_names`]), or if it is given by
//! [`MetricsLayer::names`]. Other names are counted as `other`. Scripts may invent error codes: up to 32 that look like
//! a code become labels, and others are counted as `error`.
//!
//! To serve the metrics to Prometheus, install the crate `metrics-exporter-prometheus` before the first command:
//!
//! ```text
//! // Serves http://0.0.0.0:9000/metrics. With buckets, in seconds, the duration is a histogram and not a summary.
//! PrometheusBuilder::new().set_buckets(&[0.00001, 0.0001, 0.001, 0.01, 0.1, 1.0])?.install()?;
//! ```
//!
//! ```
//! use std::convert::Infallible;
//!
//! use kvstore_middleware::MetricsLayer;
//! use kvstore_protocol::{Command, Response};
//! use metrics_util::debugging::DebuggingRecorder;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let recorder = DebuggingRecorder::new();
//! let _guard = metrics::set_default_local_recorder(&recorder);
//! let service = MetricsLayer::new().layer(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//! service.oneshot(Command::new("GET").arg("key")).await?;
//!
//! let metrics = recorder.snapshotter().snapshot().into_vec();
//! assert!(metrics.iter().any(|(metric, ..)| metric.key().to_string() ==
//!     "Key(kvstore_commands_total, [command = GET, outcome = ok])"));
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! The metrics of a name are registered at its first command, with the recorder that is installed then.
//!
//! Cost: one look-up of the name, two readings of the clock, and the recorder's cost of one counter, one histogram and
//! two changes of a gauge, which are atomic operations as a rule. Only errors lock, and only new names allocate.

mod codes;
mod future;
mod handles;
mod in_flight;
mod layer;
mod nested;
mod registry;
mod service;

pub use self::{future::ResponseFuture, layer::MetricsLayer, service::Metrics};
