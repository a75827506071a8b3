//! Crate docs.
pub mod server;

pub use kvstore_middleware as middleware;
pub use kvstore_protocol as protocol;
pub use server::serve;
pub mod store;
