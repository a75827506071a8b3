//! The client: one connection to a server, shared by all callers.
//!
//! A [`Client`] is a handle to one connection, over which the commands of many callers are pipelined. It speaks RESP2, RESP3
//! or the native protocol over TCP, a Unix socket or any other stream; or it calls a service in this process
//! ([`Client::local`]). It has typed calls for the most common commands and [`execute`](Client::execute) for all others, and is
//! itself a `Service<Command, Response = Response>`: behind a listener it is a proxy.
//!
//! It is not a connection pool: one connection carries as much as a server can answer, unless commands block. It does not
//! know Redis Cluster, and has no cache. Unlike the layers of this project it returns errors, since a lost connection is
//! not an answer.
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
//! # A proxy
//! `kvstore::serve(listener, Client::connect("redis://10.0.0.7").await?)` is a proxy. To pass on large values in pieces,
//! configure both sides: the server for commands ([`stream_in`](crate::server::Serve::stream_in)), the client for replies
//! ([`stream_over`](ClientBuilder::stream_over)). For several servers, put tower's `Balance` over clients that are
//! [ready when connected](ClientBuilder::ready_when_connected).
//!
//! All connections of the proxy share the one connection of its client. So these do not go through:
//!
//! | command | what happens |
//! |---|---|
//! | PING, ECHO, HELLO, AUTH, RESET, QUIT | Answered by the proxy. Clients authenticate to the proxy, and the proxy to the server. |
//! | SELECT | Answered by the proxy. A command is passed on only if its connection has selected the [database](ClientBuilder::database) of the client, and is refused otherwise. |
//! | CLIENT | Answered by the proxy, about its own connections. A sub-command that it does not know is refused. |
//! | MULTI, EXEC, DISCARD, WATCH, UNWATCH | Refused: commands of others would get into the transaction. A [`Pipeline`] in the program may have a whole transaction. |
//! | SUBSCRIBE and its kin | Refused: the messages would come to the proxy, and not to the client that subscribed. |
//! | MONITOR, SYNC, PSYNC | Refused: they are not answered with one reply. |
//! | BLPOP and other blocking commands | Passed on, but every other command waits behind them, of all connections. |
//! | a push of the server (`invalidate`, `message`) | Goes to [`Client::pushes`], not to any client of the proxy. |
//!
//! The server sees one client, with the address, user and name of the proxy's. A refused command is answered with an error
//! that says why, and its connection stays open. While the server is not reachable, commands are answered with
//! `-UNAVAILABLE`; those that were in flight when the connection broke may have been executed.
//!
//! A [factory](crate::server::serve_with_factory) that makes a client for each connection keeps slow bodies and blocking
//! commands from holding up other connections. The refusals are the same.
//!
//! # Costs and bounds
//! A call costs a oneshot channel for its answer and an entry in a queue, and no task. Memory is bounded: commands in flight
//! by [`max_in_flight`](ClientBuilder::max_in_flight), a reply by [`limits`](ClientBuilder::limits), pushes by
//! [`push_queue`](ClientBuilder::push_queue).
//!
//! # Layout
//! - `client` the handle, `builder` its settings and the ways to connect, `endpoint` addresses and URLs, `connect` streams
//! - `typed` the typed calls, with `set_options` and `scan`; `call` one call, `pipeline` several in one piece;
//!   `service` the client as a service
//! - `remote`, `request`, `queue` from the callers to the task; `driver` the task, `handshake` how a connection begins,
//!   `reconnect` when the next one is made; `connection` one stream, `in_flight` the requests on it, `outgoing` a long
//!   argument
//! - `pushes` the server's pushes; `sharing` the commands that a shared connection cannot have; `local` a service in this
//!   process; `error` the errors

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
