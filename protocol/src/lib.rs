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
//! - [`catalog`]: what is known of a command by its name: arity, flags, keys
//! - [`Options`]: a cursor over the options of a command; [`Pattern`]: glob-style patterns, for keys and channels
//! - [`IntoResponse`]: what a handler returns
//! - [`Body`], [`BodyPipe`], [`Streamed`]: long values that are streamed; [`Upgrade`]: another protocol
//! - [`Session`], [`SessionHandle`], [`mailbox`], [`Push`]: who sent a command, and the way back to the connection it came
//!   from
//! - [`batch`]: what consecutive commands of a pipeline share
//! - [`parking`]: how a command that waits for an outside event tells the layers around it
//! - [`nested`]: how a layer sees the commands inside of a script
//! - [`Codec`], [`RequestBatch`], [`Output`], [`Limits`]: a protocol as a transport sees it
//! - [`resp`], [`native`], [`ServerCodec`]: RESP2 and RESP3, the binary protocol, and both behind one port
//! - [`ClientCodec`]: the client's side of both; with [`ServerCodec`] in
//!   [`Framed`](tokio_util::codec::Framed), a stream of messages
//! - [`CommandError`], [`ProtocolError`]: the error of a command is its answer, an error of the stream ends it

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
pub mod parking;
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
pub use error::{CommandError, FrameError, ProtocolError};
pub use glob::Pattern;
pub use integer::parse_integer;
pub use into_response::IntoResponse;
pub use limits::Limits;
pub use mailbox::{Push, SendError};
pub use names::NameMap;
pub use output::Output;
pub use response::Response;
pub use session::{Extensions, Peer, Protocol, ReplyMode, Session, SessionHandle};
pub use upgrade::Upgrade;
