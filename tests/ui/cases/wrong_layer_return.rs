//! A layer's function that returns what is no answer.

use kvstore::middleware::{Next, from_fn};
use kvstore::protocol::Command;
use kvstore::store::Store;
use std::time::Duration;
use tower::ServiceBuilder;

async fn pass(command: Command, next: Next) -> Duration {
    next.run(command).await;
    Duration::ZERO
}

fn main() {
    let _ = ServiceBuilder::new().layer(from_fn(pass)).service(Store::new());
}
