//! How things hang together: a page each, for reading. There is no code here.

#[doc = include_str!("how_a_command_travels.md")]
pub mod how_a_command_travels {}

#[doc = include_str!("writing_a_layer.md")]
pub mod writing_a_layer {}

#[doc = include_str!("errors.md")]
pub mod errors {}
