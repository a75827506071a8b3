//! TLS: a listener around any other one, and the settings of a client.
//!
//! [`ServerTls`] is made of [`TlsSettings`], and is shared by its [`TlsListener`]s. It can be [replaced](ServerTls::replace) while
//! they run. [`ClientTls`] has the settings of a client, for `rediss://` URLs.
//!
//! The implementation is rustls with the cryptography of `ring`, whatever the default of the process is. It speaks TLS 1.2 and 1.3.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use kvstore::{
//!     client::Client,
//!     store::Store,
//!     tls::{ClientTls, Pem, ServerTls, TlsSettings},
//! };
//! use tokio::net::TcpListener;
//!
//! let settings = TlsSettings::new(Pem::file("server.crt"), Pem::file("server.key"));
//! let tls = ServerTls::new(&settings)?;
//! let listener = tls.listener(TcpListener::bind("0.0.0.0:6379").await?);
//! tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
//!
//! let client = Client::builder().tls(ClientTls::new().authorities(Pem::file("ca.crt")));
//! client.connect("rediss://localhost").await?.set("key", "value").await?;
//! // The files were replaced. Connections that are open go on as they are.
//! tls.replace(&settings)?;
//! # Ok(()) }
//! ```
//!
//! - [`Pem`]: a certificate or a key, in a file or in memory; [`TlsError`]: why it is not used; [`TlsVersion`]
//! - [`TlsSettings`]: the settings of a server, with [`ClientCertificates`] and the [`CertificateField`] that names a user
//! - [`TlsListener`]: does the handshakes of several connections at a time; [`TlsStream`]: one of them

mod certificate;
mod client;
mod error;
mod handshakes;
mod listener;
mod pem;
mod server;
mod settings;
mod stream;
mod suites;
mod version;

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub use certificate::CertificateField;
pub use client::ClientTls;
pub use error::TlsError;
pub use listener::TlsListener;
pub use pem::Pem;
pub use server::ServerTls;
pub use settings::{ClientCertificates, TlsSettings};
pub use stream::TlsStream;
pub use suites::check_cipher_suite;
pub use version::TlsVersion;

/// The cryptography. Named here, since a process may have another default, or none.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
