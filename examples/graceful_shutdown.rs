//! How does a server stop without cutting off commands in flight?
//!
//! ```sh
//! cargo run --example graceful_shutdown     # or: -- 127.0.0.1:7000
//! redis-cli -p 6380 WORK 3                  # press ctrl-c in the server: the answer comes
//! redis-cli -p 6380 WORK 60                 # the same: the connection is cut
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{env, error::Error, time::Duration};

use kvstore::routing::{Arg, Router};
use tokio::{net::TcpListener, signal, time::sleep};

/// `WORK seconds`
async fn work(Arg(seconds): Arg<u8>) -> &'static str {
    sleep(Duration::from_secs(seconds.into())).await;
    "done"
}

/// Any future can be the signal: SIGTERM, a channel, a token.
async fn ctrl_c() {
    if let Err(error) = signal::ctrl_c().await {
        println!("no signal will be heard: {error}");
        std::future::pending::<()>().await;
    }
    println!("stopping: nobody gets in any more, what was begun has 5 seconds");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:6380".to_owned());
    let stopped = kvstore::serve(TcpListener::bind(address).await?, Router::new().command("WORK", work))
        .with_graceful_shutdown(ctrl_c())
        .grace_period(Duration::from_secs(5))
        .await;
    match stopped.cut {
        0 => println!("everything was answered"),
        cut => println!("connections that were cut off: {cut}"),
    }
    Ok(())
}
