//! RESP2 and RESP3: requests with inline commands, and responses.
//!
//! The formats are those of the [Redis serialization protocol specification](https://redis.io/docs/latest/develop/reference/protocol-spec/).

mod encode;
mod inline;
mod request;

pub use encode::encode_response;
pub use request::RequestDecoder;
