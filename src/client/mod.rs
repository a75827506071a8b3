//! The client: the other end of a connection, typed calls over one stream.
//!
//! A [`Client`] speaks RESP or the native protocol over TCP, a Unix socket or anything that reads and writes. It has one
//! command under way at a time. It is no pool, and does not connect again: once its connection is lost it answers
//! [`ClientError::Closed`].
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use kvstore::{client::Client, protocol::ClientCodec, server, store::Store};
//!
//! let (connector, listener) = server::pipe();
//! tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
//!
//! let mut client = Client::over(connector.connect()?, ClientCodec::resp());
//! client.set("key", "value").await?;
//! assert_eq!(client.get("key").await?.as_deref(), Some(&b"value"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - `client` the calls, `connection` one command after the other over one stream, `error` what can go wrong

#[expect(clippy::module_inception, reason = "the file of the type that the module is named for")]
mod client;
mod connection;
mod error;

pub use client::{Client, create};
pub use error::{ClientError, Refusal};
