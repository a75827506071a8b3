//! [`ListenOptions`]: options of one listener.

use std::{fmt, sync::Arc};

use kvstore_protocol::{Codec, Limits, ServerCodec};

use super::{
    Authenticate,
    state::{ListenerAuth, ListenerSettings},
};

/// Options of one listener, for [`Serve::listen_with`](super::Serve::listen_with). Options that are not set have the
/// value of the server.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use kvstore::{
///     protocol::Limits,
///     server::{ListenOptions, Password},
///     store::Store,
/// };
/// use tokio::net::{TcpListener, UnixListener};
///
/// // Network clients need a password and may only send small requests. Local clients need no password.
/// let tcp = TcpListener::bind("0.0.0.0:6379").await?;
/// let local = ListenOptions::new().without_authentication().limits(Limits::default());
/// kvstore::serve(tcp, Store::new())
///     .authenticate(Password::new("secret"))
///     .limits(Limits::default().max_request(1024 * 1024))
///     .listen_with(UnixListener::bind("/run/kvstore.sock")?, local)
///     .await;
/// # Ok(()) }
/// ```
#[must_use]
pub struct ListenOptions<C = ServerCodec> {
    pub(super) codec: CodecChoice<C>,
    /// `None` for that of the server.
    auth: Option<ListenerAuth>,
    limits: Option<Limits>,
    protected_mode: Option<bool>,
}

/// A function that makes the codec of each connection.
type MakeCodec<C> = Box<dyn Fn() -> C + Send + Sync>;

/// The codec of the connections.
pub(super) enum CodecChoice<C> {
    /// RESP and the native protocol.
    Default,
    Own(MakeCodec<C>),
}

impl ListenOptions {
    /// Creates options with the values of the server.
    pub fn new() -> Self {
        Self { codec: CodecChoice::Default, auth: None, limits: None, protected_mode: None }
    }

    /// Serves another protocol: `codec` makes the codec of each connection. The services of these connections are
    /// boxed, and so is the future of each command.
    pub fn codec<C: Codec>(self, codec: impl Fn() -> C + Send + Sync + 'static) -> ListenOptions<C> {
        let Self { auth, limits, protected_mode, .. } = self;
        ListenOptions { codec: CodecChoice::Own(Box::new(codec)), auth, limits, protected_mode }
    }
}

impl<C> ListenOptions<C> {
    /// Requires clients of this listener to authenticate with `auth`.
    pub fn authenticate(self, auth: impl Authenticate) -> Self {
        Self { auth: Some(ListenerAuth::Own(Arc::new(auth))), ..self }
    }

    /// Does not require clients of this listener to authenticate.
    pub fn without_authentication(self) -> Self {
        Self { auth: Some(ListenerAuth::Disabled), ..self }
    }

    /// Sets the limits of requests of authenticated clients.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Sets whether clients from other machines are refused while authentication is not required.
    pub fn protected_mode(self, is_on: bool) -> Self {
        Self { protected_mode: Some(is_on), ..self }
    }

    /// Returns the codec and the settings of the listener: its own, or those of the server.
    pub(super) fn resolve(self, server: &ListenerSettings) -> (CodecChoice<C>, ListenerSettings) {
        let auth = self.auth.unwrap_or_else(|| server.auth.clone());
        let limits = self.limits.unwrap_or(server.limits);
        let protected_mode = self.protected_mode.unwrap_or(server.protected_mode);
        (self.codec, ListenerSettings { auth, limits, protected_mode })
    }
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for ListenOptions<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenOptions")
            .field("limits", &self.limits)
            .field("protected_mode", &self.protected_mode)
            .finish_non_exhaustive()
    }
}
