use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use kvstore_protocol::Response;

use crate::failure;

/// Runs a call of the inner service.
///
/// # Errors
/// The response to the client, if it panics.
#[inline(always)]
pub(super) fn catch<T>(
    answer: &impl Fn(&(dyn Any + Send)) -> Response,
    run: impl FnOnce() -> T,
) -> Result<T, Response> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| response_to(answer, panic))
}

/// The function that makes the answer may panic too.
#[cold]
fn response_to(answer: &impl Fn(&(dyn Any + Send)) -> Response, panic: Box<dyn Any + Send>) -> Response {
    let response = failure::catch(|| answer(&*panic)).unwrap_or_else(|internal_error| internal_error);
    failure::discard(panic);
    response
}
