use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};

use super::{Pem, TlsError, TlsVersion, provider};

/// The settings of TLS of a client, for [`ClientBuilder::tls`](crate::client::ClientBuilder::tls).
///
/// By default the authorities that the system trusts are trusted, and the client shows no certificate.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientTls {
    authorities: Option<Pem>,
    certificate: Option<(Pem, Pem)>,
    server_name: Option<String>,
    versions: Vec<TlsVersion>,
}

impl ClientTls {
    /// Settings with the defaults.
    pub fn new() -> Self {
        let versions = vec![TlsVersion::Tls12, TlsVersion::Tls13];
        Self { authorities: None, certificate: None, server_name: None, versions }
    }

    /// Trusts these authorities in place of those of the system.
    pub fn authorities(self, authorities: Pem) -> Self {
        Self { authorities: Some(authorities), ..self }
    }

    /// Shows this certificate to a server that asks for one. `key` is its private key.
    pub fn certificate(self, certificate: Pem, key: Pem) -> Self {
        Self { certificate: Some((certificate, key)), ..self }
    }

    /// The name that the certificate of the server must have: the host of the URL by default.
    pub fn server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// The versions of TLS: 1.2 and 1.3 by default.
    pub fn versions(self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        Self { versions: versions.into_iter().collect(), ..self }
    }

    /// Speaks TLS over a stream that is connected already, for [`ClientBuilder::over`](crate::client::ClientBuilder::over) and
    /// [`connect_with`](crate::client::ClientBuilder::connect_with). `host` is the name that the certificate of the server must have.
    ///
    /// # Errors
    /// When a file cannot be read, or the handshake fails.
    pub async fn connect<Io>(
        &self,
        host: &str,
        io: Io,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + use<Io>>
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin,
    {
        self.connector(host).map_err(io::Error::other)?.connect(io).await
    }

    /// Reads the files. `host` is the host of the URL.
    pub(crate) fn connector(&self, host: &str) -> Result<Connector, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        // The zone of a link-local address is of this machine alone.
        let name = name.split_once('%').map_or(name, |(address, _zone)| address);
        let server = ServerName::try_from(name.to_owned()).map_err(|error| TlsError::new(name, error))?;
        Ok(Connector { connector: TlsConnector::from(Arc::new(self.read()?)), server })
    }

    fn read(&self) -> Result<ClientConfig, TlsError> {
        let authorities = self.authorities.as_ref().map_or_else(of_the_system, Pem::authorities)?;
        let versions: Vec<_> = self.versions.iter().map(|version| version.supported()).collect();
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&versions);
        let builder = builder.map_err(|error| TlsError::new("the versions of TLS", error))?;
        let builder = builder.with_root_certificates(authorities);
        match &self.certificate {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificate.certificates()?, key.private_key()?)
                .map_err(|error| certificate.error(format_args!("{error} (with the key {key:?})"))),
        }
    }
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::new()
    }
}

/// The authorities that the system trusts. Some of them may be unusable.
fn of_the_system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut authorities = RootCertStore::empty();
    authorities.add_parsable_certificates(found.certs);
    match found.errors.first() {
        Some(error) if authorities.is_empty() => Err(TlsError::new("the authorities of the system", error)),
        _ => Ok(authorities),
    }
}

/// Does the handshakes of a client.
#[derive(Clone)]
pub(crate) struct Connector {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl Connector {
    pub(crate) async fn connect<Io: AsyncRead + AsyncWrite + Unpin>(&self, io: Io) -> io::Result<TlsStream<Io>> {
        self.connector.connect(self.server.clone(), io).await
    }
}
