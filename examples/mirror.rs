//! How is a new server tested with the commands of the old one?
//!
//! ```sh
//! cargo run --example mirror
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{
    client::Client,
    middleware::{Redact, TeeLayer},
    protocol::Command,
    store::Store,
};
use tower::{Layer, ServiceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let old = Store::new();
    old.execute(&Command::new("SET").arg("price").arg(10));
    // The new one is empty, and has a bug. It could be a `Client` of another server as well.
    let new = Store::new().map_request(|command: Command| match command.is("INCR") {
        true => command.renamed("DECR"),
        false => command,
    });

    // Clients get the answers of the old one, and never wait for the new one.
    let redact = Redact::new().hide_values();
    let tee = TeeLayer::new(new).on_difference(move |command, first, second| {
        println!("differs: {}: {first}, but the new one says {second}", redact.show(command));
    });
    let client = Client::local(tee.layer(old));

    client.set("visits", 1).await?;
    println!("visits: {}", client.incr("visits").await?);
    println!("price: {:?}", client.get("price").await?);
    // The new one answers in the background.
    tee.idle().await;
    println!("{} were not mirrored", tee.dropped());
    Ok(())
}
