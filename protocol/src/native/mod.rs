//! The native protocol: a small binary protocol of four commands.
//!
//! Integers are big-endian; a string is a `u32` length and that many bytes of UTF-8.
//!
//! ```text
//! request   0x00  u16 number  string…        0 GET key · 1 SET key value · 2 CLEAR key · 3 PING text
//! response  0x00  u8 status   string         0 success, 1 error
//! ```
//!
//! `PING` with an empty text answers `PONG`, else the text. `SET` answers the key. `GET` answers the value, or the error
//! `Key not found`. `CLEAR` answers the value it removed, or an empty string.

mod decode;
mod encode;
mod reply;

pub use decode::{RequestDecoder, Tag};
pub use encode::{encode_command, encode_error, encode_response};
pub use reply::ReplyDecoder;

/// The first byte of every message. No RESP request starts with it.
pub const HEADER: u8 = 0;

const GET: u16 = 0;
const SET: u16 = 1;
const CLEAR: u16 = 2;
const PING: u16 = 3;

const SUCCESS: u8 = 0;
const ERROR: u8 = 1;
