use std::fmt;

use kvstore_protocol::Response;

use crate::redact::EscapedText;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// It was answered without an error.
    Ok,
    /// It was answered with an error of this code. The service decides what the code is, so escape it before you show
    /// it.
    Error(&'a str),
    /// The service returned an error instead of a response.
    Failed,
    /// Its future was dropped before there was an answer: the client disconnected, or an outer layer gave up.
    Dropped,
    /// It is about to run inside of a script. How it ends is not known.
    Started,
}

impl<'a> Outcome<'a> {
    pub(crate) fn of<E>(result: &'a Result<Response, E>) -> Self {
        match result {
            Ok(response) if response.is_error() => Self::Error(response.error_code().unwrap_or("error")),
            Ok(_) => Self::Ok,
            Err(_) => Self::Failed,
        }
    }
}

/// `ok`, the code of an error (escaped, truncated to 64 bytes), `failed`, `dropped` or `started`.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Error(code) => EscapedText(code.as_bytes()).fmt(f),
            Self::Failed => f.write_str("failed"),
            Self::Dropped => f.write_str("dropped"),
            Self::Started => f.write_str("started"),
        }
    }
}
