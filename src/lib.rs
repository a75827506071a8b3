//! **axum for command protocols**: a tower-native server framework for RESP-style commands, and a key-value server on top
//! of it.
//!
//! Everything that answers a command is a `tower::Service<Command, Response = Response>`: a handler, a router, the store, a
//! layer, a client of another server, or a stack of them. One transport serves any of these on a socket, to every Redis
//! client.
//!
//! ```text
//! bytes ─▶ codec ─▶ Command ─▶ [log][limit][timeout][connection] ─▶ Router / Store / Client ─▶ Response ─▶ codec ─▶ bytes
//! ```
//!
//! # A server
//! ```
//! use kvstore::routing::{Arg, Router};
//!
//! async fn greet(Arg(name): Arg<String>) -> String {
//!     format!("hello, {name}")
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let server = kvstore::serve(listener, Router::new().command("GREET", greet));
//! # drop(server.with_graceful_shutdown(async {}).into_future().await);
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! `server.await` runs it, with limits, handshakes and a graceful shutdown. [`server::Serve`] has the settings.
//!
//! # Handlers
//! A handler is a `fn` or an `async fn`. Its arguments are extractors: they say how many arguments the command has, how they
//! are parsed, and which of them are keys. Its return value becomes the response. See [`routing`]. When the compiler says that
//! a function is not a handler, [`#[debug_handler]`](macro@debug_handler) shows why.
//!
//! ```
//! use kvstore::protocol::CommandError;
//! use kvstore::routing::{Arg, Key, Rest, Router, State};
//! use kvstore::client::Client;
//!
//! // `REFUND account amount [reason …]`
//! async fn refund(
//!     State(accounts): State<Client>,
//!     Key(account): Key,
//!     Arg(amount): Arg<u32>,
//!     Rest(reason): Rest<String>,
//! ) -> Result<i64, CommandError> {
//!     if reason.is_empty() && amount > 100 {
//!         return Err(CommandError::new("NOREASON", "so much needs a reason"));
//!     }
//!     accounts.incr_by(account, amount.into()).await.map_err(|error| CommandError::err(error.to_string()))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let accounts = Client::local(kvstore::store::Store::new());
//! let client = Client::local(Router::new().command("REFUND", refund).with_state(accounts));
//! # let refund = kvstore::protocol::Command::new("REFUND").arg("ada");
//! # assert_eq!(client.execute(refund.clone().arg(7)).await?, 7.into());
//! # assert_eq!(client.execute(refund.arg(101)).await?.to_string(), "-NOREASON so much needs a reason");
//! # Ok::<(), kvstore::client::ClientError>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layers
//! [`middleware`] has layers for limits, timeouts, logs, metrics, audit and access rules, and makes layers of functions.
//! tower's own layers work unchanged. A layer wraps one route, a router, or the whole service:
//!
//! ```
//! use std::time::Duration;
//!
//! use kvstore::middleware::{ConcurrencyLimitLayer, LogLayer, RateLimitLayer, TimeoutLayer};
//! use tower::ServiceBuilder;
//!
//! let service = ServiceBuilder::new()
//!     .layer(LogLayer::new())
//!     .layer(RateLimitLayer::new(1000, Duration::from_secs(1)).per_connection())
//!     .layer(ConcurrencyLimitLayer::new(10_000))
//!     .layer(TimeoutLayer::new(Duration::from_secs(10)))
//!     .service(kvstore::store::Store::new());
//! ```
//!
//! # Further reading
//! - [How a command travels](guide::how_a_command_travels), from the bytes of a request to the bytes of its response
//! - [Writing a layer](guide::writing_a_layer): as a function, by hand, and the contract
//! - [Sessions and authentication](guide::sessions): users, facts, log-ins, and the clients of a server
//! - [Inside the store](guide::inside_the_store): how a command of the store is executed, locked, told and replayed
//! - [Errors](guide::errors): what can go wrong, and what a client reads
//! - the examples in the repository, one question each
//!
//! # Features
//! - `binary`, on by default: what only the program `kvstore` needs, `tls` and `zero-copy`. The library needs none of them.
//! - `tls`: listeners and `rediss://` clients over TLS, with rustls.
//! - `zero-copy`: sends long values to TCP sockets without the kernel's copy, on Linux: see [`server`](server#long-values).
//!
//! # Layout
//! Three crates, and dependencies point one way: [`protocol`] ◀ [`middleware`] ◀ `kvstore`. The author of a layer depends
//! on `kvstore-protocol` alone, a user of the framework on this crate, which re-exports the others. A fourth one,
//! `kvstore-macros`, has [`debug_handler`](macro@debug_handler) and the derive of [`FromRef`](macro@routing::FromRef).
//!
//! - [`protocol`]: [`Command`](protocol::Command) and [`Response`](protocol::Response), the [session](protocol::Session)
//!   that a command carries, the [catalog](protocol::catalog) of the commands of Redis, and the codecs: RESP2, RESP3, the
//!   native binary protocol. No sockets, no services.
//! - [`middleware`]: the layers. Each is a folder of the same four files, and is tested with a mock.
//! - [`server`]: the transport. [`serve`] and its builder, listeners, authentication, connections, and the
//!   [`ConnectionLayer`](server::ConnectionLayer), which answers the commands that are about a connection and not about data
//!   (PING, HELLO, AUTH, CLIENT …).
//! - [`routing`]: from the name of a command to a function, and from its arguments to those of the function.
//! - [`client`]: a client of a server, or of a service in the same process. It is a service itself.
//! - [`catalog`](mod@catalog): descriptions of the commands that a service answers, and the answers to `COMMAND`.
//! - [`pubsub`]: publishing and subscribing, as a layer in front of any service, and as a part of the store.
//! - [`store`]: the key-value store. It uses the framework as any service does; the framework does not depend on it.
//! - [`standalone`]: the default layers around the default store, in one place. The program `kvstore` (`src/bin/kvstore/`) adds
//!   its options, its addresses and its signals.
//! - [`testing`]: tests without sockets.
//! - `tls`: listeners and clients over TLS, with the feature of that name.
//! - [`guide`]: the pages above.

pub mod catalog;
pub mod client;
pub mod guide;
mod procfs;
pub mod pubsub;
pub mod routing;
pub mod server;
mod service;
pub mod standalone;
pub mod store;
pub mod testing;
#[cfg(feature = "tls")]
pub mod tls;

// Modules and not renamed crates, so that the compiler prints the paths that a user writes.
/// Commands, responses, sessions and codecs: the crate `kvstore-protocol`.
pub mod protocol {
    #[doc(inline)]
    pub use kvstore_protocol::*;
}

/// Layers for services that answer commands: the crate `kvstore-middleware`.
pub mod middleware {
    #[doc(inline)]
    pub use kvstore_middleware::*;
}

pub use kvstore_macros::debug_handler;
pub use server::{serve, serve_with_factory};
pub use service::CommandService;
pub use standalone::run;

/// The README's code is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
