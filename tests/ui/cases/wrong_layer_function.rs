//! A layer's function whose arguments are the wrong way round.

use kvstore::middleware::{Next, from_fn};
use kvstore::protocol::{Command, Response};
use kvstore::store::Store;
use tower::ServiceBuilder;

async fn pass(next: Next, command: Command) -> Response {
    next.run(command).await
}

fn main() {
    let _ = ServiceBuilder::new().layer(from_fn(pass)).service(Store::new());
}
