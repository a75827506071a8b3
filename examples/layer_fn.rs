//! How is a layer written as a function? One measures every command, the other refuses writes while a flag is set.
//!
//! ```sh
//! cargo run --example layer_fn
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kvstore::{
    client::Client,
    middleware::{Next, from_fn, from_fn_with_state},
    protocol::{Command, Response},
    store::Store,
};
use tokio::time::Instant;
use tower::ServiceBuilder;

async fn measure(command: Command, next: Next) -> Response {
    let (shown, start) = (format!("{command:?}"), Instant::now());
    let response = next.run(command).await;
    println!("{shown} -> {response} in {:?}", start.elapsed());
    response
}

/// Each command gets a clone of the state, so shared state is in an `Arc`.
async fn refuse_writes(is_on: Arc<AtomicBool>, command: Command, next: Next) -> Response {
    if is_on.load(Ordering::Relaxed) && !command.is("GET") {
        return Response::error("READONLY", "come back later");
    }
    next.run(command).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let read_only = Arc::new(AtomicBool::new(false));
    // From the outside in: refused commands are measured as well.
    let service = ServiceBuilder::new()
        .layer(from_fn(measure))
        .layer(from_fn_with_state(read_only.clone(), refuse_writes))
        .service(Store::new());

    let client = Client::local(service);
    client.set("key", "value").await?;
    read_only.store(true, Ordering::Relaxed);
    client.get("key").await?;
    client.execute(Command::new("SET").arg("key").arg("other")).await?;
    Ok(())
}
