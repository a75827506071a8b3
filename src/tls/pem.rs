use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error, PemObject},
    },
};

use super::TlsError;

/// Certificates or a private key in PEM: a file, which is read each time that it is used, or a text.
///
/// `Debug` shows the path of a file, and nothing of a text.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Text(Vec<u8>),
}

impl Pem {
    /// The file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// A text in memory.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self(Source::Text(text.into()))
    }

    /// Checks that there is a certificate in it.
    ///
    /// # Errors
    /// With the path of the file, if there is none, or it cannot be read.
    pub fn check_certificates(&self) -> Result<(), TlsError> {
        self.certificates().map(drop)
    }

    /// Checks that there is a private key in it.
    ///
    /// # Errors
    /// With the path of the file, if there is none, or it cannot be read.
    pub fn check_private_key(&self) -> Result<(), TlsError> {
        self.private_key().map(drop)
    }

    /// Reads the certificates. There is at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let text = self.read()?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => Err(self.error("there is no certificate in it")),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Reads the first private key.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(|error| match error {
            Error::NoItemsFound => self.error("there is no private key in it, or it is encrypted"),
            error => self.error(error),
        })
    }

    /// Reads the certificates of authorities.
    pub(super) fn authorities(&self) -> Result<RootCertStore, TlsError> {
        let mut authorities = RootCertStore::empty();
        for certificate in self.certificates()? {
            authorities.add(certificate).map_err(|error| self.error(error))?;
        }
        Ok(authorities)
    }

    /// An error with the path.
    pub(super) fn error(&self, problem: impl fmt::Display) -> TlsError {
        TlsError::new(format_args!("{self:?}"), problem)
    }

    fn read(&self) -> Result<Vec<u8>, TlsError> {
        match &self.0 {
            Source::File(path) => read(path).map_err(|error| self.error(error)),
            Source::Text(text) => Ok(text.clone()),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("it cannot be read: {error}"))
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Text(_) => f.write_str("PEM in memory"),
        }
    }
}
