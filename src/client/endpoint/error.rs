use std::fmt;

/// A text that is no valid [`Endpoint`](super::Endpoint). The message names the invalid part, and never shows a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    problem: &'static str,
    part: String,
}

impl EndpointError {
    pub(super) fn new(problem: &'static str, part: &str) -> Self {
        Self { problem, part: part.chars().take(64).collect() }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.problem)?;
        if self.part.is_empty() { Ok(()) } else { write!(f, ": {}", self.part.escape_debug()) }
    }
}

impl std::error::Error for EndpointError {}
