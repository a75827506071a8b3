use std::fmt;

/// A certificate, a key or another setting of TLS that cannot be used. The message has the path of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The file or the setting.
    place: String,
    problem: String,
}

impl TlsError {
    pub(super) fn new(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { place: place.to_string(), problem: problem.to_string() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for TlsError {}
