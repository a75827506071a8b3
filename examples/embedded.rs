//! How is the store used inside of a program, with no socket and no protocol?
//!
//! ```sh
//! cargo run --example embedded
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{convert::Infallible, time::Duration};

use kvstore::{
    middleware::TimeoutLayer,
    protocol::{Command, Response},
    store::Store,
};
use tower::{Service, ServiceBuilder, ServiceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Infallible> {
    let store = Store::new();
    // Gives back the memory of keys whose time has come; they are not seen with or without it.
    tokio::spawn(store.maintain());

    // A command is answered here and now, also where nothing is async.
    println!("SET {}", store.execute(&Command::set("key", "value")));
    if let Response::Bulk(value) = store.execute(&Command::get("key")) {
        println!("GET {} bytes: {}", value.len(), value.escape_ascii());
    }

    // The store is a service: the layers of a server go round it, and clones share what is in it.
    let mut service = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_secs(1))).service(store.clone());
    println!("STRLEN {}", service.ready().await?.call(Command::new("STRLEN").arg("key")).await?);
    println!("STRLEN {}", store.oneshot(Command::new("STRLEN")).await?);
    Ok(())
}
