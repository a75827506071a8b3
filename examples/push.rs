//! How does a handler stream messages to its connection, no faster than the client reads them?
//!
//! ```sh
//! cargo run --example push
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use kvstore::{
    protocol::{Push, Response},
    routing::{Arg, Router, State},
    testing::{Server, settle},
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// `TICK most`: answers `OK`. A task then sends that many messages.
fn tick(push: Push, State(sent): State<Arc<AtomicU64>>, Arg(most): Arg<u64>) {
    tokio::spawn(async move {
        for number in 1..=most {
            let message = Response::Push(vec!["tick".into(), number.to_string().into()]);
            // Waits for room while the client does not read. An error means that the connection is closed.
            if push.send(message).await.is_err() {
                return println!("the client is gone");
            }
            sent.store(number, Ordering::Relaxed);
        }
    });
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let sent = Arc::new(AtomicU64::new(0));
    let router = Router::new().command("TICK", tick).with_state(sent.clone());
    // The most that a client may leave unread: 10 messages, and 4096 bytes that are encoded already.
    let server = Server::start_with(|listener| kvstore::serve(listener, router).push_queue(10).output_buffer(4096));

    // A `Client` takes every message off the connection at once, so this one reads by hand.
    let mut stream = BufReader::new(server.connector().connect_with_room(1024)?);
    stream.write_all(b"TICK 1000000\r\n").await?;
    settle().await;
    println!("nothing is read, {} messages are sent", sent.load(Ordering::Relaxed));
    let mut line = String::new(); // a message is five lines
    for _ in 0..1000 * 5 {
        stream.read_line(&mut line).await?;
    }
    settle().await;
    println!("1000 are read, {} are sent", sent.load(Ordering::Relaxed));
    drop(stream);
    settle().await;
    Ok(())
}
