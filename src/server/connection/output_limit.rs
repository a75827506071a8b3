//! The limit on what a client leaves unread: answers and messages together.

use bytes::Buf;
use kvstore_protocol::{Codec, mailbox::Order};

use super::Connection;
use crate::server::{ClientClass, CutReason, OutputLimit, make_service::MakeService};

/// So many bytes of output have no limit, as those of the static buffer in Redis.
pub(super) const FREE_OUTPUT: usize = 16 * 1024;

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Ends the connection if too much is unread, and notes whether the time of the soft limit runs.
    #[cold]
    pub(super) fn check_output_limit(&mut self) {
        let (limit, unread) = (self.output_limit(), self.unread());
        if limit.is_over_hard(unread) {
            self.order = Some(Order::Kill);
            self.client.registration.entry.mark_cut(CutReason::OutputLimit);
            self.client.server.count_overflow();
        } else if limit.is_over_soft(unread) {
            self.deadline.mark_over_soft_limit();
        } else {
            self.deadline.clear_over_soft_limit();
        }
    }

    /// Whether the output may be written, before it is: a single answer may be over the limit.
    #[cold]
    pub(super) fn is_within_output_limit(&mut self) -> bool {
        self.check_output_limit();
        self.order != Some(Order::Kill)
    }

    pub(super) fn output_limit(&self) -> OutputLimit {
        self.client.server.output_limit(ClientClass::of(&self.client.session))
    }

    /// The bytes that were not written to the stream.
    pub(super) fn unread(&self) -> usize {
        self.writer.output.remaining() + self.inbox.message_bytes()
    }
}
