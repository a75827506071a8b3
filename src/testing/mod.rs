//! Utilities for tests without sockets: a server over in-memory pipes, and a mock service that the test controls.
//!
//! All code here and in a server uses the clock of tokio. With `#[tokio::test(start_paused = true)]` (feature
//! `test-util` of tokio) a timeout of an hour elapses immediately when all tasks are idle, and tests do not depend on
//! the speed of the machine. A handler or a layer alone is tested with [`tower::ServiceExt::oneshot`], since it is a
//! `Service`.
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
//! // The test takes the place of the service: it receives each command and answers it.
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

/// How long a test waits before it fails. Elapses immediately while time is paused.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until all tasks are idle. Time must be paused: paused time advances only when all tasks are idle.
pub async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
