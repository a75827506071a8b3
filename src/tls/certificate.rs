//! [`CertificateNames`]: the names in the certificate of a client.

use std::str::FromStr;

use x509_cert::{
    Certificate,
    der::Decode,
    ext::pkix::{SubjectAltName, name::GeneralName},
};

use super::TlsError;

/// The field of a client's certificate that names its user. As text it has the name that Valkey has for it: `CN`, `URI`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateField {
    /// The common name of the subject; the first, if there are several.
    CommonName,
    /// The URIs among the alternative names of the subject. The first that names a user counts.
    Uri,
}

impl FromStr for CertificateField {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        match text {
            _ if text.eq_ignore_ascii_case("CN") => Ok(Self::CommonName),
            _ if text.eq_ignore_ascii_case("URI") => Ok(Self::Uri),
            _ => Err(TlsError::new(text, "the fields that can name a user are CN and URI")),
        }
    }
}

/// The names in a certificate. One that is empty, or has a NUL in it, is left out: another program may read it up to the NUL.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CertificateNames {
    common_name: Option<String>,
    uris: Vec<String>,
}

impl CertificateNames {
    /// Reads the names in a certificate. One that cannot be parsed has none.
    pub(super) fn of(certificate: &[u8]) -> Self {
        let parsed = Certificate::from_der(certificate);
        let parsed = parsed.inspect_err(|error| tracing::debug!(%error, "a client certificate cannot be parsed"));
        parsed.map_or_else(
            |_| Self::default(),
            |certificate| Self { common_name: common_name(&certificate), uris: uris(&certificate) },
        )
    }

    /// The name to show: the common name, or else the first URI.
    pub(super) fn shown(&self) -> Option<&str> {
        self.common_name.as_ref().or(self.uris.first()).map(String::as_str)
    }

    /// The names in a field.
    pub(super) fn into_field(self, field: CertificateField) -> Vec<String> {
        match field {
            CertificateField::CommonName => self.common_name.into_iter().collect(),
            CertificateField::Uri => self.uris,
        }
    }
}

fn common_name(certificate: &Certificate) -> Option<String> {
    let name = certificate.tbs_certificate().subject().common_name().ok()??;
    Some(String::from(name)).filter(|name| is_name(name))
}

fn uris(certificate: &Certificate) -> Vec<String> {
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate().get_extension() else { return Vec::new() };
    let uris = names.into_iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        _ => None,
    });
    uris.filter(|uri| is_name(uri)).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn names(common_names: &[&str], uris: &[&str]) -> CertificateNames {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        common_names.iter().for_each(|name| params.distinguished_name.push(DnType::CommonName, *name));
        params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
        CertificateNames::of(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    #[test]
    fn a_field_has_its_names() {
        let both = || names(&["ada"], &["urn:user:ann", "urn:user:bob"]);
        assert_eq!(both().shown(), Some("ada"));
        assert_eq!(both().into_field(CertificateField::CommonName), ["ada"]);
        assert_eq!(both().into_field(CertificateField::Uri), ["urn:user:ann", "urn:user:bob"]);
        assert_eq!(names(&[], &["urn:user:ann"]).shown(), Some("urn:user:ann"));
        assert_eq!(names(&[], &[]), CertificateNames::default());
    }

    #[test]
    fn a_name_with_a_nul_names_nobody() {
        for name in ["ada\0.example", "\0", "ada\0", ""] {
            assert_eq!(names(&[name], &[]), CertificateNames::default(), "{name:?}");
        }
        assert_eq!(names(&["ada\0"], &["urn:\0ada", "urn:ann"]).into_field(CertificateField::Uri), ["urn:ann"]);
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        assert_eq!(CertificateNames::of(b"no certificate"), CertificateNames::default());
    }
}
