//! Writes down who did what: one record for each command.
//!
//! Differs from [`log`](crate::log), which is for finding out how a server does: an audit trail names the connection, the
//! user and the client behind every command, is as complete as the layer is asked to be, and goes to a sink of its own.
//! What is shown of a command is decided by [`Redact`](crate::Redact), for every sink: a record gives nothing else away.
//!
//! A record is made when the command is answered, or dropped without an answer. The commands that a script runs
//! ([`kvstore_protocol::nested`]) have records of their own, with the session of the script, made before each runs:
//! their outcome is [`Outcome::Started`](crate::Outcome::Started). The commands of a transaction are recorded when they
//! are queued, with that answer, and EXEC when it runs them.
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
//! service.clone().oneshot(Command::get("key")).await?;
//! service.oneshot(Command::set("key", "value")).await?;
//! assert_eq!(*trail.lock().expect("no panic"), [r#"nobody: SET "key" (redacted): ok"#]);
//! # Ok::<(), Infallible>(())
//! # })?;
//! # Ok::<(), Infallible>(())
//! ```
//!
//! The commands of a connection itself (PING, HELLO, AUTH, CLIENT …) are answered by the transport of `kvstore` in front of
//! every layer, so they are not recorded here.
//!
//! Cost: a command that is filtered out costs the call of the filter. Any other costs one allocation, a clone of the
//! command (which shares its buffer), two looks at the clock, and whatever the sink does: it runs while the client waits.

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
