//! [`AnyError`]: any error, as the error of a handler.

use std::{error::Error, fmt};

use kvstore_middleware::failure;
use kvstore_protocol::{IntoResponse, Response};
use tower::BoxError;

/// Any error, for handlers that use `?` on errors of all kinds.
///
/// A [`CommandError`](kvstore_protocol::CommandError) is the refusal that it is, also as the cause of another error. Any
/// other is answered `-ERR internal error`, and logged: its text is nothing for clients.
///
/// ```
/// use kvstore::{protocol::{Command, CommandError}, routing::{AnyError, Arg, Router}};
/// use tower::ServiceExt;
///
/// async fn size(Arg(path): Arg<String>) -> Result<u64, AnyError> {
///     if path.contains("..") {
///         return Err(CommandError::new("DENIED", "no way up").into());
///     }
///     Ok(std::fs::metadata(path)?.len())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// let router: Router = Router::new().command("SIZE", size);
/// let Ok(answer) = router.clone().oneshot(Command::new("SIZE").arg("..")).await;
/// assert_eq!(answer.to_string(), "-DENIED no way up");
/// let Ok(answer) = router.oneshot(Command::new("SIZE").arg("/no/such/file")).await;
/// assert_eq!(answer.to_string(), "-ERR internal error");
/// # });
/// ```
pub struct AnyError(BoxError);

impl<E: Error + Send + Sync + 'static> From<E> for AnyError {
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
