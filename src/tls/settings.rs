use std::sync::Arc;

use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};

use super::{CertificateField, Pem, TlsError, TlsVersion, provider, suites};

/// The settings of TLS of a server.
///
/// ```
/// use kvstore::tls::{CertificateField, ClientCertificates, Pem, TlsSettings};
///
/// let settings = TlsSettings::new(Pem::file("server.crt"), Pem::file("server.key"))
///     .client_certificates(ClientCertificates::Required, Pem::file("ca.crt"))
///     .user_from(CertificateField::CommonName);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct TlsSettings {
    certificate: Pem,
    key: Pem,
    clients: Option<(ClientCertificates, Pem)>,
    pub(super) user_from: Option<CertificateField>,
    versions: Vec<TlsVersion>,
    cipher_suites: Vec<String>,
}

/// Whether clients must show a certificate. One that an authority has not signed is refused in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A client may show one.
    Optional,
    /// A client without one is refused.
    Required,
}

impl TlsSettings {
    /// Settings with the certificate of the server, followed by those between it and its authority, and the private key.
    pub fn new(certificate: Pem, key: Pem) -> Self {
        let versions = vec![TlsVersion::Tls12, TlsVersion::Tls13];
        Self { certificate, key, clients: None, user_from: None, versions, cipher_suites: Vec::new() }
    }

    /// Asks clients for a certificate that one of these authorities has signed. By default clients are asked for none.
    ///
    /// [`Session::tls_identity`](crate::protocol::Session::tls_identity) is the common name of its subject, or else the first of
    /// its URIs.
    pub fn client_certificates(self, clients: ClientCertificates, authorities: Pem) -> Self {
        Self { clients: Some((clients, authorities)), ..self }
    }

    /// Authenticates a client as the user that its certificate names, if there is such a user: see
    /// [`Authenticate::identify`](crate::server::Authenticate::identify). A name with a NUL in it names nobody. A client that is not
    /// authenticated by it may send AUTH as usual.
    pub fn user_from(self, field: impl Into<Option<CertificateField>>) -> Self {
        Self { user_from: field.into(), ..self }
    }

    /// The versions of TLS: 1.2 and 1.3 by default.
    pub fn versions(self, versions: impl IntoIterator<Item = TlsVersion>) -> Self {
        Self { versions: versions.into_iter().collect(), ..self }
    }

    /// The cipher suites by their names in OpenSSL, such as `TLS_AES_128_GCM_SHA256` and `ECDHE-RSA-AES128-GCM-SHA256`. The first
    /// that the client has, too, is used. A version of TLS of which none is named has all of its suites, as by default.
    pub fn cipher_suites<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> Self {
        Self { cipher_suites: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Reads the files.
    pub(super) fn read(&self) -> Result<ServerConfig, TlsError> {
        let mut provider = provider();
        if !self.cipher_suites.is_empty() {
            let cipher_suites = suites::named(&self.cipher_suites)?;
            provider = Arc::new(CryptoProvider { cipher_suites, ..(*provider).clone() });
        }
        let versions: Vec<_> = self.versions.iter().map(|version| version.supported()).collect();
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions);
        let builder = builder.map_err(|error| TlsError::new("the versions of TLS and the cipher suites", error))?;
        let verifier = self.clients.as_ref().map(|(clients, pem)| verifier(*clients, pem, provider)).transpose()?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let (certificates, key) = (self.certificate.certificates()?, self.key.private_key()?);
        let config = builder.with_single_cert(certificates, key);
        let mut config =
            config.map_err(|error| self.certificate.error(format_args!("{error} (with the key {:?})", self.key)))?;
        config.ignore_client_order = !self.cipher_suites.is_empty();
        Ok(config)
    }
}

fn verifier(
    clients: ClientCertificates,
    authorities: &Pem,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let roots: RootCertStore = authorities.authorities()?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        ClientCertificates::Required => builder,
    };
    builder.build().map_err(|error| authorities.error(error))
}
