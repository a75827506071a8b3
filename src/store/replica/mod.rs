//! The store as a replica of another server: REPLICAOF.
//!
//! A task follows the master: it connects, asks to go on where it was, and otherwise receives all data anew as an RDB file. Then it
//! applies the commands that the master sends, in commits of their own, so that journal, tracking and keyspace events see them as
//! those of clients. It acknowledges them each second. When the link is lost it connects again.
//!
//! The data of before stays, and is served, until a new file has come as a whole. It is in memory meanwhile, as it came. While it is
//! loaded, commands are answered with `LOADING`. A key that has expired is hidden, and removed when the master says so.
//!
//! - `state` the master, and how far the replica is; `role` what commands may do; `link` the connection to the master
//! - `handshake` how it begins, `sync` receives all data, `follow` the commands

mod follow;
mod handshake;
mod link;
mod role;
mod state;
mod sync;
#[cfg(test)]
mod tests;

use std::{convert::Infallible, future::pending, io, sync::Arc, time::Duration};

use kvstore_protocol::CommandError;
use tokio::{net::TcpStream, time::sleep};

use super::{rdb::FileError, state::StoreState};
use handshake::{Answer, Position};
use link::{Link, Stream};
use state::Master;
pub(super) use state::{Credentials, Phase, Replication, Status};

/// The shortest and the longest time before the next attempt to connect.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long the master may be silent, as in Redis.
const MAX_SILENCE: Duration = Duration::from_secs(60);

/// Why the link to the master is lost.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the master was silent for too long")]
    Silent,
    #[error("the master has answered: {0}")]
    Refused(String),
    #[error("{0}")]
    Invalid(FileError),
    /// The store takes no changes.
    #[error("a change is refused here: {}", .0.text())]
    NotApplied(CommandError),
    #[error("the replica has another master now")]
    Replaced,
    /// Nobody knows how much of what has come was applied.
    #[error("a change has failed here: all data is received anew")]
    Panicked,
}

impl From<FileError> for LinkError {
    fn from(error: FileError) -> Self {
        Self::Invalid(error)
    }
}

/// Follows the masters that REPLICAOF names, for as long as it is polled.
pub(super) async fn run(store: Arc<StoreState>) -> Infallible {
    // A store may be served more than once.
    let _only = store.replication.follower.lock().await;
    let mut masters = store.replication.masters();
    loop {
        let master = masters.borrow_and_update().clone();
        tokio::select! {
            biased;
            changed = masters.changed() => if changed.is_err() { pending::<()>().await },
            never = follow_or_wait(&store, master) => match never {},
        }
    }
}

async fn follow_or_wait(store: &Arc<StoreState>, master: Option<Master>) -> Infallible {
    let Some(master) = master else { return pending().await };
    let (mut position, mut pause) = (None, MIN_PAUSE);
    // What is on the disk comes first.
    while store.is_loading() {
        sleep(MIN_PAUSE).await;
    }
    loop {
        store.replication.enter(&master, Phase::Connecting);
        let connect = TcpStream::connect((&*master.host, master.port));
        let error = match link::in_time(connect).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                follow(store, &master, stream, &mut position).await
            }
            Err(error) => error,
        };
        if matches!(error, LinkError::Panicked) {
            position = None;
        }
        // A link that was up is tried again soon.
        pause = if store.replication.is_up() { MIN_PAUSE } else { (pause * 2).min(MAX_PAUSE) };
        store.replication.enter(&master, Phase::Connect);
        tracing::warn!(master = %master, %error, "the link to the master is lost");
        sleep(pause).await;
    }
}

/// Follows a master over one connection, from a position on if there is one. Returns why it ends.
async fn follow(
    store: &Arc<StoreState>,
    master: &Master,
    stream: impl Stream,
    position: &mut Option<Position>,
) -> LinkError {
    let mut link = Link::new(stream);
    match try_follow(store, master, &mut link, position).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn try_follow(
    store: &Arc<StoreState>,
    master: &Master,
    link: &mut Link<impl Stream>,
    position: &mut Option<Position>,
) -> Result<Infallible, LinkError> {
    store.replication.enter(master, Phase::Handshake);
    let from = match handshake::perform(store, link, position.as_ref()).await? {
        Answer::Continue(continued) => continued,
        Answer::FullSync(start) => {
            *position = None;
            store.replication.enter(master, Phase::Sync);
            tracing::info!(master = %master, "all data is received from the master");
            sync::receive(store, master, link).await?;
            start
        }
    };
    store.replication.enter(master, Phase::Connected);
    store.replication.set_position(master, &from);
    tracing::info!(master = %master, offset = from.offset, "the replica follows its master");
    follow::run(store, master, link, position.insert(from)).await
}
