//! Certificates that a test makes.

use std::path::{Path, PathBuf};

use kvstore::tls::{ClientCertificates, ClientTls, Pem, TlsSettings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};

/// An authority that signs certificates.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
pub(super) struct Certificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority of a test");
        Self(CertifiedIssuer::self_signed(params, key()).expect("valid parameters"))
    }

    pub(super) fn text(&self) -> String {
        self.0.pem()
    }

    pub(super) fn pem(&self) -> Pem {
        Pem::text(self.text())
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub(super) fn server(&self) -> Certificate {
        self.sign(server_params())
    }

    /// The same, but it is not valid any more.
    pub(super) fn expired(&self) -> Certificate {
        let mut params = server_params();
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(params)
    }

    /// A certificate for a client with this common name and these URIs.
    pub(super) fn client(&self, common_name: &str, uris: &[&str]) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("ASCII"))).collect();
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Certificate {
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("valid parameters");
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A server that asks for no certificates.
    pub(super) fn settings(&self) -> TlsSettings {
        self.server().settings()
    }

    /// A server that wants certificates.
    pub(super) fn mutual(&self, clients: ClientCertificates) -> TlsSettings {
        self.settings().client_certificates(clients, self.pem())
    }

    /// A client that trusts this authority.
    pub(super) fn trusted(&self) -> ClientTls {
        ClientTls::new().authorities(self.pem())
    }
}

impl Certificate {
    pub(super) fn settings(&self) -> TlsSettings {
        TlsSettings::new(Pem::text(&*self.certificate), Pem::text(&*self.key))
    }

    pub(super) fn shown_by(&self, client: ClientTls) -> ClientTls {
        client.certificate(Pem::text(&*self.certificate), Pem::text(&*self.key))
    }
}

fn server_params() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("valid names")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

/// A folder with certificates, removed at the end: `ca.crt`, and `NAME.crt` and `NAME.key`.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A folder with the certificates of a server and of a client with the common name `default`.
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kvstore-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let folder = Self(folder);
        folder.renew();
        folder
    }

    /// Replaces all certificates by those of a new authority.
    pub(crate) fn renew(&self) {
        let authority = Authority::new();
        self.write("ca.crt", authority.text());
        for (name, pair) in [("server", authority.server()), ("client", authority.client("default", &[]))] {
            self.write(&format!("{name}.crt"), pair.certificate);
            self.write(&format!("{name}.key"), pair.key);
        }
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("it is written");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("it is there")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The files of the authority, and of the certificate and the key of a client.
    pub(super) fn paths(&self) -> [String; 3] {
        ["ca.crt", "client.crt", "client.key"].map(|name| self.path(name).to_str().expect("text").to_owned())
    }

    pub(crate) fn pem(&self, name: &str) -> Pem {
        Pem::file(self.path(name))
    }

    /// A client that trusts the authority.
    pub(crate) fn trusted(&self) -> ClientTls {
        ClientTls::new().authorities(Pem::text(self.read("ca.crt")))
    }

    /// A client that shows its certificate, too.
    pub(crate) fn known(&self) -> ClientTls {
        self.trusted().certificate(self.pem("client.crt"), self.pem("client.key"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all::<&Path>(&self.0);
    }
}
