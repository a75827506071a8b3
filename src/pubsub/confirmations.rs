//! [`Confirmations`]: the answer to SUBSCRIBE and its kin, a message for each channel.

use bytes::BytesMut;
use kvstore_protocol::{Command, PackedPush, Response};

/// How many bytes of confirmations share an allocation.
const CHUNK: usize = 16 * 1024;

/// The answer to a command that subscribes to several channels, or ends several subscriptions.
pub(super) struct Confirmations {
    /// The first word of each.
    word: &'static str,
    messages: Vec<Response>,
    buffer: BytesMut,
}

impl Confirmations {
    /// None yet, of about so many.
    pub(super) fn new(word: &'static str, count: usize) -> Self {
        Self { word, messages: Vec::with_capacity(count), buffer: BytesMut::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Adds the confirmation for a channel, with the number of subscriptions after it.
    pub(super) fn add(&mut self, name: &[u8], count: usize) {
        if self.messages.len() == 1 {
            self.buffer.reserve(CHUNK);
        }
        let strings = [self.word.as_bytes(), name];
        self.messages.push(PackedPush::with_integer(&strings, count as i64, &mut self.buffer).into());
    }

    /// The answer to `command`.
    ///
    /// Inside of a transaction it is an element of that of EXEC, which is one message. The others follow.
    pub(super) fn answer(mut self, command: &Command) -> Response {
        if self.messages.len() > 1 && command.session().is_in_transaction() {
            let others = self.messages.split_off(1);
            if let Some(push) = command.push() {
                // The connection has room, or is closed.
                let _ = push.try_send(Response::Messages(others));
            }
        }
        match self.messages.len() {
            1 => self.messages.remove(0),
            _ => Response::Messages(self.messages),
        }
    }
}
