//! The answer to a command over the limit.

use std::time::Duration;

use kvstore_protocol::CommandError;

#[cold]
pub(super) fn refusal(wait: Duration) -> CommandError {
    // Rounded up: a client that comes back after this time may pass.
    let milliseconds = wait.as_nanos().div_ceil(1_000_000).max(1);
    CommandError::with_code("RATELIMITED", format!("too many commands, try again in {milliseconds} ms"))
}
