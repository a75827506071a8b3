//! How does one server listen in two places, and how is a listener put around another? TLS is there already: see `tls`.
//!
//! ```sh
//! cargo run --example listeners
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, io, time::Duration};

use kvstore::server::{Accepted, Listener, Serve, SocketOptions, pipe};
use kvstore::{client::Client, protocol::Peer, store::Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::{task::JoinSet, time::timeout};

// Two words are the handshake of this protocol.
type Secured = BufStream<TcpStream>;
async fn handshake(stream: TcpStream) -> io::Result<Secured> {
    let (mut stream, mut words) = (BufStream::new(stream), [0; 12]);
    stream.read_exact(&mut words).await?;
    if &words == b"open sesame\n" { Ok(stream) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Handshakes run concurrently: a client that sends nothing delays no other.
struct Secure(TcpListener, JoinSet<io::Result<Accepted<Secured>>>);

impl Listener for Secure {
    type Io = Secured;

    async fn accept(&mut self, options: &SocketOptions) -> Accepted<Secured> {
        loop {
            tokio::select! {
                Accepted { io, peer, .. } = Listener::accept(&mut self.0, options), if self.1.len() < 1000 => {
                    self.1.spawn(async move {
                        let io = timeout(Duration::from_secs(10), handshake(io)).await??;
                        // Layers and handlers read it in the extensions of the session.
                        Ok(Accepted::new(io, peer).with("sesame"))
                    });
                }
                Some(done) = self.1.join_next() => if let Ok(Ok(accepted)) = done { return accepted },
            }
        }
    }

    fn local(&self) -> Peer {
        self.0.local()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (connector, open) = pipe(); // or a `UnixListener`, or one more `TcpListener`
    let secure = TcpListener::bind("127.0.0.1:0").await?;
    let address = secure.local_addr()?;
    tokio::spawn(Serve::new(Store::new()).listen(open).listen(Secure(secure, JoinSet::new())).into_future());
    Client::builder().over(connector.connect()?).await?.set("key", "value").await?;
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"open sesame\n").await?;
    println!("set in one place, read in the other: {:?}", Client::builder().over(stream).await?.get("key").await?);
    println!("without the two words: {:?}", Client::connect(address).await?.get("key").await);
    Ok(())
}
