//! [`ConnectionLayer`]: a layer that answers the connection commands.

mod call;
mod client;
mod future;
mod handshake;
mod layer;
mod queued;
mod service;
mod table;

pub(super) use client::sets_replies;
pub use client::{NoEvict, NoTouch, TrackingStatus};
pub use future::ResponseFuture;
pub use layer::ConnectionLayer;
pub use queued::QueuedResponse;
pub use service::ConnectionService;
pub use table::connection_commands;

pub(super) use call::{Outcome, Pending};
pub(crate) use table::answers;
pub(super) use table::{ConnectionCommand, find};
