//! What the client of a command reads that is one too many, and a script of one that it wanted to run.

use std::time::Duration;

use kvstore_protocol::CommandError;

#[cold]
pub(super) fn refusal(wait: Duration) -> CommandError {
    // Rounded up: whoever comes back when he was told to is let through.
    let milliseconds = wait.as_nanos().div_ceil(1_000_000).max(1);
    CommandError::with_code("RATELIMITED", format!("too many commands, try again in {milliseconds} ms"))
}
