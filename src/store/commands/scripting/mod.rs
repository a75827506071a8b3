//! Scripts and functions.

pub(super) mod eval;
pub(super) mod function;
pub(super) mod script;

use kvstore_protocol::{CommandError, Response};

use crate::store::{call::Call, spec::Answer};

/// Parses `[ASYNC | SYNC]`: what is large is dropped on another thread, in any case.
fn check_mode(call: &Call<'_>, refusal: &'static str) -> Answer {
    let mut options = call.args().options(1);
    let _ = options.keyword("ASYNC") || options.keyword("SYNC");
    options.finish().map_err(|_| CommandError::new("ERR", refusal))?;
    Ok(Response::ok())
}
