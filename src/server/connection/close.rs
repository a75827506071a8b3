//! The graceful close of a connection.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, Output, ProtocolError, Session,
    mailbox::{Inbox, Order},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::yield_now,
    time::timeout,
};

use super::{Connection, writing::poll_write_some};
use crate::server::{CutReason, make_service::MakeService};

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Closes the connection in order, unless it is killed.
    pub(super) async fn close(&mut self) {
        let Self { io, inbox, client, .. } = self;
        let linger = client.shared().settings.linger;
        tokio::select! {
            // Given up after the grace period.
            _ = timeout(client.shared().runtime.grace_period(), close_in_order(io, linger)) => {}
            () = ordered(inbox, Order::Kill) => {}
        }
    }

    /// Ends a connection that is cut. The client reads why, if it can.
    #[cold]
    pub(super) async fn close_cut(&mut self, reason: CutReason) {
        let is_told = poll_fn(|cx| Poll::Ready(self.tell(reason, cx))).await;
        self.start_draining();
        self.caller.cancel();
        failure::discard(self.writer.outgoing.take());
        self.change_session(Session::end);
        self.drop_buffers();
        if is_told {
            self.inbox.close_to_messages();
            let linger = self.client.shared().settings.linger;
            let _ = timeout(linger, close_in_order(&mut self.io, linger)).await;
        }
    }

    /// Writes an error in place of what is unwritten. Returns whether the client can read it: it does not come within a reply, and
    /// the stream takes it at once.
    fn tell(&mut self, reason: CutReason, cx: &mut Context<'_>) -> bool {
        let is_within_reply = self.writer.is_split || self.writer.outgoing.is_some();
        let awaits_answer = match reason {
            CutReason::Idle => false,
            CutReason::Shutdown => self.is_busy() || self.reader.input.is_unfinished(),
            _ => true,
        };
        if is_within_reply || !awaits_answer {
            return false;
        }
        let mut error = Output::default();
        self.codec.encode_error(&ProtocolError::new(format!("this connection is closed: {reason}")), &mut error);
        let written = poll_write_some(&mut self.io, &mut error, cx);
        matches!(written, Poll::Ready(Ok(1..))) && !error.has_remaining()
    }
}

/// Waits for an order, this one or a stricter one.
pub(in crate::server) async fn ordered(inbox: &mut Inbox, order: Order) {
    poll_fn(|cx| {
        loop {
            if inbox.peek_order() >= Some(order) {
                return Poll::Ready(());
            }
            std::task::ready!(inbox.poll_news(cx));
        }
    })
    .await;
}

/// Closes the sending side, and reads until the peer closes, so that the kernel does not send a reset that overtakes the last
/// answers.
async fn close_in_order(io: &mut (impl AsyncRead + AsyncWrite + Unpin), linger: Duration) {
    // After an error, earlier responses may still arrive, so input is read all the same.
    let _ = io.shutdown().await;
    let mut scratch = vec![0; 4096];
    while let Ok(Ok(1..)) = timeout(linger, io.read(&mut scratch)).await {
        // The task runs without the budget of tokio, and a peer may send without end.
        yield_now().await;
    }
}
