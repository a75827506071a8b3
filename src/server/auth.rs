//! [`Authenticate`]: checks the credentials of clients.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use kvstore_protocol::{CommandError, Extensions, Session};
use subtle::ConstantTimeEq;
use tower::BoxError;

/// Checks the credentials that a client sends with AUTH or HELLO … AUTH.
///
/// A server with an authenticator answers `NOAUTH` to most commands until the client has authenticated. The method may
/// be an `async fn` and wait, for example for a directory service. Only the connection that authenticates waits.
///
/// ```
/// use kvstore::{
///     protocol::Session,
///     server::{AuthError, Authenticate, Credentials, Identity},
/// };
/// # struct Directory;
/// # struct Entry { password: Vec<u8>, groups: Vec<String> }
/// # impl Directory { async fn find(&self, _: &[u8]) -> std::io::Result<Option<Entry>> { Ok(None) } }
///
/// /// The groups of a user. Handlers read them with `session.extensions().get::<Groups>()`.
/// struct Groups(Vec<String>);
///
/// impl Authenticate for Directory {
///     async fn authenticate(&self, sent: Credentials, _: &Session) -> Result<Identity, AuthError> {
///         // A failure of the directory is not a wrong password: the client reads `TRYAGAIN`.
///         let entry = self.find(&sent.user).await?.ok_or(AuthError::Denied)?;
///         if entry.password != *sent.password {
///             return Err(AuthError::Denied);
///         }
///         Ok(Identity::new(String::from_utf8_lossy(&sent.user)).with(Groups(entry.groups)))
///     }
/// }
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// Returns the identity that belongs to the credentials. `session` has the address of the client.
    ///
    /// # Errors
    /// [`AuthError`] selects the error that the client reads.
    fn authenticate(
        &self,
        credentials: Credentials,
        session: &Session,
    ) -> impl Future<Output = Result<Identity, AuthError>> + Send;

    /// Returns the identity of a user that a client is [known as](super::Accepted::known_as) without credentials, such as the one that
    /// its TLS certificate names; `None` if there is no such user. By default there is none.
    fn identify(&self, user: &str) -> Option<Identity> {
        let _ = user;
        None
    }
}

/// The identity of an authenticated client: a user name, and values that are added to its session.
#[derive(Clone, Debug)]
pub struct Identity {
    user: Arc<str>,
    facts: Extensions,
}

impl Identity {
    /// Creates an identity with this user name.
    pub fn new(user: impl AsRef<str>) -> Self {
        Self { user: user.as_ref().into(), facts: Extensions::default() }
    }

    /// Adds a value, such as a group or a tenant. It is an [extension](Session::extensions) of the session until RESET.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, fact: T) -> Self {
        self.facts.insert(fact);
        self
    }

    /// Returns the name of the user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Sets the user of a session and adds the values.
    pub(super) fn apply(self, session: &mut Session) {
        session.set_user(Some(self.user));
        session.extensions_mut().extend(self.facts);
    }
}

/// The reason why a client is not authenticated. Any error converts to [`Unavailable`](Self::Unavailable), so `?`
/// works.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The user does not exist, or the password is wrong. The client reads `WRONGPASS`.
    Denied,
    /// The authenticator failed. The client reads `TRYAGAIN`, and the error is logged.
    Unavailable(BoxError),
    /// The client is refused for another reason, such as too many attempts. It reads this error.
    Refused(CommandError),
}

impl<E: Into<BoxError>> From<E> for AuthError {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl AuthError {
    /// Returns the error that the client reads.
    pub(super) fn answer(self, session: &Session) -> CommandError {
        match self {
            Self::Denied => {
                tracing::warn!(peer = %session.peer(), "authentication failed");
                CommandError::new("WRONGPASS", "invalid username-password pair or user is disabled.")
            }
            Self::Unavailable(error) => {
                tracing::error!(%error, peer = %session.peer(), "the authenticator failed");
                CommandError::new("TRYAGAIN", "authentication is not available at the moment")
            }
            Self::Refused(refusal) => refusal,
        }
    }
}

/// The user name and the password that a client sent.
#[derive(Clone)]
#[non_exhaustive]
pub struct Credentials {
    /// The user name; `default` when the client sent only a password.
    pub user: Box<[u8]>,
    /// The password.
    pub password: Box<[u8]>,
}

impl Credentials {
    /// Creates credentials.
    pub fn new(user: &[u8], password: &[u8]) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

/// Shows the user name alone, so that passwords do not get into logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.escape_ascii().to_string();
        f.debug_struct("Credentials").field("user", &user).finish_non_exhaustive()
    }
}

/// An authenticator with one password for the user `default`, like `requirepass` in Redis.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// use kvstore::{protocol::Session, server::{AuthError, Authenticate, Credentials, Password}};
///
/// let password = Password::new("secret");
/// let (sent, session) = (|text: &str| Credentials::new(b"default", text.as_bytes()), Session::default());
/// assert_eq!(password.authenticate(sent("secret"), &session).await.unwrap().user(), "default");
/// assert!(matches!(password.authenticate(sent("guess"), &session).await, Err(AuthError::Denied)));
/// # });
/// ```
pub struct Password(Box<[u8]>);

impl Password {
    /// Creates an authenticator that accepts this password.
    pub fn new(password: impl AsRef<[u8]>) -> Self {
        Self(password.as_ref().into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Authenticate for Password {
    async fn authenticate(&self, credentials: Credentials, _: &Session) -> Result<Identity, AuthError> {
        // Compared in constant time, so that the response time reveals only the length of the password.
        let is_right = &*credentials.user == b"default" && bool::from(credentials.password.ct_eq(&self.0));
        if is_right { Ok(Identity::new("default")) } else { Err(AuthError::Denied) }
    }

    fn identify(&self, user: &str) -> Option<Identity> {
        (user == "default").then(|| Identity::new(user))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}

/// [`Authenticate`] as a trait object.
pub(super) trait AnyAuthenticate: Send + Sync {
    fn authenticate(
        self: Arc<Self>,
        credentials: Credentials,
        session: Arc<Session>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;

    fn identify(&self, user: &str) -> Option<Identity>;
}

impl<A: Authenticate> AnyAuthenticate for A {
    fn authenticate(
        self: Arc<Self>,
        credentials: Credentials,
        session: Arc<Session>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>> {
        Box::pin(async move { Authenticate::authenticate(&*self, credentials, &session).await })
    }

    fn identify(&self, user: &str) -> Option<Identity> {
        Authenticate::identify(self, user)
    }
}
