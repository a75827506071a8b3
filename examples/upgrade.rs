//! How does a connection upgrade to another protocol?
//!
//! ```sh
//! cargo run --example upgrade
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, io};

use kvstore::routing::{Arg, Router};
use kvstore::server::{Upgraded, upgrade_after};
use kvstore::{protocol::Response, testing::Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, split};

/// `CHAT name`: the last response is `+OK`. From then on the connection has lines of text.
fn chat(Arg(name): Arg<String>) -> Response {
    upgrade_after(Response::ok(), async move |stream| {
        if let Err(error) = shout_back(stream, &name).await {
            println!("{name} is gone: {error}");
        }
    })
}

/// The stream begins right behind the command, even if the client did not wait for its answer.
async fn shout_back(stream: Upgraded, name: &str) -> io::Result<()> {
    let mut stopping = Box::pin(stream.stopping());
    let (reader, mut writer) = split(stream);
    let mut lines = BufReader::new(reader).lines();
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line?,
            () = &mut stopping => None,
        };
        let Some(line) = line else { return writer.write_all(format!("bye, {name}\n").as_bytes()).await };
        writer.write_all(format!("{}!\n", line.to_uppercase()).as_bytes()).await?;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let router = Router::new().command("CHAT", chat);
    // Exclusive: the bytes behind CHAT are not decoded as commands before it is answered.
    let server = Server::start_with(|listener| kvstore::serve(listener, router).exclusive(["CHAT"]));

    let mut stream = BufReader::new(server.stream());
    stream.write_all(b"PING\r\nCHAT Ada\r\nhello\nis anybody there?\n").await?;
    for _ in 0..4 {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        println!("{}", line.trim_end());
    }
    let stopped = server.stop().await?;
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await?;
    println!("{} (connections that were cut off: {})", rest.trim_end(), stopped.cut);
    Ok(())
}
