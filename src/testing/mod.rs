//! Tests without sockets: a server over pipes in memory with a client, and a mock service whose answers the test gives.
//!
//! Everything here, and everything in a server, uses tokio's clock. With `#[tokio::test(start_paused = true)]` (tokio's
//! feature `test-util`) a timeout of an hour elapses at once when all tasks are idle, and no test depends on the speed of the
//! machine. To test a handler or a layer alone, call it with [`tower::ServiceExt::oneshot`]: it is a `Service`.
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
//! // The test plays the service: it sees each command, and answers it.
//! let asked = tokio::spawn(async move { client.execute(Command::new("GET").arg("key")).await });
//! let call = script.next().await;
//! assert_eq!(call.command(), &Command::new("GET").arg("key"));
//! call.answer("value");
//! assert_eq!(asked.await??, Response::from("value"));
//!
//! // This minute takes no time, since the clock is paused.
//! let late = server.client().execute(Command::new("GET").arg("key")).await?;
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

/// How long a test waits before it fails: a minute, which elapses at once while time is paused.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until all tasks are idle. Time must be paused: it advances only then.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
