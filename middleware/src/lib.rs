//! tower layers over services that answer commands.

pub mod timeout;

pub use timeout::{Timeout, TimeoutLayer};
