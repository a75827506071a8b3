//! What a client reads when a service fails: an error of a layer, or a panic.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kvstore_protocol::{CommandError, Response};
use tower::{BoxError, load_shed::error::Overloaded, timeout::error::Elapsed};

/// The answer to a command whose service failed. The errors of tower's own layers are known by their type, wherever in
/// the chain of causes they stand; of any other the client reads nothing but that it happened.
pub(super) fn answer_to(error: BoxError) -> Response {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<CommandError>() {
            return refusal.clone().into();
        }
        if error.is::<Elapsed>() {
            return Response::error("TIMEOUT", "the command took too long");
        }
        if error.is::<Overloaded>() {
            return Response::error("OVERLOADED", "too many commands at once");
        }
        cause = error.source();
    }
    internal_error(&error.to_string())
}

/// `ERR internal error`; the detail is logged, and never sent.
pub(super) fn internal_error(detail: &str) -> Response {
    tracing::error!(detail, "a command failed");
    Response::error("ERR", "internal error")
}

/// Runs a piece of somebody else's code. A panic in it is the peer's answer, and nobody else's trouble.
#[inline(always)]
pub(super) fn guard<T>(run: impl FnOnce() -> T) -> Result<T, Response> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| internal_error(text_of(&*panic)))
}

/// Drops a piece of somebody else's code. A panic in it is logged, and nobody's trouble.
pub(super) fn discard<T>(value: T) {
    let _ = guard(|| drop(value));
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a command panicked")
}
