//! **axum for command protocols**: a tower-native server framework for RESP-style commands, and the key-value server that
//! proves it.
//!
//! Everything that answers a command is a `tower::Service<Command, Response = Response>`: a handler, the store, a layer, a
//! stack of them. One transport mounts any of these on a socket, and every Redis client can talk to it.
//!
//! ```text
//! bytes ─▶ codec ─▶ Command ─▶ [log][limit][timeout][…] ─▶ any Service<Command> ─▶ Response ─▶ codec ─▶ bytes
//! ```
//!
//! A server of one's own:
//!
//! ```
//! use kvstore::protocol::{Command, CommandError, Response};
//! use std::convert::Infallible;
//!
//! async fn greet(command: Command) -> Result<Response, Infallible> {
//!     if !command.is("GREET") {
//!         return Ok(CommandError::unknown_command(&command).into());
//!     }
//!     let name = command.arg_at(0).unwrap_or(b"world");
//!     Ok(Response::from(format!("hello, {}", name.escape_ascii())))
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let server = kvstore::serve(listener, tower::service_fn(greet));
//! # drop(server.with_graceful_shutdown(async {}).into_future().await);
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The same as a program: `kvstore`, a key-value server with the store of this crate behind the layers of this crate.
//!
//! # Layout
//!
//! Three crates, and dependencies point one way: [`protocol`] ◀ [`middleware`] ◀ `kvstore`. The author of a layer depends
//! on `kvstore-protocol` alone; a user of the framework on this crate, which re-exports the others.
//!
//! - [`protocol`]: [`Command`](protocol::Command) and [`Response`](protocol::Response), the [session](protocol::Session)
//!   that a command carries, and the codecs: RESP2, RESP3, the native binary protocol. No sockets, no services.
//! - [`middleware`]: the layers. Each is a folder of the same four files, and is tested with a mock.
//! - [`server`]: the transport. [`serve`] and its builder; listeners; the connection loop; the commands that are about a
//!   connection and not about data (PING, HELLO, AUTH, CLIENT …).
//! - [`client`]: the other end of a connection.
//! - [`store`]: the key-value store, the framework's first user. It knows the framework; the framework does not know it.
//! - [`standalone`]: the default layers round the default store, read top to bottom in one place. The program is a
//!   configuration on top of it.
//!
//! # How a command travels
//!
//! 1. A [`Listener`](server::Listener) accepts a connection, and a task is spawned for it.
//! 2. The task reads into a buffer. The codec decodes every complete command in it, at most some tens at a time: a
//!    [`Command`](protocol::Command) is a slice of that buffer and where its words lie.
//! 3. The batch is shown to the [hint](server::Serve::hint): the store asks the processor for the memory that the commands
//!    will touch, so that the cache misses of the whole batch overlap.
//! 4. One by one the commands go through the service: `poll_ready`, `call`, and one poll of the future, which is mostly
//!    enough. What is pending is waited for together with everything else that can happen.
//! 5. Each [`Response`](protocol::Response) is encoded behind the one before it, and all of them are written at once.
//!
//! Three things leave this path: a value that is never held whole, [out](protocol::Body) or [in](server::Serve::stream_in),
//! and a connection that a handler [detaches](server::detach) for a protocol of its own.
//!
//! Trouble with a command is its answer; trouble with the stream ends it. An error of any layer, or a panic, is answered
//! with an error reply, exactly one, and the stream never loses step.

pub mod catalog;
pub mod client;
mod glob;
pub mod routing;
pub mod server;
pub mod standalone;
pub mod store;

pub use kvstore_middleware as middleware;
pub use kvstore_protocol as protocol;
pub use server::{serve, serve_with_factory};
pub use standalone::run;

/// The README's code is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
