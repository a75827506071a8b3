//! How is a command of one's own added to those of the store?
//!
//! ```sh
//! cargo run --example custom_command
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use kvstore::{
    protocol::{Command, Response, Session},
    routing::{Key, Router, State},
    store::Store,
    testing::Server,
};

/// `SHOUT key`: the value in capitals.
fn shout(State(store): State<Store>, session: Arc<Session>, Key(key): Key) -> Response {
    // In the session of the client: it may have selected another database.
    match store.execute(&Command::new("GET").arg(key).in_session(session, 0)) {
        Response::Bulk(value) => value.to_ascii_uppercase().into(),
        // Null, or an error: the client reads what the store says.
        other => other,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Store::new();
    // Commands that the router does not know go to the store. COMMAND lists both.
    let router = Router::new().command("SHOUT", shout).fallback_service(store.clone()).with_state(store.clone());

    // A program of yours has a `TcpListener` in place of this pipe. Prefetching affects nothing but speed.
    let server = Server::start_with(|listener| {
        kvstore::serve(listener, router).prefetch(store.prefetch()).databases(store.databases())
    });
    let client = server.client();
    client.set("greeting", "hello").await?;
    for command in [
        Command::new("SHOUT").arg("greeting"),
        Command::new("SHOUT").arg("nothing"),
        Command::new("SHOUT"),
        Command::new("COMMAND").arg("GETKEYS").arg("SHOUT").arg("greeting"),
    ] {
        println!("{command:?} -> {}", client.execute(command.clone()).await?);
    }
    Ok(())
}
