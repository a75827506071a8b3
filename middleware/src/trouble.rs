//! Trouble in a service, and what the client reads of it.
//!
//! A refusal is a [`Response`]; this is about everything else that can go wrong behind a layer: an error of somebody
//! else's layer, a panic. Each is exactly one answer, and its detail is for the log and not for the client.

use std::{
    any::Any,
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kvstore_protocol::{CommandError, Response};
use tower::{BoxError, load_shed::error::Overloaded, timeout::error::Elapsed};

/// The answer to a command whose service failed. A [`CommandError`] is the refusal that it is; the errors of tower's own
/// timeout and load shedder are `-TIMEOUT` and `-OVERLOADED`, wherever in the chain of causes they stand; any other is
/// `-ERR internal error`, and is logged.
///
/// ```
/// use kvstore_middleware::trouble::answer_to;
/// use kvstore_protocol::CommandError;
///
/// assert_eq!(answer_to(CommandError::SYNTAX.into()).to_string(), "-ERR syntax error");
/// assert_eq!(answer_to("the disk is full".into()).to_string(), "-ERR internal error");
/// ```
pub fn answer_to(error: BoxError) -> Response {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<CommandError>() {
            return refusal.clone().into();
        }
        if error.is::<Elapsed>() {
            return foreign(Response::error("TIMEOUT", "the command took too long"));
        }
        if error.is::<Overloaded>() {
            return foreign(Response::error("OVERLOADED", "too many commands at once"));
        }
        cause = error.source();
    }
    internal_error(&error.to_string())
}

/// The answer that an error of tower's stands for. There may be very many of them, so they are no errors in the log.
fn foreign(answer: Response) -> Response {
    tracing::debug!(%answer, "a layer failed");
    answer
}

/// `-ERR internal error`. The detail is logged, and never sent.
pub fn internal_error(detail: &str) -> Response {
    tracing::error!(detail, "a command failed");
    Response::error("ERR", "internal error")
}

/// Runs a piece of somebody else's code.
///
/// # Errors
/// When it panics: the answer to the command that it was run for.
#[inline(always)]
pub fn guard<T>(run: impl FnOnce() -> T) -> Result<T, Response> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| answer_to_panic(&*panic))
}

/// The answer to a command that panicked: `-ERR internal error`. The text of the panic is logged, and never sent.
pub fn answer_to_panic(panic: &(dyn Any + Send)) -> Response {
    internal_error(text_of(panic))
}

/// Drops a piece of somebody else's code. A panic in it is logged, and nobody's trouble.
pub fn discard<T>(value: T) {
    let _ = guard(|| drop(value));
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a command panicked")
}
