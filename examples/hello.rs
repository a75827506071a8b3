//! How does a program of one's own answer Redis clients?
//!
//! ```sh
//! cargo run --example hello                 # or: -- 127.0.0.1:7000
//! redis-cli -p 6380 GREET Ada               # "hello, Ada"
//! ```
//!
//! The server answers PING, HELLO, CLIENT and the other commands about the connection, and the router answers COMMAND.

use std::{env, error::Error};

use kvstore::routing::{Arg, Router};
use tokio::net::TcpListener;

async fn greet(Arg(name): Arg<String>) -> String {
    format!("hello, {name}")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:6380".to_owned());
    kvstore::serve(TcpListener::bind(address).await?, Router::new().command("GREET", greet)).await;
    Ok(())
}
