use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio_rustls::rustls::ServerConfig;

use super::{CertificateField, TlsError, TlsListener, TlsSettings};
use crate::server::Listener;

/// The certificates of a server, shared by its listeners. They can be replaced while the listeners run.
#[derive(Clone)]
pub struct ServerTls(Arc<Shared>);

struct Shared {
    current: Mutex<Current>,
    failed: AtomicU64,
}

/// What the next handshake is made with.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) config: Arc<ServerConfig>,
    pub(super) user_from: Option<CertificateField>,
}

impl ServerTls {
    /// Reads the certificates and keys of the settings.
    ///
    /// # Errors
    /// With the path of the file that cannot be used.
    pub fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Shared { current: Mutex::new(Current::new(settings)?), failed: AtomicU64::new(0) })))
    }

    /// Accepts the connections of `inner`, and speaks TLS on them.
    pub fn listener<L: Listener>(&self, inner: L) -> TlsListener<L> {
        TlsListener::new(inner, self.clone())
    }

    /// Uses these settings for all later handshakes, also when they are the same: files are read again. Connections that are open,
    /// and handshakes that have begun, go on with what they began with.
    ///
    /// # Errors
    /// With the path of the file that cannot be used. Everything is as before then.
    pub fn replace(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        self.prepare(settings)?();
        Ok(())
    }

    /// Reads the files as [`replace`](Self::replace) does. The function that is returned uses them from then on.
    ///
    /// # Errors
    /// With the path of the file that cannot be used.
    pub fn prepare(&self, settings: &TlsSettings) -> Result<impl FnOnce() + Send + Sync + use<>, TlsError> {
        let (shared, next) = (self.0.clone(), Current::new(settings)?);
        Ok(move || *shared.current.lock() = next)
    }

    /// Returns how many handshakes have failed so far.
    pub fn failed_handshakes(&self) -> u64 {
        self.0.failed.load(Ordering::Relaxed)
    }

    pub(super) fn count_failure(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn current(&self) -> Current {
        self.0.current.lock().clone()
    }
}

impl Current {
    fn new(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self { config: Arc::new(settings.read()?), user_from: settings.user_from })
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("failed_handshakes", &self.failed_handshakes()).finish_non_exhaustive()
    }
}
