//! How is a server put in front of another one?
//!
//! ```sh
//! cargo run --example proxy
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{client::Client, server};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Any server that speaks the protocol, on another machine mostly.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let upstream = listener.local_addr()?;
    tokio::spawn(kvstore::run(listener));

    // A client is a service, so this line is the proxy. Layers go round it as round any service: limits, a log, a retry.
    let (connector, listener) = server::pipe();
    tokio::spawn(kvstore::serve(listener, Client::connect(upstream).await?).into_future());

    let through = Client::builder().over(connector.connect()?).await?;
    through.set("key", "value").await?;
    let direct = Client::connect(upstream).await?;
    println!("set through the proxy, read behind it: {:?}", direct.get("key").await?);
    Ok(())
}
