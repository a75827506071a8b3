//! RESP2 and RESP3: requests with inline commands, and responses; either side of a connection.
//!
//! The formats are those of the [Redis serialization protocol specification](https://redis.io/docs/latest/develop/reference/protocol-spec/).

mod encode;
mod inline;
mod reply;
mod request;

pub use encode::{encode_bulk_end, encode_bulk_head, encode_command, encode_command_head, encode_response};
pub use reply::ReplyDecoder;
pub use request::RequestDecoder;
