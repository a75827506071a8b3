//! How are commands balanced over two servers, and retried when one of them goes away?
//!
//! ```sh
//! cargo run --example retry_balance
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, future, time::Duration};

use futures_util::FutureExt;
use kvstore::protocol::{Command, Response};
use kvstore::{client::Client, routing::Router, testing::Server};
use tokio::{task::JoinSet, time::sleep};
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::{BoxError, ServiceBuilder, balance::p2c::Balance, discover::ServiceList, retry::Policy};

/// Retries an idempotent command once: a command in flight when the connection is lost may have been executed already.
#[derive(Clone, Default)]
struct OnceMore {
    was_tried: bool,
}

impl Policy<Command, Response, BoxError> for OnceMore {
    type Future = future::Ready<()>;

    fn retry(&mut self, command: &mut Command, result: &mut Result<Response, BoxError>) -> Option<Self::Future> {
        let is_first = !std::mem::replace(&mut self.was_tried, true);
        (is_first && result.is_err() && command.is("WHO")).then(|| future::ready(()))
    }

    fn clone_request(&mut self, command: &Command) -> Option<Command> {
        Some(command.clone())
    }
}

fn server(name: &'static str) -> Server {
    Server::start(Router::new().command("WHO", move || sleep(Duration::from_secs(1)).map(move |()| name)))
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (first, second) = (server("first"), server("second"));
    // With `Client::builder().reconnect(None)` the balance drops a server that is gone. The load: commands in flight.
    let clients = [&first, &second].map(|server| PendingRequests::new(server.client(), CompleteOnResponse::default()));
    let balance = Balance::new(ServiceList::new::<Command>(clients));
    let client = Client::local(ServiceBuilder::new().retry(OnceMore::default()).buffer(100).service(balance));
    let who = |_| {
        let answer = client.execute(Command::new("WHO"));
        async { answer.await.map_or_else(|error| error.to_string(), |name| name.to_string()) }
    };
    let ask = || (0..6).map(who).collect::<JoinSet<String>>();
    println!("both there:            {}", ask().join_all().await.join(" "));
    let asked = ask();
    sleep(Duration::from_millis(500)).await;
    first.kill();
    println!("one went, while asked: {}", asked.join_all().await.join(" "));
    Ok(())
}
