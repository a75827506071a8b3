//! [`Authenticate`]: who a client is.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use subtle::ConstantTimeEq;

/// Decides who a client is, when it says AUTH or HELLO … AUTH.
///
/// A server with an authenticator answers `NOAUTH` to everything else until then, and allows little before. The answer
/// may take its time (a directory is asked): the connection waits for it, and no other does.
pub trait Authenticate: Send + Sync + 'static {
    /// The user whom the credentials belong to, or `None`.
    fn authenticate(&self, credentials: Credentials) -> Pin<Box<dyn Future<Output = Option<Arc<str>>> + Send>>;
}

/// What a client says to show who it is.
#[derive(Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The user's name; `default` when the client named none.
    pub user: Box<[u8]>,
    /// The password.
    pub password: Box<[u8]>,
}

impl Credentials {
    /// What a client said.
    pub fn new(user: &[u8], password: &[u8]) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

/// The name alone: a password does not belong into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.escape_ascii().to_string();
        f.debug_struct("Credentials").field("user", &user).finish_non_exhaustive()
    }
}

/// One password for the user `default`: what `requirepass` is in Redis.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use kvstore::server::{Authenticate, Credentials, Password};
///
/// let password = Password::new("secret");
/// let says = |text: &str| Credentials::new(b"default", text.as_bytes());
/// assert_eq!(password.authenticate(says("secret")).await.as_deref(), Some("default"));
/// assert_eq!(password.authenticate(says("guess")).await, None);
/// # });
/// ```
pub struct Password(Box<[u8]>);

impl Password {
    /// The password that clients must know.
    pub fn new(password: impl AsRef<[u8]>) -> Self {
        Self(password.as_ref().into())
    }
}

impl Authenticate for Password {
    fn authenticate(&self, credentials: Credentials) -> Pin<Box<dyn Future<Output = Option<Arc<str>>> + Send>> {
        // Compared in constant time, so that the time of an answer tells nothing about the password but its length.
        let is_right = &*credentials.user == b"default" && bool::from(credentials.password.ct_eq(&self.0));
        Box::pin(std::future::ready(is_right.then(|| Arc::from("default"))))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}
