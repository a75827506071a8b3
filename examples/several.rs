//! How does one program serve several stores, each with its own listeners and settings?
//!
//! ```sh
//! cargo run --example several
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use kvstore::middleware::{DenyLayer, TimeoutLayer};
use kvstore::protocol::{Command, Limits};
use kvstore::server::{Password, Serve, pipe};
use kvstore::{client::Client, store::Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let stop = CancellationToken::new();

    // A cache: small values and a short deadline, for clients on this machine and in this process.
    let (cache, cache_tcp, (cache_here, cache_pipe)) = (Store::new(), TcpListener::bind("127.0.0.1:0").await?, pipe());
    let cache_address = cache_tcp.local_addr()?;
    let caching =
        Serve::new(ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_millis(50))).service(cache.clone()))
            .limits(Limits::default().max_bulk(64 * 1024))
            .idle_timeout(Duration::from_secs(300))
            .with_task(cache.run())
            .with_graceful_shutdown(stop.clone().cancelled_owned())
            .listen(cache_tcp)
            .listen(cache_pipe);

    // Records: a password, one database, and no FLUSHALL.
    let (records, records_tcp) = (Store::builder().databases(1).build(), TcpListener::bind("127.0.0.1:0").await?);
    let records_address = records_tcp.local_addr()?;
    let deny = DenyLayer::names(["FLUSHALL", "FLUSHDB"]);
    let recording = Serve::new(ServiceBuilder::new().layer(deny).service(records.clone()))
        .authenticate(Password::new("secret"))
        .databases(records.databases())
        .max_connections(100)
        .with_task(records.run())
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .listen(records_tcp);

    let running = [tokio::spawn(caching.into_future()), tokio::spawn(recording.into_future())];

    Client::builder().over(cache_here.connect()?).await?.set("key", "cached").await?;
    println!("the cache, over TCP: {:?}", Client::connect(cache_address).await?.get("key").await?);
    let client = Client::builder().password("secret").connect(records_address).await?;
    println!("the records: {:?}, {}", client.get("key").await?, client.execute(Command::new("FLUSHALL")).await?);

    stop.cancel();
    for server in running {
        println!("{:?}", server.await?);
    }
    Ok(())
}
