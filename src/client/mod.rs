//! The client: the other end of a connection, shared by all who call.
//!
//! A [`Client`] is a handle to one connection, on which the commands of many callers travel together. It speaks RESP2,
//! RESP3 or the native protocol over TCP, a Unix socket or anything that reads and writes; or it calls a service in
//! this process ([`Client::local`]). It has typed calls for the commonest commands and [`call`](Client::call) for all
//! others, and is itself a `Service<Command, Response = Response>`: behind a listener it is a proxy.
//!
//! It is no pool: one connection carries as much as a server can answer, except for commands that wait there. It knows
//! no cluster, and does not cache. Unlike the layers of this project it makes errors, since a lost connection is no
//! answer.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use kvstore::{client::Client, server, store::Store};
//!
//! let (connector, listener) = server::pipe();
//! tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
//!
//! let client = Client::builder().connect_with(move || std::future::ready(connector.connect())).await?;
//! client.set("key", "value").await?;
//! assert_eq!(client.get("key").await?.as_deref(), Some(&b"value"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A proxy is one line, `kvstore::serve(listener, Client::connect("redis://10.0.0.7").await?)`. It holds no large value
//! whole when the server takes such commands [in pieces](crate::server::Serve::stream_in) and the client such replies
//! ([`stream_over`](ClientBuilder::stream_over)). In front of several servers it is tower's balance over clients that
//! are [ready when connected](ClientBuilder::ready_when_connected).
//!
//! What a call costs: a slot for its answer, one place in a queue, and no task. What all of them may cost is bounded:
//! commands on their way by [`max_in_flight`](ClientBuilder::max_in_flight), a reply by
//! [`limits`](ClientBuilder::limits), pushes by [`push_queue`](ClientBuilder::push_queue).
//!
//! # Layout
//! - `client` the handle, `builder` its settings, `endpoint` addresses and URLs, `connect` streams to them
//! - `typed` the typed calls, with `set_options` and `scan`; `call` one call, `pipeline` several in one piece;
//!   `service` the client as a service
//! - `request`, `queue` from the callers to the task; `driver` the task, `handshake` how a connection begins,
//!   `reconnect` when there is another; `connection` one stream, `in_flight` what is sent and not answered,
//!   `outgoing` a long argument on its way
//! - `pushes` what the server says out of turn; `sharing` what may go over a shared connection; `local` a service in
//!   this process; `error` what can go wrong

mod builder;
mod call;
#[expect(clippy::module_inception, reason = "the file of the type that the module is named for")]
mod client;
mod connect;
mod connection;
mod driver;
mod endpoint;
mod error;
mod handshake;
mod in_flight;
mod local;
mod outgoing;
mod pipeline;
mod pushes;
mod queue;
mod reconnect;
mod remote;
mod request;
mod scan;
mod service;
mod set_options;
mod sharing;
mod typed;

pub use builder::ClientBuilder;
pub use call::ResponseFuture;
pub use client::{Client, create};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ClientError, ConnectionError, Refusal};
pub use pipeline::Pipeline;
pub use pushes::{Pushed, Pushes};
pub use reconnect::Reconnect;
pub use scan::Scan;
pub use set_options::SetOptions;
pub use typed::TimeToLive;
