//! How is a server put in front of another one?
//!
//! Commands on data are passed on. The proxy answers those about the connection, and refuses transactions and subscriptions.
//! Pushes stay with its client: see "A proxy" in the documentation of `kvstore::client`.
//!
//! ```sh
//! cargo run --example proxy
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{client::Client, protocol::Command, server};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Any server that speaks the protocol, usually on another machine.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = listener.local_addr()?;
    tokio::spawn(kvstore::run(listener));

    // A client is a service, so this line is the proxy. Layers wrap it like any service: limits, a log, a retry.
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Client::builder().resp3().connect(upstream).await?).into_future());

    let through = Client::builder().resp3().over(connector.connect()?).await?;
    through.set("key", "value").await?;
    let direct = Client::connect(upstream).await?;
    println!("set through the proxy, read behind it: {:?}", direct.get("key").await?);
    // All clients of the proxy share one connection to the server, so messages cannot be sent to the right client.
    println!("does not go through: {}", through.execute(Command::new("SUBSCRIBE").arg("news")).await?);
    Ok(())
}
