//! How is the store used inside of a program, with no socket and no protocol?
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
    // Gives back the memory of keys whose time has come; they are not seen with or without it.
    tokio::spawn(store.run());

    // A command is answered here and now, also where nothing is async.
    println!("SET {}", store.execute(&Command::new("SET").arg("key").arg("value")));
    if let Response::Bulk(value) = store.execute(&Command::new("GET").arg("key")) {
        println!("GET {} bytes: {}", value.len(), value.escape_ascii());
    }

    // The client of a server, and its typed calls, without the server. Clones of the store share what is in it.
    let client = Client::local(store.clone());
    client.append("key", "s").await?;
    println!("{:?}", client.get("key").await?);

    // Layers go round the store as they do in a server.
    let service = ServiceBuilder::new()
        .layer(DenyLayer::names(["FLUSHALL", "FLUSHDB"]))
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .service(store);
    println!("FLUSHALL {}", Client::local(service).execute(Command::new("FLUSHALL")).await?);
    Ok(())
}
