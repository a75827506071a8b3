//! tower layers over services that answer commands.

pub mod concurrency_limit;
pub mod timeout;

pub use concurrency_limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
pub use timeout::{Timeout, TimeoutLayer};
