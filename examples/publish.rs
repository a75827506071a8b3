//! How does a program publish messages to the clients that are subscribed?
//!
//! ```sh
//! cargo run --example publish
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{
    pubsub::{PubSub, PubSubLayer},
    routing::{Arg, Key, Router, State},
    testing::Server,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tower::Layer;

/// `PRICE article amount`: sets a price, and publishes it.
fn price(State(hub): State<PubSub>, Key(article): Key, Arg(amount): Arg<u32>) -> usize {
    hub.publish([b"price:", &*article].concat(), amount.to_string())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = PubSub::new();
    let router = Router::new().command("PRICE", price).with_state(hub.clone());
    // The layer answers SUBSCRIBE, PUBLISH and their kin; everything else goes to the router.
    let server = Server::start(PubSubLayer::new(hub.clone()).layer(router));

    let mut client = BufReader::new(server.stream());
    client.write_all(b"PSUBSCRIBE price:*\r\n").await?;
    show_message(&mut client, 6).await?;

    let other = server.client();
    let receivers = other.execute(kvstore::protocol::Command::new("PRICE").with_args(["tea", "3"])).await?;
    println!("a command was published to {receivers}");
    show_message(&mut client, 9).await?;

    println!("the program publishes to {}", hub.publish("price:coffee", "4"));
    show_message(&mut client, 9).await
}

/// Prints the lines of a message that are not lengths.
async fn show_message(client: &mut (impl AsyncBufReadExt + Unpin), lines: usize) -> Result<(), Box<dyn Error>> {
    let mut words = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        client.read_line(&mut line).await?;
        if !line.starts_with(['*', '$']) {
            words.push(line.trim_end().to_owned());
        }
    }
    println!("the client reads {}", words.join(" "));
    Ok(())
}
