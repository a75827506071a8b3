//! How does a value that is too large for memory pass through a server?
//!
//! ```sh
//! cargo run --example stream
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{
    protocol::{Body, Command, CommandError, Response},
    routing::{AnyError, Arg, Router},
    testing::Server,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, repeat};

const LENGTH: u64 = 100_000_000;

/// `FILL byte length`: a value that is generated while it is sent. Any other `AsyncRead`, such as a file, works too.
fn fill(Arg(byte): Arg<u8>, Arg(length): Arg<u64>) -> Body {
    Body::new(length, repeat(byte))
}

/// `COUNT value`: the length of the value, and the pieces in which it came. Reading slowly slows the client down.
async fn count(command: Command) -> Result<Response, AnyError> {
    let mut body = command.body().ok_or(CommandError::wrong_arity("count"))?;
    let (mut bytes, mut pieces, mut largest, mut piece) = (0, 0, 0, vec![0; 1 << 20]);
    loop {
        let read = body.read(&mut piece).await?;
        if read == 0 {
            return Ok(Response::simple(format!("{bytes} bytes in {pieces} pieces, {largest} at most")));
        }
        (bytes, pieces, largest) = (bytes + read, pieces + 1, largest.max(read));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let router = Router::new().command("FILL", fill).command("COUNT", count);
    // COUNT is called before its last argument has come, when that is longer than 64 KiB.
    let server = Server::start_with(|listener| kvstore::serve(listener, router).stream_in(["COUNT"], 64 * 1024));

    // A `Client` returns whole values, so this copies by hand, from one connection to the other.
    let (mut source, mut sink) = (server.stream(), BufReader::new(server.stream()));
    source.write_all(format!("FILL 7 {LENGTH}\r\n").as_bytes()).await?;
    sink.write_all(b"*2\r\n$5\r\nCOUNT\r\n").await?;
    // A value has the same form in both directions: `$100000000`, a line break, the bytes, a line break.
    let around = format!("${LENGTH}\r\n\r\n").len() as u64;
    copy(&mut source.take(LENGTH + around), &mut sink).await?;

    let mut answer = String::new();
    sink.read_line(&mut answer).await?;
    print!("{answer}");
    Ok(())
}
