//! Tests without sockets: a server over pipes in memory with a client to it, and a service that answers what a test says.
//!
//! Everything here, and everything in a server, takes its time from tokio's clock. Under `#[tokio::test(start_paused =
//! true)]` (tokio's feature `test-util`) a timeout of an hour passes at once when nothing else is left to do, and nothing
//! depends on how fast the machine is. A handler or a layer alone needs no server: it is a `Service`, called with
//! [`tower::ServiceExt::oneshot`].
//!
//! ```
//! use std::time::Duration;
//!
//! use kvstore::{
//!     middleware::TimeoutLayer,
//!     protocol::{Command, Response},
//!     testing::{Server, mock},
//! };
//! use tower::Layer;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let (service, mut script) = mock();
//! let server = Server::start(TimeoutLayer::new(Duration::from_secs(60)).layer(service));
//! let client = server.client();
//!
//! // The test plays the service: it sees each command, and answers it when it likes.
//! let asked = tokio::spawn(async move { client.call(Command::get("key")).await });
//! let call = script.next().await;
//! assert_eq!(call.command(), &Command::get("key"));
//! call.answer("value");
//! assert_eq!(asked.await??, Response::from("value"));
//!
//! // A minute that nobody waits for.
//! let late = server.client().call(Command::get("key")).await?;
//! assert_eq!(late.to_string(), "-TIMEOUT the command took too long");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod mock;
mod server;

use std::time::Duration;

pub use self::{
    mock::{Call, Mock, Script, mock},
    server::Server,
};

/// How long a test waits before it takes something for lost: a minute, which passes at once where time is paused.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until nothing moves any more. Time must be paused: it goes on only then.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
