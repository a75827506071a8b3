//! How is the store used inside of a program, without a socket?
//!
//! ```sh
//! cargo run --example embedded
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use kvstore::{
    client::Client,
    middleware::{DenyLayer, TimeoutLayer},
    protocol::{Command, Response},
    store::Store,
};
use tower::ServiceBuilder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Store::builder().databases(1).build();
    // Frees the memory of expired keys. Commands never see those, with or without it.
    tokio::spawn(store.run());

    // A synchronous call, also where nothing is async.
    println!("SET {}", store.execute(&Command::new("SET").arg("key").arg("value")));
    if let Response::Bulk(value) = store.execute(&Command::new("GET").arg("key")) {
        println!("GET {} bytes: {}", value.len(), value.escape_ascii());
    }

    // A client with its typed calls, without a server. Clones of the store share its data.
    let client = Client::local(store.clone());
    client.append("key", "s").await?;
    println!("{:?}", client.get("key").await?);

    // Layers wrap the store as they do in a server.
    let service = ServiceBuilder::new()
        .layer(DenyLayer::names(["FLUSHALL", "FLUSHDB"]))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(store);
    println!("FLUSHALL {}", Client::local(service).execute(Command::new("FLUSHALL")).await?);
    Ok(())
}
