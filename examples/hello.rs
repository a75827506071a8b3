//! How does a service of one's own answer Redis clients?
//!
//! ```sh
//! cargo run --example hello                 # or: -- 127.0.0.1:7000
//! redis-cli -p 6380 GREET Ada               # "hello, Ada"
//! ```
//!
//! PING, HELLO, CLIENT and the other commands about a connection are answered by the server.

use std::{convert::Infallible, env, error::Error};

use kvstore::protocol::{Command, CommandError, Response};
use tokio::net::TcpListener;
use tower::service_fn;

async fn greet(command: Command) -> Result<Response, Infallible> {
    if !command.is("GREET") {
        return Ok(CommandError::unknown_command(&command).into());
    }
    let name = command.arg_at(0).unwrap_or(b"world");
    Ok(Response::from([b"hello, ", name].concat()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:6380".to_owned());
    kvstore::serve(TcpListener::bind(address).await?, service_fn(greet)).await;
    Ok(())
}
