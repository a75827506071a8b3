//! How are tower's own layers put around a service, and what does a client read when they fail?
//!
//! ```sh
//! cargo run --example tower_layers
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use kvstore::{
    middleware::{HandleErrorLayer, failure},
    protocol::{Command, Response},
    routing::{Arg, Router},
    testing::Server,
};
use tokio::time::sleep;
use tower::{BoxError, ServiceBuilder, load_shed::error::Overloaded};

/// `WORK seconds`
async fn work(Arg(seconds): Arg<u8>) -> &'static str {
    sleep(Duration::from_secs(seconds.into())).await;
    "done"
}

/// tower's layers return errors. Without this function, the server answers them by `failure::response_to`.
async fn handle_error(error: BoxError) -> Response {
    if error.is::<Overloaded>() {
        return Response::error("TRYAGAIN", "two others are working");
    }
    failure::response_to(error)
}

// Time is paused, and advances when every task waits: the example takes no time.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    // Each connection has a clone of the service. These layers are `Clone`; one that is not, such as tower's `rate_limit`,
    // needs `.buffer(…)` outside of it.
    let service = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(handle_error))
        .load_shed()
        .concurrency_limit(2)
        .timeout(Duration::from_secs(5))
        .service(Router::new().command("WORK", work));
    let server = Server::start(service);
    let call = |seconds: u8| {
        let client = server.client();
        async move { client.execute(Command::new("WORK").arg(seconds)).await }
    };

    let (short, long, third) = tokio::join!(call(1), call(60), call(1));
    println!("1 second:            {}", short?);
    println!("60 seconds:          {}", long?);
    println!("a third beside them: {}", third?);
    println!("a fourth, later:     {}", call(1).await?);
    Ok(())
}
