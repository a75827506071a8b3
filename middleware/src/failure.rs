//! What a client reads when a service fails: an error of another crate's layer, or a panic.
//!
//! A refusal is a [`Response`] and needs nothing from here. A failure is anything else that goes wrong behind a layer.
//! Each is answered with exactly one error; its detail is logged, and never sent.
//!
//! The transport of `kvstore` turns errors into responses with [`response_to`].
//! [`HandleErrorLayer`](crate::HandleErrorLayer) does it with a function of your own.

use std::{
    any::Any,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kvstore_protocol::{CommandError, Response};
use tower::{BoxError, load_shed::error::Overloaded, timeout::error::Elapsed};

/// The response to a command whose service returned an error.
///
/// - A [`CommandError`] is sent as it is.
/// - tower's `timeout::error::Elapsed` becomes `-TIMEOUT the command took too long`.
/// - tower's `load_shed::error::Overloaded` becomes `-OVERLOADED too many commands at once`.
/// - Any other error becomes `-ERR internal error`, and is logged.
///
/// The first three are recognised anywhere in the chain of [`source`](Error::source)s.
///
/// ```
/// use kvstore_middleware::failure::response_to;
/// use kvstore_protocol::CommandError;
///
/// assert_eq!(response_to(CommandError::SYNTAX.into()).to_string(), "-ERR syntax error");
/// assert_eq!(response_to("the disk is full".into()).to_string(), "-ERR internal error");
/// ```
pub fn response_to(error: BoxError) -> Response {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<CommandError>() {
            return refusal.clone().into();
        }
        if error.is::<Elapsed>() {
            return refused_by_tower(Response::error("TIMEOUT", "the command took too long"));
        }
        if error.is::<Overloaded>() {
            return refused_by_tower(Response::error("OVERLOADED", "too many commands at once"));
        }
        cause = error.source();
    }
    internal_error(&error.to_string())
}

/// Logged at DEBUG: under load there may be very many of them, and none is a fault of the service.
fn refused_by_tower(response: Response) -> Response {
    tracing::debug!(%response, "a layer failed");
    response
}

/// Returns `-ERR internal error`. Logs `detail` at ERROR; it is never sent.
pub fn internal_error(detail: &str) -> Response {
    tracing::error!(detail, "a command failed");
    Response::error("ERR", "internal error")
}

/// Runs code that may panic, and catches the panic.
///
/// # Errors
/// The response to the command, if the code panics. The text of the panic is logged.
#[inline(always)]
pub fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Response> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| response_to_panic(&*panic))
}

/// The response to a command that panicked: `-ERR internal error`. The text of the panic is logged, and never sent.
pub fn response_to_panic(panic: &(dyn Any + Send)) -> Response {
    internal_error(text_of(panic))
}

/// Drops a value whose drop may panic. A panic is caught and logged.
pub fn discard<T>(value: T) {
    let _ = catch(|| drop(value));
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a command panicked")
}
