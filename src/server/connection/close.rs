//! The end of a connection in order.

use std::{future::poll_fn, task::Poll, time::Duration};

use kvstore_protocol::{
    Codec,
    mailbox::{Inbox, Order},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use super::Connection;
use crate::server::supply::Supply;

/// How long a peer may be silent before an orderly close stops listening to it.
const LINGER: Duration = Duration::from_millis(500);

impl<Io, U, C> Connection<Io, U, C>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    U: Supply,
    C: Codec,
{
    /// Says farewell, unless somebody orders otherwise.
    pub(super) async fn close(&mut self) {
        let Self { io, inbox, shared, .. } = self;
        tokio::select! {
            () = farewell(io, shared.settings.grace) => {}
            () = ordered(inbox, Order::Kill) => {}
        }
    }
}

/// Waits for an order, this one or a harder one. Messages wait too.
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

/// No more answers come, and what the peer still sends is read until it closes, so that the kernel does not answer it
/// with a reset that overtakes the last answers.
async fn farewell(io: &mut (impl AsyncRead + AsyncWrite + Unpin), grace: Duration) {
    let end = Instant::now() + grace;
    if timeout_at(end, io.shutdown()).await.is_err() {
        return;
    }
    let mut scratch = vec![0; 4096];
    while Instant::now() < end {
        match timeout(LINGER, io.read(&mut scratch)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return,
        }
    }
}
