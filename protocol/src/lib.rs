//! Commands, responses, and the protocols they travel in. No sockets, no services.
//!
//! Everything that answers a command in `kvstore` is a `tower::Service<Command, Response = Response>`; these are the two
//! types, and what both sides must agree on. The author of a layer depends on this crate alone.
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
//! - [`Command`], [`Response`], [`ByteString`]: the two values, and the text in them
//! - [`Options`]: a cursor over the options of a command; [`IntoResponse`]: what a handler returns
//! - [`Pattern`]: glob-style patterns, for keys and channels
//! - [`Body`], [`Streamed`]: long values that come in pieces, out and in; [`Handover`]: the end of the protocol
//! - [`Session`], [`mailbox`], [`Push`]: who sent a command, and the way back to the connection it came from
//! - [`batch`]: what the commands that a connection sends together may share
//! - [`parking`]: how a command that waits for an outside event says so to the layers around it
//! - [`nested`]: how a layer sees the commands inside of a script
//! - [`Codec`], [`Run`], [`Output`], [`Limits`]: a protocol as a transport sees it
//! - [`resp`], [`native`], [`ServerCodec`]: RESP2 and RESP3, the binary protocol, and both behind one port
//! - [`ClientCodec`]: the other side of either; with [`ServerCodec`] in
//!   [`Framed`](tokio_util::codec::Framed), a stream of messages
//! - [`CommandError`], [`ProtocolError`]: trouble with a command is an answer, trouble with the stream ends it

mod auto;
pub mod batch;
mod body;
mod byte_string;
mod client;
mod codec;
mod command;
mod double;
mod error;
mod framed;
mod glob;
mod handover;
mod integer;
mod into_response;
mod limits;
pub mod mailbox;
mod names;
pub mod native;
pub mod nested;
mod output;
pub mod parking;
pub mod resp;
mod response;
mod session;

pub use auto::{ServerCodec, Tag};
pub use body::{Body, Streamed};
pub use byte_string::ByteString;
pub use client::ClientCodec;
pub use codec::{Codec, StreamOver};
pub use command::{Command, Options, Run, ToArg, Word};
pub use error::{CommandError, FrameError, ProtocolError};
pub use glob::Pattern;
pub use handover::Handover;
pub use integer::parse_integer;
pub use into_response::IntoResponse;
pub use limits::Limits;
pub use mailbox::{Push, SendError};
pub use names::NameMap;
pub use output::Output;
pub use response::Response;
pub use session::{Peer, Protocol, Session};
