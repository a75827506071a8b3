//! Counts commands and measures how long they take, for whatever exporter a program has installed.
//!
//! Differs from [`log`](crate::log), which tells of single commands: here are their numbers, through the facade
//! [`metrics`](https://docs.rs/metrics), so that this crate knows no exporter. With the prefix `kvstore`, which is a setting:
//!
//! - `kvstore_commands_total{command, outcome}`: a counter of commands that ended; `outcome` is `ok`, the code of an
//!   error, `failed` when the service failed, or `dropped` when the future was dropped before its answer
//! - `kvstore_command_duration_seconds{command}`: a histogram of the time from the call to the answer, without the time
//!   in which the command was parked ([`kvstore_protocol::parking`]), and without commands that were dropped
//! - `kvstore_commands_in_flight`: a gauge of commands that were called and have not ended, parked ones among them
//! - `kvstore_nested_commands_total{command}`: a counter of what scripts run ([`kvstore_protocol::nested`]), which is
//!   counted nowhere else
//!
//! Peers invent names, and whoever counts must not remember them all. A name is a label once a command of that name was
//! answered without an error, up to 256 names ([`MetricsLayer::max_names`]), or if it is one of
//! [`MetricsLayer::names`]; until then it is counted as `other`. A script invents error codes as well: up to 32 that look
//! like one are labels, the others are `error`.
//!
//! To serve them to Prometheus, with the crate `metrics-exporter-prometheus`, before the first command comes:
//!
//! ```text
//! // Serves http://0.0.0.0:9000/metrics; the buckets, in seconds, make the duration a histogram instead of a summary.
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
//! service.oneshot(Command::get("key")).await?;
//!
//! let metrics = recorder.snapshotter().snapshot().into_vec();
//! assert!(metrics.iter().any(|(metric, ..)| metric.key().to_string() ==
//!     "Key(kvstore_commands_total, [command = GET, outcome = ok])"));
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! Handles are made once for each name, at its first command, with the recorder that is there then: install it first.
//!
//! Cost: one look-up of the name, a reference to its handles, two looks at the clock, and what the recorder does for a
//! counter, a histogram and twice a gauge, with atomics as a rule. No allocation, no lock and no hash of labels, but for
//! errors, which take a lock, and for names that are not known yet.

mod codes;
mod future;
mod handles;
mod in_flight;
mod layer;
mod nested;
mod registry;
mod service;

pub use self::{future::ResponseFuture, layer::MetricsLayer, service::Metrics};
