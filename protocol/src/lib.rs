//! Commands, responses, sessions, and the protocols that carry them. No sockets, no services.
//!
//! Everything that answers a command in `kvstore` is a `tower::Service<Command, Response = Response>`. This crate has these
//! two types, and everything that transports, layers and services share. The author of a layer depends on it alone.
//!
//! ```
//! use bytes::BytesMut;
//! use kvstore_protocol::{Codec, Output, Response, ServerCodec};
//!
//! let mut codec = ServerCodec::default();
//! let mut input = BytesMut::from("*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
//! let (command, tag) = codec.decode(&mut input)?.expect("a whole command");
//! assert!(command.is("get"));
//!
//! let mut output = Output::default();
//! codec.encode(&Response::from("value"), tag, &mut output);
//! assert_eq!(&output.bytes()[..], b"$5\r\nvalue\r\n");
//! # Ok::<(), kvstore_protocol::ProtocolError>(())
//! ```
//!
//! # Layout
//! The values that services work with:
//! - [`Command`]: a request, with [`Word`], the position of one of its words, and [`ToArg`], what its arguments are made of
//! - [`Response`]: the answer to a command, with [`IntoResponse`], what a handler returns, and [`ByteString`], its texts
//! - [`Packed`]: an answer of many elements, which are encoded as they are added; [`ReplyBudget`]: the memory that it may take
//! - [`PackedPush`]: a push message that is encoded once and sent to many
//! - [`CommandError`]: an error that is sent as the answer to a command; [`ProtocolError`] and [`FrameError`]: errors that
//!   end a stream
//! - [`Body`], [`BodyPipe`], [`Streamed`]: values that are streamed in pieces
//! - [`Upgrade`]: a response that takes the connection out of the protocol
//! - [`Options`]: a cursor over the options of a command; [`parse_integer`]: integers as Redis reads them
//! - [`catalog`]: the commands of Redis and Valkey, with their arity, flags and keys; [`NameMap`]: a map from names of commands
//! - [`Pattern`]: glob-style patterns, for keys and channels
//!
//! The connection that a command came from:
//! - [`Session`]: the user, the database, the [`Peer`], the [`Protocol`], and [`Extensions`] of any type
//! - [`SessionHandle`]: changes the session; [`ReplyMode`]: which responses the client wants
//! - [`Transaction`]: the state of MULTI; [`Subscriptions`]: what the connection is [`Subscribed`] to
//! - [`Push`]: sends messages to the connection, or a [`SendError`]; [`mailbox`]: the queue behind it, for transports
//!
//! What layers and services agree on:
//! - [`parking`]: a command that waits for an outside event tells the layers around it
//! - [`release`]: output is held back until something has happened outside of the connection
//! - [`nested`]: a layer sees the commands inside of a script
//! - [`batch`]: consecutive commands of a pipeline share a permit, or another value
//!
//! Protocols:
//! - [`Codec`]: a protocol, as a server's transport uses it, with [`RequestBatch`], [`Output`], [`Limits`] and [`StreamOver`]
//! - [`ServerCodec`] and its [`Tag`]: RESP and the native protocol on one port, told apart by the first byte
//! - [`ClientCodec`]: the client's side of both; with [`ServerCodec`] in [`Framed`](tokio_util::codec::Framed), a stream of
//!   messages
//! - [`resp`]: RESP2, RESP3 and inline commands; [`native`]: the binary protocol

mod auto;
pub mod batch;
mod body;
mod byte_string;
pub mod catalog;
mod client;
mod codec;
mod command;
mod double;
mod error;
mod folded_name;
mod framed;
mod glob;
mod integer;
mod into_response;
mod limits;
pub mod mailbox;
mod names;
pub mod native;
pub mod nested;
mod output;
mod packed;
mod packed_push;
pub mod parking;
pub mod release;
mod reply_budget;
pub mod resp;
mod response;
mod session;
mod upgrade;

pub use auto::{ServerCodec, Tag};
pub use body::{Body, BodyPipe, Streamed};
pub use byte_string::ByteString;
pub use client::ClientCodec;
pub use codec::{Codec, StreamOver};
pub use command::{Command, Options, RequestBatch, ToArg, Word};
pub use double::{DoubleText, format_double};
pub use error::{CommandError, FrameError, ProtocolError};
pub use glob::Pattern;
pub use integer::parse_integer;
pub use into_response::IntoResponse;
pub use limits::Limits;
pub use mailbox::{Push, SendError};
pub use names::NameMap;
pub use output::Output;
pub use packed::{Packed, PackedForm};
pub use packed_push::PackedPush;
pub use reply_budget::ReplyBudget;
pub use response::Response;
pub use session::{
    Extensions, Peer, Protocol, ReplyMode, Session, SessionHandle, Subscribed, Subscriptions, Transaction,
};
pub use upgrade::Upgrade;
