//! [`Authenticate`]: who a client is.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use kvstore_protocol::{CommandError, Extensions, Session};
use subtle::ConstantTimeEq;
use tower::BoxError;

/// Decides who a client is, when it sends AUTH or HELLO … AUTH.
///
/// A server with an authenticator answers `NOAUTH` to nearly everything until a client has authenticated. The method may be
/// an `async fn` and take its time, to ask a directory for example: the connection waits for it, and no other does.
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
/// /// What a directory knows of a user. Handlers read it with `session.extensions().get::<Groups>()`.
/// struct Groups(Vec<String>);
///
/// impl Authenticate for Directory {
///     async fn authenticate(&self, sent: Credentials, _: &Session) -> Result<Identity, AuthError> {
///         // An error of the directory is not a wrong password: the client is told to try again.
///         let entry = self.find(&sent.user).await?.ok_or(AuthError::Denied)?;
///         if entry.password != *sent.password {
///             return Err(AuthError::Denied);
///         }
///         Ok(Identity::new(String::from_utf8_lossy(&sent.user)).with(Groups(entry.groups)))
///     }
/// }
/// ```
pub trait Authenticate: Send + Sync + 'static {
    /// The identity that the credentials prove. `session` tells where the client comes from.
    ///
    /// # Errors
    /// [`AuthError`] says what the client is told.
    fn authenticate(
        &self,
        credentials: Credentials,
        session: &Session,
    ) -> impl Future<Output = Result<Identity, AuthError>> + Send;
}

/// Who a client is, once it has authenticated: a user, and facts about it that are added to the session.
#[derive(Clone, Debug)]
pub struct Identity {
    user: Arc<str>,
    facts: Extensions,
}

impl Identity {
    /// The user of this name.
    pub fn new(user: impl AsRef<str>) -> Self {
        Self { user: user.as_ref().into(), facts: Extensions::default() }
    }

    /// Adds a fact: a group, a tenant. It becomes an [extension](Session::extensions) of the session, until RESET.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, fact: T) -> Self {
        self.facts.insert(fact);
        self
    }

    /// The name of the user.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Makes a session that of this user.
    pub(super) fn apply(self, session: &mut Session) {
        session.set_user(Some(self.user));
        session.extensions_mut().extend(self.facts);
    }
}

/// Why a client is not authenticated. Any error converts to [`Unavailable`](Self::Unavailable), so `?` works.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// There is no such user, or the password is wrong: `WRONGPASS`.
    Denied,
    /// The authenticator cannot tell now. The client is told to try again, and the error is logged.
    Unavailable(BoxError),
    /// Another refusal, such as too many attempts, with the text that the client reads.
    Refused(CommandError),
}

impl<E: Into<BoxError>> From<E> for AuthError {
    fn from(error: E) -> Self {
        Self::Unavailable(error.into())
    }
}

impl AuthError {
    /// What the client is told.
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
    /// The user's name; `default` when the client named none.
    pub user: Box<[u8]>,
    /// The password.
    pub password: Box<[u8]>,
}

impl Credentials {
    /// The credentials of a client.
    pub fn new(user: &[u8], password: &[u8]) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

/// The name alone: a password does not belong in a log.
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
    /// The password that clients must know.
    pub fn new(password: impl AsRef<[u8]>) -> Self {
        Self(password.as_ref().into())
    }
}

impl Authenticate for Password {
    async fn authenticate(&self, credentials: Credentials, _: &Session) -> Result<Identity, AuthError> {
        // Compared in constant time, so that the time of an answer tells nothing about the password but its length.
        let is_right = &*credentials.user == b"default" && bool::from(credentials.password.ct_eq(&self.0));
        if is_right { Ok(Identity::new("default")) } else { Err(AuthError::Denied) }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Password").finish_non_exhaustive()
    }
}

/// [`Authenticate`] behind a pointer.
pub(super) trait AnyAuthenticate: Send + Sync {
    fn authenticate(
        self: Arc<Self>,
        credentials: Credentials,
        session: Arc<Session>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>;
}

impl<A: Authenticate> AnyAuthenticate for A {
    fn authenticate(
        self: Arc<Self>,
        credentials: Credentials,
        session: Arc<Session>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>> {
        Box::pin(async move { Authenticate::authenticate(&*self, credentials, &session).await })
    }
}
