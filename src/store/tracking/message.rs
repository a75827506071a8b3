//! [`Invalidation`]: the message that keys have changed.

use std::cell::OnceCell;

use kvstore_protocol::{PackedPush, Response};

/// The channel of the messages to a client that speaks RESP2.
const CHANNEL: &str = "__redis__:invalidate";

/// The message that keys have changed, or all. It is encoded once for all clients.
pub(super) struct Invalidation<'a> {
    /// Empty for all keys.
    keys: &'a [&'a [u8]],
    push: OnceCell<Response>,
    message: OnceCell<Response>,
}

impl<'a> Invalidation<'a> {
    /// Tells of these keys.
    pub(super) fn new(keys: &'a [&'a [u8]]) -> Self {
        Self { keys, push: OnceCell::new(), message: OnceCell::new() }
    }

    /// Tells of all keys.
    pub(super) fn of_all() -> Self {
        Self::new(&[])
    }

    /// The message in RESP3.
    pub(super) fn push(&self) -> Response {
        self.push.get_or_init(|| self.encode(&["invalidate"])).clone()
    }

    /// The message in RESP2, as if it were published.
    pub(super) fn message(&self) -> Response {
        self.message.get_or_init(|| self.encode(&["message", CHANNEL])).clone()
    }

    fn encode(&self, strings: &[&'static str]) -> Response {
        if self.keys.is_empty() {
            return Response::Push(strings.iter().map(|string| (*string).into()).chain([Response::Null]).collect());
        }
        let strings: Vec<_> = strings.iter().map(|string| string.as_bytes()).collect();
        PackedPush::with_list(&strings, self.keys).into()
    }
}
