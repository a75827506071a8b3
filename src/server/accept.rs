//! Accepting: from a listener to a task per connection.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kvstore_middleware::failure;
use kvstore_protocol::{
    Codec, Peer, Session,
    mailbox::{Inbox, Order, mailbox_within},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    task::coop::unconstrained,
    time::{Duration, timeout},
};

use super::{
    Listener, Shared,
    commands::{Replies, Standing},
    connection::{Connection, ordered},
    serving::Serving,
    supply::Supply,
};

/// How many clients that are turned away are told why at a time. Beyond, they are closed without a word.
const TURNED_AWAY_AT_ONCE: usize = 64;

const TOO_MANY: &str = "ERR max number of clients reached";

const PROTECTED: &str = "DENIED kvstore is running in protected mode because protected mode is enabled and no password is set for the default \
user. In this mode connections are only accepted from the loopback interface. If you want to connect from external \
computers to kvstore you may adopt one of the following solutions: 1) Set up an authentication password for the default \
user with the '--requirepass' option. 2) If you started the server manually just for testing, restart it with the \
'--protected-mode no' option, however MAKE SURE kvstore is not publicly accessible from internet if you do so. NOTE: You \
only need to do one of the above things in order for the server to start accepting connections from the outside.";

/// Accepts connections for ever, and serves each in a task of its own.
pub(super) async fn accept_all<L, U, C>(
    mut listener: L,
    shared: Arc<Shared>,
    supply: Arc<U>,
    codec: impl Fn() -> C + Send,
) where
    L: Listener,
    U: Supply,
    C: Codec + Send + 'static,
{
    let local = listener.local();
    loop {
        let (io, peer) = listener.accept(&shared.settings.socket).await;
        shared.live.connections.fetch_add(1, Ordering::Relaxed);
        if let Some(reason) = refusal(&shared, &peer) {
            turn_away(io, reason, &shared);
            continue;
        }
        // Without a codec nothing can be said to this one; the next may have more luck.
        let Ok(codec) = failure::catch(&codec) else { continue };
        let (mailbox, inbox) = mailbox_within(shared.settings.push_queue, shared.settings.push_buffer);
        let mut session = Session::new(shared.registry.next_id(), peer, local.clone(), mailbox);
        session.set_user(shared.first_user());
        session.insert(shared.status());
        let session = Arc::new(session);
        // Asked again: another listener may have taken the last place in between.
        let most = shared.live.max_connections();
        let Some(registration) = shared.registry.register(session.clone(), most) else {
            turn_away(io, too_many(&shared), &shared);
            continue;
        };
        let standing = Standing { session, replies: Replies::On, registration };
        let entry = standing.registration.entry.clone();
        let begin = begin(io, codec, shared.clone(), supply.clone(), standing, inbox);
        // The loop has a budget of its own. Tokio's would make a semaphore in some layer say "not ready" in the middle of
        // a deep pipeline, and a load shedder above it refuse commands on an idle server.
        tokio::spawn(Serving::new(begin, |connection| unconstrained(connection.run()), entry));
    }
}

/// Gives a connection its service. `None` when there is none, or when the server stops meanwhile.
async fn begin<Io, U, C>(
    io: Io,
    codec: C,
    shared: Arc<Shared>,
    supply: Arc<U>,
    standing: Standing,
    mut inbox: Inbox,
) -> Option<Connection<Io, U, C>>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    U: Supply,
    C: Codec,
{
    let service = tokio::select! {
        biased;
        service = supply.supply(&standing.session) => service,
        // Nothing was begun that would have to be finished.
        () = ordered(&mut inbox, Order::Stop) => return None,
    };
    match service {
        Ok(service) => Some(Connection::new(io, codec, shared, supply, service, standing, inbox)),
        Err(error) => {
            tracing::error!(%error, peer = %standing.session.peer(), "no service for a connection");
            None
        }
    }
}

fn refusal(shared: &Shared, peer: &Peer) -> Option<&'static str> {
    if shared.registry.len() >= shared.live.max_connections() {
        return Some(too_many(shared));
    }
    (shared.settings.protected_mode && shared.auth.is_none() && !peer.is_local()).then_some(PROTECTED)
}

fn too_many(shared: &Shared) -> &'static str {
    shared.live.refused.fetch_add(1, Ordering::Relaxed);
    TOO_MANY
}

/// Tells a client why it is not served, and closes. What it has sent is read, or the kernel would answer it with a reset
/// that overtakes the reason.
fn turn_away<Io>(mut io: Io, reason: &'static str, shared: &Arc<Shared>)
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if shared.turned_away.fetch_add(1, Ordering::Relaxed) >= TURNED_AWAY_AT_ONCE {
        shared.turned_away.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let shared = shared.clone();
    tokio::spawn(async move {
        let _place = Place(&shared.turned_away);
        let line = format!("-{reason}\r\n");
        let mut scratch = [0; 1024];
        let farewell = async {
            io.write_all(line.as_bytes()).await?;
            io.shutdown().await?;
            while io.read(&mut scratch).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        // The reason is all there is to say: whether it arrived makes no difference here.
        let _ = timeout(Duration::from_millis(500), farewell).await;
    });
}

/// One of the places for clients that are turned away.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
