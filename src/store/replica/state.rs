//! [`Replication`]: the master of a store, and how far the replica is.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::watch, time::Instant};

use super::Position;
use crate::store::observers::{Interests, Observers};

/// The address of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Master {
    pub(in crate::store) host: String,
    pub(in crate::store) port: u16,
    /// Counts the masters of the store: what a link to an earlier one has received is not applied.
    generation: u64,
}

impl fmt::Display for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How far the link to the master is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) enum Phase {
    /// It will be made.
    #[default]
    Connect,
    Connecting,
    Handshake,
    /// All data is received.
    Sync,
    Connected,
}

impl Phase {
    /// The name that ROLE shows.
    pub(in crate::store) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connecting => "connecting",
            Self::Handshake => "handshake",
            Self::Sync => "sync",
            Self::Connected => "connected",
        }
    }
}

/// What INFO and ROLE show of a replica.
#[derive(Clone, Debug)]
pub(in crate::store) struct Status {
    pub(in crate::store) master: Master,
    pub(in crate::store) phase: Phase,
    /// The identifier of the data of the master, once it is known.
    pub(in crate::store) id: Option<String>,
    /// Up to where the commands of the master were applied.
    pub(in crate::store) offset: u64,
    /// The time since the master sent something.
    pub(in crate::store) silence: Option<Duration>,
    /// The time since the link was lost.
    pub(in crate::store) down: Option<Duration>,
    /// The bytes of the file that were received, and their number if that is known.
    pub(in crate::store) received: (u64, Option<u64>),
}

/// What a replica identifies itself with.
#[derive(Clone, Default)]
pub(in crate::store) struct Credentials {
    pub(in crate::store) user: String,
    pub(in crate::store) password: String,
}

#[derive(Debug)]
pub(in crate::store) struct Replication {
    observers: Arc<Observers>,
    master: watch::Sender<Option<Master>>,
    /// Held by the task that follows the master.
    pub(super) follower: tokio::sync::Mutex<()>,
    /// The generation of the master. It is locked while something is applied that a master has sent.
    turn: Mutex<u64>,
    progress: Mutex<Progress>,
    is_read_only: AtomicBool,
    credentials: Mutex<Credentials>,
}

#[derive(Debug)]
struct Progress {
    phase: Phase,
    id: Option<String>,
    offset: u64,
    heard: Option<Instant>,
    lost: Option<Instant>,
    received: (u64, Option<u64>),
}

impl Replication {
    pub(in crate::store) fn new(observers: Arc<Observers>) -> Self {
        Self {
            observers,
            master: watch::Sender::new(None),
            follower: tokio::sync::Mutex::new(()),
            turn: Mutex::new(0),
            progress: Mutex::new(Progress::new()),
            is_read_only: AtomicBool::new(true),
            credentials: Mutex::default(),
        }
    }

    /// Sets the master, or ends to be a replica. Nothing of the one before is applied any more. Whether there is a change.
    pub(in crate::store) fn set_master(&self, master: Option<(String, u16)>) -> bool {
        let mut generation = self.turn.lock();
        let before = self.master.borrow().as_ref().map(|before| (before.host.clone(), before.port));
        if before == master {
            return false;
        }
        *generation += 1;
        *self.progress.lock() = Progress::new();
        self.observers.set(Interests::REPLICA, master.is_some());
        self.master.send_replace(master.map(|(host, port)| Master { host, port, generation: *generation }));
        true
    }

    pub(super) fn masters(&self) -> watch::Receiver<Option<Master>> {
        self.master.subscribe()
    }

    /// The turn to apply what a master has sent. `None` if it is the master no more.
    pub(super) fn turn(&self, master: &Master) -> Option<MutexGuard<'_, u64>> {
        Some(self.turn.lock()).filter(|generation| **generation == master.generation)
    }

    pub(in crate::store) fn is_replica(&self) -> bool {
        self.observers.get().has(Interests::REPLICA)
    }

    /// Whether commands of clients may not write while it is a replica.
    pub(in crate::store) fn is_read_only(&self) -> bool {
        self.is_read_only.load(Ordering::Relaxed)
    }

    pub(in crate::store) fn set_read_only(&self, is_read_only: bool) {
        self.is_read_only.store(is_read_only, Ordering::Relaxed);
    }

    pub(in crate::store) fn credentials(&self) -> Credentials {
        self.credentials.lock().clone()
    }

    pub(in crate::store) fn set_credentials(&self, change: impl FnOnce(&mut Credentials)) {
        change(&mut self.credentials.lock());
    }

    /// Notes whether all data is being loaded.
    pub(super) fn set_loading(&self, is_loading: bool) {
        self.observers.set(Interests::LOADING, is_loading);
    }

    /// Enters a phase of the link to a master.
    pub(super) fn enter(&self, master: &Master, phase: Phase) {
        self.update(master, |progress| {
            if progress.phase == Phase::Connected && phase != Phase::Connected {
                progress.lost = Some(Instant::now());
            }
            (progress.phase, progress.received) = (phase, (0, None));
        });
    }

    /// Whether the link is up.
    pub(in crate::store) fn is_up(&self) -> bool {
        self.progress.lock().phase == Phase::Connected
    }

    pub(super) fn set_position(&self, master: &Master, position: &Position) {
        self.update(master, |progress| {
            if progress.id.as_ref() != Some(&position.id) {
                progress.id = Some(position.id.clone());
            }
            progress.offset = position.offset;
        });
    }

    /// Notes that the master has sent something.
    pub(super) fn note_heard(&self, master: &Master) {
        self.update(master, |progress| progress.heard = Some(Instant::now()));
    }

    pub(super) fn note_received(&self, master: &Master, received: u64, total: Option<u64>) {
        self.update(master, |progress| progress.received = (received, total));
    }

    fn update(&self, master: &Master, update: impl FnOnce(&mut Progress)) {
        // The master may be another one since.
        if self.master.borrow().as_ref() == Some(master) {
            update(&mut self.progress.lock());
        }
    }

    /// How far the replica is; `None` if the store is none.
    pub(in crate::store) fn status(&self) -> Option<Status> {
        let master = self.master.borrow().clone()?;
        let progress = self.progress.lock();
        let down = progress.lost.filter(|_| progress.phase != Phase::Connected);
        Some(Status {
            master,
            phase: progress.phase,
            id: progress.id.clone(),
            offset: progress.offset,
            silence: progress.heard.map(|heard| heard.elapsed()),
            down: down.map(|lost| lost.elapsed()),
            received: progress.received,
        })
    }
}

impl Progress {
    fn new() -> Self {
        Self { phase: Phase::Connect, id: None, offset: 0, heard: None, lost: None, received: (0, None) }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}
