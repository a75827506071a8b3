//! The graceful close of a connection.

use std::{future::poll_fn, task::Poll, time::Duration};

use kvstore_protocol::{
    Codec,
    mailbox::{Inbox, Order},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::yield_now,
    time::timeout,
};

use super::Connection;
use crate::server::make_service::MakeService;

/// How long a graceful close waits for more input from the peer.
const LINGER: Duration = Duration::from_millis(500);

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Closes the connection in order, unless it is killed.
    pub(super) async fn close(&mut self) {
        let Self { io, inbox, client, .. } = self;
        tokio::select! {
            // Given up after the grace period.
            _ = timeout(client.shared().settings.grace, close_in_order(io)) => {}
            () = ordered(inbox, Order::Kill) => {}
        }
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
async fn close_in_order(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    // After an error, earlier responses may still arrive, so input is read all the same.
    let _ = io.shutdown().await;
    let mut scratch = vec![0; 4096];
    while let Ok(Ok(1..)) = timeout(LINGER, io.read(&mut scratch)).await {
        // The task runs without the budget of tokio, and a peer may send without end.
        yield_now().await;
    }
}
