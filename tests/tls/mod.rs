//! TLS: handshakes, certificates, and the clients that connect.

pub(crate) mod certificates;
mod clients;
mod handshakes;
#[cfg(feature = "binary")]
mod program;
mod users;

use kvstore::{
    protocol::Command,
    server::{PipeListener, Serve},
    tls::{ClientTls, ServerTls, TlsListener, TlsSettings},
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::{Client, Server, words};

/// A server over TLS over in-memory pipes.
struct Secured {
    server: Server,
    tls: ServerTls,
}

impl Secured {
    /// A server that answers with the words of a command.
    fn start(settings: &TlsSettings) -> Self {
        Self::of(settings, |listener| kvstore::serve(listener, words()))
    }

    fn of(settings: &TlsSettings, build: impl FnOnce(TlsListener<PipeListener>) -> Serve) -> Self {
        let tls = ServerTls::new(settings).expect("usable settings");
        let server = Server::of(|listener| build(tls.listener(listener)));
        Self { server, tls }
    }

    async fn connect(&self, tls: &ClientTls) -> std::io::Result<Client<impl AsyncRead + AsyncWrite + Unpin + use<>>> {
        let stream = self.server.connector().connect().expect("the server runs");
        Ok(Client::new(tls.connect("localhost", stream).await?))
    }

    /// Why a client is refused, at its end, by its handshake or at its first request.
    async fn refusal(&self, tls: &ClientTls) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut client = match self.connect(tls).await {
            Ok(client) => client,
            Err(error) => return error.to_string(),
        };
        let _ = client.io.write_all(b"PING\r\n").await;
        let _ = client.io.flush().await;
        match client.io.read_u8().await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it is not refused"),
        }
    }
}

/// A handler that tells who its client is: the user, and the name in its certificate.
fn tell(command: Command) -> String {
    let session = command.session();
    format!("{} {}", session.user().unwrap_or("nobody"), session.tls_identity().unwrap_or("none"))
}
