use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kvstore_protocol::Response;

use crate::failure;

/// Runs a piece of the inner service.
///
/// # Errors
/// When it panics: what the client reads.
#[inline(always)]
pub(super) fn catch<T>(
    answer: &impl Fn(&(dyn Any + Send)) -> Response,
    run: impl FnOnce() -> T,
) -> Result<T, Response> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| ask(answer, panic))
}

/// What is asked for an answer may be broken too.
#[cold]
fn ask(answer: &impl Fn(&(dyn Any + Send)) -> Response, panic: Box<dyn Any + Send>) -> Response {
    let response = failure::catch(|| answer(&*panic)).unwrap_or_else(|internal_error| internal_error);
    failure::discard(panic);
    response
}
