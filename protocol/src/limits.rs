//! [`Limits`]: how large a request or a reply may be.

/// The limits of one request, or of one reply. They bound the memory that a peer can make a decoder hold.
///
/// The defaults are those of Redis. A decoder refuses a request as soon as a length that is announced is over a limit.
///
/// ```
/// use kvstore_protocol::Limits;
///
/// let limits = Limits::default().max_bulk(1024 * 1024);
/// assert_eq!(limits.bulk(), 1024 * 1024);
/// assert_eq!(Limits::unauthenticated().args(), 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    bulk: usize,
    args: usize,
    inline: usize,
    request: usize,
    authenticated: bool,
}

impl Limits {
    /// The limits for a client that is not authenticated: 10 words of 16 KiB, as in Redis, and 64 KiB in all.
    pub const fn unauthenticated() -> Self {
        Self { bulk: 16 * 1024, args: 10, inline: 16 * 1024, request: 64 * 1024, authenticated: false }
    }

    /// Sets the longest word, in bytes: 512 MiB by default, and at most 1 GiB.
    #[must_use]
    pub const fn max_bulk(self, bulk: usize) -> Self {
        Self { bulk: min(bulk, 1 << 30), ..self }
    }

    /// Sets the most words of a command, its name included: 2,147,483,647 by default. Their memory is that of the request, which
    /// has a [limit](Self::max_request) of its own.
    #[must_use]
    pub const fn max_args(self, args: usize) -> Self {
        Self { args, ..self }
    }

    /// Sets the longest inline command, in bytes: 64 KiB by default.
    #[must_use]
    pub const fn max_inline(self, inline: usize) -> Self {
        Self { inline: min(inline, 1 << 30), ..self }
    }

    /// Sets the largest request, in bytes: 1 GiB by default, and at most.
    #[must_use]
    pub const fn max_request(self, request: usize) -> Self {
        Self { request: min(request, 1 << 30), ..self }
    }

    /// The longest word, in bytes.
    pub const fn bulk(&self) -> usize {
        self.bulk
    }

    /// The most words of a command, its name included.
    pub const fn args(&self) -> usize {
        self.args
    }

    /// The longest inline command, in bytes.
    pub const fn inline(&self) -> usize {
        self.inline
    }

    /// The largest request, in bytes.
    pub const fn request(&self) -> usize {
        self.request
    }

    /// Whether these are the limits of an authenticated client. The texts of errors depend on it.
    pub const fn is_authenticated(&self) -> bool {
        self.authenticated
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { bulk: 512 << 20, args: i32::MAX as usize, inline: 64 << 10, request: 1 << 30, authenticated: true }
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}
