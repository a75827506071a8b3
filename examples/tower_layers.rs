//! How do tower's own layers go round a service?
//!
//! ```sh
//! cargo run --example tower_layers
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use kvstore::{
    protocol::Command,
    routing::{Arg, Router},
    testing::Server,
};
use tokio::time::sleep;
use tower::ServiceBuilder;

/// `WORK seconds`
async fn work(Arg(seconds): Arg<u8>) -> &'static str {
    sleep(Duration::from_secs(seconds.into())).await;
    "done"
}

// Time stands still but where everybody waits: nothing here takes any.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    // They fail where the layers of this project answer. The server makes an answer of each failure, and goes on.
    // The buffer makes one service of the clones that connections have: without it, a connection that was shed by tower's
    // `load_shed` keeps its place in the queue for a permit, and the permit with it. `LoadShedLayer` needs no buffer.
    let service = ServiceBuilder::new()
        .buffer(100)
        .load_shed()
        .concurrency_limit(2)
        .timeout(Duration::from_secs(5))
        .service(Router::new().command("WORK", work));
    let server = Server::start(service);
    let call = |seconds: u8| {
        let client = server.client();
        async move { client.call(Command::new("WORK").arg(seconds)).await }
    };

    let (short, long, third) = tokio::join!(call(1), call(60), call(1));
    println!("1 second:            {}", short?);
    println!("60 seconds:          {}", long?);
    println!("a third beside them: {}", third?);
    println!("a fourth, later:     {}", call(1).await?);
    Ok(())
}
