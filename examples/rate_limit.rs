//! How is each client limited to a number of commands per second?
//!
//! ```sh
//! cargo run --example rate_limit
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use kvstore::{middleware::RateLimitLayer, protocol::Command, store::Store, testing::Server};
use tower::Layer;

// Time is paused, and advances when every task waits: the example takes no time.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    // Also `.per_peer_address()`, `.per_user()`, or `.by(…)` with a key of your own; `.wait()` waits instead of
    // refusing.
    let limit = RateLimitLayer::new(2, Duration::from_secs(1)).per_connection();
    let server = Server::start(limit.layer(Store::new()));
    let (greedy, modest) = (server.client(), server.client());

    // Each command of a pipeline counts.
    let batch = greedy
        .pipeline()
        .add(Command::new("GET").arg("a"))
        .add(Command::new("GET").arg("b"))
        .add(Command::new("GET").arg("c"));
    for (number, answer) in batch.send().await?.iter().enumerate() {
        println!("greedy, command {}: {answer}", number + 1);
    }
    println!("modest: {}", modest.execute(Command::new("GET").arg("a")).await?);
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("greedy, a second later: {}", greedy.execute(Command::new("GET").arg("c")).await?);
    Ok(())
}
