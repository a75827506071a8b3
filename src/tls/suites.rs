//! The names that OpenSSL, and so Redis, has for the cipher suites of rustls.

use tokio_rustls::rustls::{CipherSuite, SupportedCipherSuite, crypto::ring::ALL_CIPHER_SUITES};

use super::TlsError;

/// Returns the suites with these names, in this order, and all suites of a version of TLS of which none is named.
///
/// # Errors
/// With a name for which there is no suite.
pub(super) fn named(names: &[String]) -> Result<Vec<SupportedCipherSuite>, TlsError> {
    let mut suites = names.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
    let is_named = |other: &SupportedCipherSuite| suites.iter().any(|suite| suite.version() == other.version());
    let others: Vec<_> = ALL_CIPHER_SUITES.iter().filter(|suite| !is_named(suite)).collect();
    suites.extend(others);
    Ok(suites)
}

/// Checks the name of a cipher suite, as [`TlsSettings::cipher_suites`](super::TlsSettings::cipher_suites) takes it.
///
/// # Errors
/// With the suites that there are.
pub fn check_cipher_suite(name: &str) -> Result<(), TlsError> {
    find(name).map(drop)
}

fn find(name: &str) -> Result<SupportedCipherSuite, TlsError> {
    let found = ALL_CIPHER_SUITES.iter().find(|suite| name_of(suite.suite()).eq_ignore_ascii_case(name));
    found.copied().ok_or_else(|| {
        let known: Vec<_> = ALL_CIPHER_SUITES.iter().map(|suite| name_of(suite.suite())).collect();
        TlsError::new(name, format_args!("the cipher suites are {}", known.join(", ")))
    })
}

/// From `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` to `ECDHE-RSA-AES128-GCM-SHA256`. Those of TLS 1.3 have the same names.
fn name_of(suite: CipherSuite) -> String {
    let name = suite.as_str().unwrap_or_default();
    match name.strip_prefix("TLS13_") {
        Some(name) => format!("TLS_{name}"),
        None => {
            let name = name.trim_start_matches("TLS_").replace("WITH_", "").replace("AES_", "AES").replace('_', "-");
            name.replace("POLY1305-SHA256", "POLY1305")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_have_the_names_of_openssl() {
        let mut names: Vec<_> = ALL_CIPHER_SUITES.iter().map(|suite| name_of(suite.suite())).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES256-GCM-SHA384",
                "ECDHE-RSA-CHACHA20-POLY1305",
                "TLS_AES_128_GCM_SHA256",
                "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256",
            ]
        );
        assert_eq!(named(&["TLS_AES_128_GCM_SHA256".to_owned()]).expect("it is one").len(), 1 + 6);
        let error = named(&["DES-CBC3-SHA".to_owned()]).expect_err("it is not secure");
        assert!(error.to_string().starts_with("DES-CBC3-SHA: the cipher suites are TLS_AES_256"), "{error}");
    }
}
