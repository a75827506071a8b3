//! Records each command: who sent it, and how it ended.
//!
//! Differs from [`log`](crate::log), which is for operating a server. An audit record names the connection, the user
//! and the client of a command, and goes to a sink of its own ([`AuditSink`]). [`Redact`](crate::Redact) decides which
//! arguments are hidden, for every sink: a record gives no access to hidden arguments.
//!
//! A command is recorded when it is answered, or dropped without an answer. Commands that a script runs
//! ([`kvstore_protocol::nested`]) have records of their own, with the session of the script. They are recorded before
//! they run, with the outcome [`Outcome::Started`](crate::Outcome::Started). Commands of a transaction are recorded
//! when they are queued, and EXEC when it runs them.
//!
//! ```
//! use std::{convert::Infallible, sync::{Arc, Mutex}};
//!
//! use kvstore_middleware::{AuditLayer, AuditRecord, Redact};
//! use kvstore_protocol::{Command, Response};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! # tokio_test::block_on(async {
//! let trail: Arc<Mutex<Vec<String>>> = Arc::default();
//! let sink = Arc::clone(&trail);
//! let audit = AuditLayer::new(move |record: &AuditRecord<'_>| {
//!     let (who, what) = (record.user().unwrap_or("nobody"), record.command());
//!     sink.lock().expect("no panic").push(format!("{who}: {what}: {}", record.outcome()));
//! });
//! let service = audit
//!     .redact(Redact::new().hide_values())
//!     .only(|command: &Command| !command.is("GET"))
//!     .layer(service_fn(async |_: Command| Ok::<_, Infallible>(Response::ok())));
//!
//! service.clone().oneshot(Command::new("GET").arg("key")).await?;
//! service.oneshot(Command::new("SET").arg("key").arg("value")).await?;
//! assert_eq!(*trail.lock().expect("no panic"), [r#"nobody: SET "key" (redacted): ok"#]);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! `kvstore::serve` answers the commands about the connection (PING, HELLO, AUTH, CLIENT …) in front of the service, so there
//! they are not recorded here. A stack with a `ConnectionLayer` of its own shows them to the layers outside of it: see
//! `Serve::connection_commands`.
//!
//! Cost: for a command that is filtered out, the call of the filter. For any other one allocation, a clone of the
//! command (which shares its buffer), two readings of the clock, and the sink, which runs before the client is
//! answered.

mod in_flight;
mod layer;
mod nested;
mod record;
mod service;
mod sink;

pub use self::{
    layer::AuditLayer,
    record::AuditRecord,
    service::Audit,
    sink::{AuditSink, TracingSink},
};

/// The answer of [`Audit`].
pub type ResponseFuture<F> = crate::instrumented::ResponseFuture<F, in_flight::AuditedCommand>;
