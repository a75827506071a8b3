//! How does a server speak TLS, and know its clients by their certificates?
//!
//! ```sh
//! cargo run --example tls
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::tls::{ClientCertificates, ClientTls, Pem, ServerTls, TlsSettings};
use kvstore::{client::Client, protocol::Command, routing::Router};
use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;

/// An authority, which signs certificates. Yours are in files: `Pem::file("server.crt")`.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?).map(Self)
    }

    /// A certificate for a host, or a client, and its key.
    fn sign(&self, name: &str) -> Result<(Pem, Pem), rcgen::Error> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok((Pem::text(params.signed_by(&key, &self.0)?.pem()), Pem::text(key.serialize_pem())))
    }

    fn pem(&self) -> Pem {
        Pem::text(self.0.pem())
    }
}

fn whoami(command: Command) -> String {
    format!("the certificate says {}", command.session().tls_identity().unwrap_or("nothing"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let authority = Authority::new()?;
    let (certificate, key) = authority.sign("localhost")?;
    let settings =
        TlsSettings::new(certificate, key).client_certificates(ClientCertificates::Required, authority.pem());
    let tls = ServerTls::new(&settings)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("rediss://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(kvstore::serve(tls.listener(listener), Router::new().command("WHOAMI", whoami)).into_future());

    let (certificate, key) = authority.sign("ada")?;
    let trusted = ClientTls::new().authorities(authority.pem());
    let ada = Client::builder().tls(trusted.clone().certificate(certificate, key)).connect(&url).await?;
    println!("with a certificate: {}", ada.execute(Command::new("WHOAMI")).await?);
    let nobody = Client::builder().tls(trusted).reconnect(None).connect(&url).await?;
    if let Err(refusal) = nobody.execute(Command::new("WHOAMI")).await {
        println!("without one: {refusal}");
    }

    // On a signal, for example. Connections that are open go on, and the next ones see what is in the files now.
    tls.replace(&settings)?;
    println!("certificates are replaced: {}", ada.execute(Command::new("WHOAMI")).await?);
    Ok(())
}
