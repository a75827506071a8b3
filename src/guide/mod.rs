//! Pages to read: how the parts work together. There is no code here.

#[doc = include_str!("how_a_command_travels.md")]
pub mod how_a_command_travels {}

#[doc = include_str!("writing_a_layer.md")]
pub mod writing_a_layer {}

#[doc = include_str!("sessions.md")]
pub mod sessions {}

#[doc = include_str!("inside_the_store.md")]
pub mod inside_the_store {}

#[doc = include_str!("errors.md")]
pub mod errors {}
