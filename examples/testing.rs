//! How is a server tested without sockets, and without waiting?
//!
//! ```sh
//! cargo test --example testing              # `cargo run --example testing` answers one command
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use bytes::Bytes;
use kvstore::middleware::{Timeout, TimeoutLayer};
use kvstore::routing::{AnyError, Key, Router, State};
use kvstore::{client::Client, protocol::Command, store::Store};
use tower::Layer;

/// `PRICE item`, from another server.
async fn price(State(shop): State<Client>, Key(item): Key) -> Result<Option<Bytes>, AnyError> {
    Ok(shop.get(["price:".as_bytes(), &item].concat()).await?)
}

fn app(shop: Client) -> Timeout<Router> {
    TimeoutLayer::new(Duration::from_secs(60)).layer(Router::new().command("PRICE", price).with_state(shop))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let shop = Client::local(Store::new());
    shop.set("price:apple", 3).await?;
    println!("{}", Client::local(app(shop)).execute(Command::new("PRICE").arg("apple")).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use kvstore::testing::{Server, mock};

    use super::*;

    /// The test plays the shop.
    #[tokio::test]
    async fn a_price_is_what_the_shop_says() {
        let (shop, mut script) = mock();
        let server = Server::start(app(Client::local(shop)));
        let asked = tokio::spawn(server.client().execute(Command::new("PRICE").arg("apple")));
        let call = script.expect("GET").await;
        assert_eq!(call.command(), &Command::new("GET").arg("price:apple"));
        call.answer("3");
        assert_eq!(asked.await.unwrap().unwrap(), "3".into());
    }

    /// Paused time advances when all tasks are idle, so this minute takes no time.
    #[tokio::test(start_paused = true)]
    async fn a_shop_that_does_not_answer_is_a_timeout() {
        let (shop, _script) = mock();
        let late = Client::local(app(Client::local(shop))).execute(Command::new("PRICE").arg("apple")).await.unwrap();
        assert_eq!(late.to_string(), "-TIMEOUT the command took too long");
    }
}
