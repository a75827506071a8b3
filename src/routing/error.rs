//! [`AnyError`]: an error of any type, as the error of a handler.

use std::fmt;

use kvstore_middleware::failure;
use kvstore_protocol::{IntoResponse, Response};
use tower::BoxError;

/// An error of any type, for handlers that use `?` on errors of several types, on a `&str` or a `String`.
///
/// The client gets `-ERR internal error`, and the error is logged: its text may not be meant for clients. A
/// [`CommandError`](kvstore_protocol::CommandError), also as the source of another error, is sent as it is.
///
/// # Examples
/// ```
/// use kvstore::{protocol::{Command, CommandError}, routing::{AnyError, Arg, Router}};
/// use tower::ServiceExt;
///
/// async fn size(Arg(path): Arg<String>) -> Result<u64, AnyError> {
///     if path.contains("..") {
///         return Err(CommandError::new("DENIED", "the path leaves the directory").into());
///     }
///     let size = std::fs::metadata(path)?.len();
///     if size > 1 << 40 {
///         return Err("so large a file cannot be right".into());
///     }
///     Ok(size)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("SIZE", size);
/// let Ok(response) = router.clone().oneshot(Command::new("SIZE").arg("..")).await;
/// assert_eq!(response.to_string(), "-DENIED the path leaves the directory");
/// let Ok(response) = router.oneshot(Command::new("SIZE").arg("/no/such/file")).await;
/// assert_eq!(response.to_string(), "-ERR internal error");
/// # });
/// ```
pub struct AnyError(BoxError);

impl<E: Into<BoxError>> From<E> for AnyError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for AnyError {
    fn into_response(self) -> Response {
        failure::response_to(self.0)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
