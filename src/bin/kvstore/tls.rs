//! TLS: its flags, and how its certificates are read again.

use std::sync::Arc;

use clap::Args;
use kvstore::{
    store::{ParameterChange, ProgramParameters},
    tls::{CertificateField, ClientCertificates, Pem, ServerTls, TlsListener, TlsSettings, TlsVersion},
};
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// The most handshakes in flight on one address. Few files are left for them where the limit of open files is low.
fn max_handshakes() -> usize {
    let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(_, hard)| hard);
    (limit / 16).clamp(16, 1024) as usize
}

/// The settings of TLS.
#[derive(Args, Clone, Debug)]
pub(crate) struct TlsFlags {
    /// The TCP port for connections over TLS, beside the other one; 0 for none
    #[arg(long, value_name = "PORT", default_value = "0")]
    tls_port: u16,

    /// The certificate of the server, followed by those between it and its authority, in PEM
    #[arg(long, value_name = "FILE", default_value = "")]
    tls_cert_file: String,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", default_value = "")]
    tls_key_file: String,

    /// The authorities that sign the certificates of clients, in PEM
    #[arg(long, value_name = "FILE", default_value = "")]
    tls_ca_cert_file: String,

    /// Whether clients must show a certificate, or may
    #[arg(long, value_name = "yes|optional|no", default_value = "yes")]
    tls_auth_clients: String,

    /// The field of a certificate that names the user of its client
    #[arg(long, value_name = "CN|URI|off", default_value = "off")]
    tls_auth_clients_user: String,

    /// The versions of TLS, such as "TLSv1.3" [default: "TLSv1.2 TLSv1.3"]
    #[arg(long, value_name = "VERSIONS", default_value = "", hide_default_value = true)]
    tls_protocols: String,

    /// The cipher suites of TLS 1.3, with colons between them [default: all]
    #[arg(long, value_name = "SUITES", default_value = "", hide_default_value = true)]
    tls_ciphersuites: String,

    /// The cipher suites of TLS 1.2, with colons between them [default: all]
    #[arg(long, value_name = "SUITES", default_value = "", hide_default_value = true)]
    tls_ciphers: String,
}

/// What the listeners speak TLS with. CONFIG and SIGHUP change it.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    server: ServerTls,
    pub(crate) port: u16,
    values: Arc<Mutex<Values>>,
}

/// The settings that CONFIG can change, as texts.
#[derive(Clone, Debug)]
struct Values(Vec<(&'static str, String)>);

impl TlsFlags {
    /// The most handshakes in flight, with so many addresses.
    pub(crate) fn max_handshakes(&self, addresses: usize) -> usize {
        if self.tls_port == 0 { 0 } else { addresses * max_handshakes() }
    }
}

impl Tls {
    /// Reads the certificates, if there is a port for TLS. Without one the other settings are checked all the same.
    ///
    /// # Errors
    /// With the setting that is wrong, or the path of the file that cannot be used.
    pub(crate) fn new(flags: &TlsFlags) -> Result<Option<Self>, String> {
        let values = Values::new(flags.clone());
        if flags.tls_port == 0 {
            return values.check_words().map(|()| None);
        }
        let server = ServerTls::new(&values.settings()?).map_err(|error| error.to_string())?;
        Ok(Some(Self { server, port: flags.tls_port, values: Arc::new(Mutex::new(values)) }))
    }

    /// Reads the files again. If one cannot be used, everything stays as it is.
    pub(crate) fn reload(&self) {
        let settings = self.values.lock().settings();
        match settings.and_then(|settings| self.server.replace(&settings).map_err(|error| error.to_string())) {
            Ok(()) => tracing::info!("the certificates are read again"),
            Err(error) => tracing::error!(%error, "the certificates stay as they were"),
        }
    }

    /// A listener over TLS.
    pub(crate) fn listener(&self, inner: TcpListener) -> TlsListener<TcpListener> {
        self.server.listener(inner).max_handshakes(max_handshakes())
    }
}

impl ProgramParameters for Tls {
    fn get(&self) -> Vec<(&'static str, String)> {
        self.values.lock().0.clone()
    }

    fn set(&self, given: &[(&str, &str)]) -> Result<ParameterChange, String> {
        let mut values = self.values.lock().clone();
        given.iter().for_each(|(name, value)| values.set(name, value));
        let use_them = self.server.prepare(&values.settings()?).map_err(|error| error.to_string())?;
        let current = self.values.clone();
        Ok(Box::new(move || {
            *current.lock() = values;
            use_them();
        }))
    }
}

impl Values {
    fn new(flags: TlsFlags) -> Self {
        Self(vec![
            ("tls-cert-file", flags.tls_cert_file),
            ("tls-key-file", flags.tls_key_file),
            ("tls-ca-cert-file", flags.tls_ca_cert_file),
            ("tls-auth-clients", flags.tls_auth_clients),
            ("tls-auth-clients-user", flags.tls_auth_clients_user),
            ("tls-protocols", flags.tls_protocols),
            ("tls-ciphersuites", flags.tls_ciphersuites),
            ("tls-ciphers", flags.tls_ciphers),
        ])
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        if let Some((_, current)) = self.0.iter_mut().find(|(known, _)| *known == name) {
            value.clone_into(current);
        }
    }

    fn settings(&self) -> Result<TlsSettings, String> {
        let mut settings = TlsSettings::new(self.file("tls-cert-file")?, self.file("tls-key-file")?);
        if let Some(clients) = self.clients()? {
            let authorities = self.file("tls-ca-cert-file");
            let authorities = authorities.map_err(|error| format!("{error}, and tls-auth-clients is not no"))?;
            settings = settings.client_certificates(clients, authorities);
        }
        let versions = self.versions()?;
        if !versions.is_empty() {
            settings = settings.versions(versions);
        }
        let suites = self.words("tls-ciphersuites").chain(self.words("tls-ciphers"));
        Ok(settings.user_from(self.user_from()?).cipher_suites(suites))
    }

    /// Checks what can be wrong without a file.
    fn check_words(&self) -> Result<(), String> {
        self.clients()?;
        self.user_from()?;
        self.versions().map(drop)
    }

    fn versions(&self) -> Result<Vec<TlsVersion>, String> {
        let versions = self.words("tls-protocols").map(str::parse).collect::<Result<_, _>>();
        versions.map_err(|error| format!("tls-protocols: {error}"))
    }

    fn clients(&self) -> Result<Option<ClientCertificates>, String> {
        match self.get("tls-auth-clients") {
            "yes" => Ok(Some(ClientCertificates::Required)),
            "optional" => Ok(Some(ClientCertificates::Optional)),
            "no" => Ok(None),
            other => Err(format!("tls-auth-clients: {other} is not yes, optional or no")),
        }
    }

    fn user_from(&self) -> Result<Option<CertificateField>, String> {
        match self.get("tls-auth-clients-user") {
            "" | "off" => Ok(None),
            field => field.parse().map(Some).map_err(|error| format!("tls-auth-clients-user: {error}")),
        }
    }

    /// The file of a setting that must be there.
    fn file(&self, name: &str) -> Result<Pem, String> {
        match self.get(name) {
            "" => Err(format!("{name} is missing")),
            path => Ok(Pem::file(path)),
        }
    }

    fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).split([' ', ':']).filter(|word| !word.is_empty())
    }
}
