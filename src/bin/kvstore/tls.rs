//! TLS: its flags, and how its certificates are read again.

use std::sync::Arc;

use clap::Args;
use kvstore::{
    store::{ParameterChange, ProgramParameters},
    tls::{
        CertificateField, ClientCertificates, Pem, ServerTls, TlsError, TlsListener, TlsSettings, TlsVersion,
        check_cipher_suite,
    },
};
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// The most handshakes in flight on one address. Few files are left for them where the limit of open files is low.
fn max_handshakes() -> usize {
    let limit = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(_, hard)| hard);
    (limit / 16).clamp(16, 1024) as usize
}

/// The versions of TLS in force by default.
const ALL_VERSIONS: &str = "TLSv1.2 TLSv1.3";

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

/// TLS as it is set. CONFIG and SIGHUP change it.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// `None` without a port.
    server: Option<TlsPort>,
    values: Arc<Mutex<Values>>,
}

/// The port for TLS, and what its listeners speak TLS with.
#[derive(Clone, Debug)]
pub(crate) struct TlsPort {
    pub(crate) number: u16,
    server: ServerTls,
}

/// The settings that CONFIG can change, as texts.
#[derive(Clone, Debug)]
struct Values(Vec<(&'static str, String)>);

impl TlsFlags {
    /// The port, if there is one.
    pub(crate) fn port(&self) -> Option<u16> {
        (self.tls_port != 0).then_some(self.tls_port)
    }

    /// The most handshakes in flight, with so many addresses.
    pub(crate) fn max_handshakes(&self, addresses: usize) -> usize {
        if self.tls_port == 0 { 0 } else { addresses * max_handshakes() }
    }
}

impl Tls {
    /// Reads the certificates, if there is a port for TLS. Without one the other settings are checked all the same.
    ///
    /// # Errors
    /// With all that is wrong: the setting, or the path of the file that cannot be used.
    pub(crate) fn new(flags: &TlsFlags) -> Result<Self, Vec<String>> {
        let values = Values::new(flags.clone());
        let server = match flags.tls_port {
            0 => values.check_words().map(|()| None)?,
            number => {
                let server = ServerTls::new(&values.settings()?).map_err(|error| vec![error.to_string()])?;
                Some(TlsPort { number, server })
            }
        };
        Ok(Self { server, values: Arc::new(Mutex::new(values)) })
    }

    /// Its port, if there is one.
    pub(crate) fn port(&self) -> Option<&TlsPort> {
        self.server.as_ref()
    }

    /// Reads the files again. If one cannot be used, everything stays as it is.
    pub(crate) fn reload(&self) {
        let Some(TlsPort { server, .. }) = &self.server else {
            return tracing::info!(signal = "SIGHUP", "nothing is reloaded");
        };
        let settings = self.values.lock().settings().map_err(|problems| problems.join(", "));
        match settings.and_then(|settings| server.replace(&settings).map_err(|error| error.to_string())) {
            Ok(()) => tracing::info!("the certificates are read again"),
            Err(error) => tracing::error!(%error, "the certificates stay as they were"),
        }
    }
}

impl TlsPort {
    /// A listener over TLS.
    pub(crate) fn listener(&self, inner: TcpListener) -> TlsListener<TcpListener> {
        self.server.listener(inner).max_handshakes(max_handshakes())
    }
}

impl ProgramParameters for Tls {
    fn get(&self) -> Vec<(&'static str, String)> {
        let mut values = self.values.lock().clone();
        if values.get("tls-protocols").is_empty() {
            // What is in force.
            values.set("tls-protocols", ALL_VERSIONS);
        }
        values.0
    }

    fn set(&self, given: &[(&str, &str)]) -> Result<ParameterChange, String> {
        let mut values = self.values.lock().clone();
        given.iter().for_each(|(name, value)| values.set(name, value));
        let use_them = self.prepare(&values).map_err(|problems| problems.join(", "))?;
        let current = self.values.clone();
        Ok(Box::new(move || {
            *current.lock() = values;
            use_them();
        }))
    }
}

impl Tls {
    /// Reads the files of other values. Without a port they are for the next start.
    fn prepare(&self, values: &Values) -> Result<ParameterChange, Vec<String>> {
        let Some(TlsPort { server, .. }) = &self.server else {
            return values.check_words().map(|()| Box::new(|| ()) as _);
        };
        match server.prepare(&values.settings()?) {
            Ok(use_them) => Ok(Box::new(use_them)),
            Err(error) => Err(vec![error.to_string()]),
        }
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

    /// The settings, with files that can be used.
    ///
    /// # Errors
    /// All that is wrong with the words and with each file.
    fn settings(&self) -> Result<TlsSettings, Vec<String>> {
        let certificate = self.file("tls-cert-file", Pem::check_certificates);
        let key = self.file("tls-key-file", Pem::check_private_key);
        let authorities = self.authorities();
        match (certificate, key, authorities, self.check_words()) {
            (Ok(certificate), Ok(key), Ok(authorities), Ok(())) => {
                self.with_files(certificate, key, authorities).map_err(|problem| vec![problem])
            }
            (certificate, key, authorities, words) => {
                let of_files = [certificate.err(), key.err(), authorities.err()];
                Err(of_files.into_iter().flatten().chain(words.err().into_iter().flatten()).collect())
            }
        }
    }

    fn with_files(&self, certificate: Pem, key: Pem, authorities: Option<Pem>) -> Result<TlsSettings, String> {
        let mut settings = TlsSettings::new(certificate, key).user_from(self.user_from()?);
        if let (Some(clients), Some(authorities)) = (self.clients()?, authorities) {
            settings = settings.client_certificates(clients, authorities);
        }
        let versions = self.versions()?;
        if !versions.is_empty() {
            settings = settings.versions(versions);
        }
        Ok(settings.cipher_suites(self.suites()))
    }

    /// The authorities of the clients' certificates, if these are asked for.
    fn authorities(&self) -> Result<Option<Pem>, String> {
        match self.clients() {
            Ok(Some(_)) if self.get("tls-ca-cert-file").is_empty() => {
                Err("tls-ca-cert-file is missing, and tls-auth-clients is not no".to_owned())
            }
            Ok(Some(_)) => self.file("tls-ca-cert-file", Pem::check_certificates).map(Some),
            // A value that is wrong is found with the words.
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// Checks what can be wrong without a file.
    fn check_words(&self) -> Result<(), Vec<String>> {
        let mut problems: Vec<_> =
            [self.clients().err(), self.user_from().err(), self.versions().err()].into_iter().flatten().collect();
        problems.extend(self.suites().filter_map(|name| check_cipher_suite(name).err()).map(|error| error.to_string()));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn suites(&self) -> impl Iterator<Item = &str> {
        self.words("tls-ciphersuites").chain(self.words("tls-ciphers"))
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

    /// The file of a setting that must be there, and has what is looked for.
    fn file(&self, name: &str, check: fn(&Pem) -> Result<(), TlsError>) -> Result<Pem, String> {
        let path = self.get(name);
        if path.is_empty() {
            return Err(format!("{name} is missing"));
        }
        let pem = Pem::file(path);
        check(&pem).map(|()| pem).map_err(|error| error.to_string())
    }

    fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).split([' ', ':']).filter(|word| !word.is_empty())
    }
}
