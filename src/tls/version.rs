use std::str::FromStr;

use tokio_rustls::rustls::{SupportedProtocolVersion, version};

use super::TlsError;

/// A version of TLS. As text it has the name that Redis has for it: `TLSv1.2`, `TLSv1.3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    pub(super) fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &version::TLS12,
            Self::Tls13 => &version::TLS13,
        }
    }
}

impl FromStr for TlsVersion {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        match text {
            _ if text.eq_ignore_ascii_case("TLSv1.2") => Ok(Self::Tls12),
            _ if text.eq_ignore_ascii_case("TLSv1.3") => Ok(Self::Tls13),
            _ => Err(TlsError::new(text, "the versions of TLS are TLSv1.2 and TLSv1.3")),
        }
    }
}
