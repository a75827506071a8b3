use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kvstore_protocol::{Command, Response};
use tokio::{runtime::Handle, task::coop::consume_budget};
use tower::BoxError;
use tower_service::Service;

use super::{
    lane::{First, Lane, Mirrored},
    room::Room,
    second::ask,
};
use crate::failure::catch;

pub(super) type Only = dyn Fn(&Command) -> bool + Send + Sync;
pub(super) type Compare = dyn Fn(&Command, &Response, &Response) + Send + Sync;

/// What a layer is told.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) only: Option<Arc<Only>>,
    pub(super) compare: Option<Arc<Compare>>,
    pub(super) lanes: usize,
    pub(super) max_commands: usize,
    pub(super) max_bytes: usize,
    pub(super) patience: Duration,
}

/// What the services of a layer share.
pub(super) struct Mirror<T> {
    settings: Settings,
    /// Never called; in a lock, since what can be cloned can not always be shared.
    second: Mutex<T>,
    lanes: Box<[Mutex<Lane>]>,
    room: Arc<Room>,
}

impl<T: Clone> Mirror<T> {
    pub(super) fn new(second: T, settings: Settings) -> Self {
        let lanes = (0..settings.lanes).map(|_| Mutex::default()).collect();
        let room = Arc::new(Room::new(settings.max_commands, settings.max_bytes));
        Self { settings, second: Mutex::new(second), lanes, room }
    }

    pub(super) fn second(&self) -> T {
        lock(&self.second).clone()
    }
}

impl<T> Mirror<T> {
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn room(&self) -> &Room {
        &self.room
    }

    #[inline]
    pub(super) fn wants(&self, command: &Command) -> bool {
        self.settings.only.as_ref().is_none_or(|only| only(command))
    }

    pub(super) fn compares(&self) -> bool {
        self.settings.compare.is_some()
    }

    fn compare(&self, command: &Command, first: &Response, second: &Response) {
        if let Some(compare) = &self.settings.compare {
            let _ = catch(|| compare(command, first, second));
        }
    }
}

impl<T> Mirror<T>
where
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    /// Hands a command to its lane, if there is room for it.
    pub(super) fn send(self: &Arc<Self>, command: Command, first: Option<First>) {
        // The pieces of a streamed argument come once, and they are for the first service.
        if command.streamed_len().is_some() {
            return self.room.count_dropped(1);
        }
        let (Some(slot), Ok(runtime)) = (self.room.take(command.size()), Handle::try_current()) else {
            return self.room.count_dropped(1);
        };
        let lane = (command.session().id() % self.lanes.len() as u64) as usize;
        let is_at_rest = lock(&self.lanes[lane]).push(Mirrored { command, first, slot });
        if is_at_rest {
            runtime.spawn(Worker { mirror: Arc::clone(self), lane, is_under_way: false, is_done: false }.run());
        }
    }

    /// Calls the second service, and compares the answers.
    async fn run(self: &Arc<Self>, mirrored: Mirrored, instance: &mut Option<T>) {
        let Mirrored { command, first, slot } = mirrored;
        let Ok(service) = instance.take().map_or_else(|| catch(|| self.second()), Ok) else {
            return self.room.count_dropped(1);
        };
        let Some((second, service)) = ask(service, command.clone().detached(), self.settings.patience).await else {
            return self.room.count_dropped(1);
        };
        *instance = service;
        match first {
            None => {}
            Some(First::Answered(first)) => self.compare(&command, &first, &second),
            Some(First::Awaited(first)) => {
                // Apart: the lane does not wait for the first service.
                let mirror = Arc::clone(self);
                tokio::spawn(async move {
                    if let Ok(first) = first.await {
                        mirror.compare(&command, &first, &second);
                    }
                    drop(slot);
                });
            }
        }
    }
}

/// The task that works off a lane.
struct Worker<T> {
    mirror: Arc<Mirror<T>>,
    lane: usize,
    is_under_way: bool,
    is_done: bool,
}

impl<T> Worker<T>
where
    T: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
    T::Error: Into<BoxError>,
{
    async fn run(mut self) {
        let mut instance = None;
        while let Some(mirrored) = self.next() {
            self.is_under_way = true;
            self.mirror.run(mirrored, &mut instance).await;
            self.is_under_way = false;
            // A service that is always ready would keep the thread to itself.
            consume_budget().await;
        }
    }

    fn next(&mut self) -> Option<Mirrored> {
        let next = lock(&self.mirror.lanes[self.lane]).next();
        self.is_done = next.is_none();
        next
    }
}

/// The runtime ends, and with it the task: a later command finds the lane at rest.
impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if !self.is_done {
            let left = lock(&self.mirror.lanes[self.lane]).abandon();
            self.mirror.room.count_dropped(left.len() + usize::from(self.is_under_way));
        }
    }
}

impl<T> fmt::Debug for Mirror<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("room", &self.room).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
