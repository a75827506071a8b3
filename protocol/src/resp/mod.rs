//! RESP2 and RESP3: the protocol of Redis, for servers and for clients.
//!
//! A request is an array of bulks, or an inline command: words on a line that ends with LF or CR LF, of any bytes. A client
//! of HTTP, SMTP, SSH, TLS and their kin is refused at its first bytes, or at the first line that only such a client sends,
//! so that nothing of what follows runs as a command. Arrays of bulks are not looked at for this.
//!
//! The formats are those of the [Redis serialization protocol specification](https://redis.io/docs/latest/develop/reference/protocol-spec/).

pub(crate) mod encode;
mod foreign;
mod inline;
mod reply;
mod request;

pub use encode::{encode_bulk_end, encode_bulk_head, encode_command, encode_command_head, encode_response};
pub use reply::ReplyDecoder;
pub use request::RequestDecoder;
