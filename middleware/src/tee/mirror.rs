use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kvstore_protocol::{Command, Response, catalog::Flags};
use tokio::{runtime::Handle, task::coop::consume_budget};
use tower::BoxError;
use tower_service::Service;

use super::{
    capacity::Capacity,
    queue::{FirstResponse, MirrorQueue, Mirrored},
    second::call_within,
};
use crate::failure::catch;

pub(super) type Only = dyn Fn(&Command) -> bool + Send + Sync;
pub(super) type Compare = dyn Fn(&Command, &Response, &Response) + Send + Sync;

/// The settings of a layer.
#[derive(Clone)]
pub(super) struct TeeSettings {
    pub(super) only: Option<Arc<Only>>,
    pub(super) compare: Option<Arc<Compare>>,
    pub(super) max_in_flight: usize,
    pub(super) max_commands: usize,
    pub(super) max_bytes: usize,
    pub(super) timeout: Duration,
}

/// The queues that the services of a layer share.
pub(super) struct Mirror<T> {
    settings: TeeSettings,
    /// Never called, only cloned. Behind a lock, since a service may not be `Sync`.
    second: Mutex<T>,
    queues: Box<[Mutex<MirrorQueue>]>,
    capacity: Arc<Capacity>,
}

impl<T: Clone> Mirror<T> {
    pub(super) fn new(second: T, settings: TeeSettings) -> Self {
        let queues = (0..settings.max_in_flight).map(|_| Mutex::default()).collect();
        let capacity = Arc::new(Capacity::new(settings.max_commands, settings.max_bytes));
        Self { settings, second: Mutex::new(second), queues, capacity }
    }

    pub(super) fn second(&self) -> T {
        lock(&self.second).clone()
    }
}

impl<T> Mirror<T> {
    pub(super) fn settings(&self) -> &TeeSettings {
        &self.settings
    }

    pub(super) fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// Whether a command is mirrored. One about the connection is not: the second service has none with the client.
    #[inline]
    pub(super) fn wants(&self, command: &Command) -> bool {
        !command.flags().has(Flags::CONNECTION) && self.settings.only.as_ref().is_none_or(|only| only(command))
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
    /// Adds a command to its queue, if there is capacity.
    pub(super) fn send(self: &Arc<Self>, command: Command, first: Option<FirstResponse>) {
        // The pieces of a streamed argument come only once, and are for the first service.
        if command.streamed_len().is_some() {
            return self.capacity.count_dropped(1);
        }
        let (Some(reservation), Ok(runtime)) = (self.capacity.take(command.size()), Handle::try_current()) else {
            return self.capacity.count_dropped(1);
        };
        let queue = (command.session().id() % self.queues.len() as u64) as usize;
        let is_idle = lock(&self.queues[queue]).push(Mirrored { command, first, reservation });
        if is_idle {
            runtime.spawn(Worker { mirror: Arc::clone(self), queue, is_in_flight: false, is_done: false }.run());
        }
    }

    /// Calls the second service, and compares the answers.
    async fn run(self: &Arc<Self>, mirrored: Mirrored, instance: &mut Option<T>) {
        let Mirrored { command, first, reservation } = mirrored;
        let Ok(service) = instance.take().map_or_else(|| catch(|| self.second()), Ok) else {
            return self.capacity.count_dropped(1);
        };
        let Some((second, service)) = call_within(service, command.clone().mirrored(), self.settings.timeout).await
        else {
            return self.capacity.count_dropped(1);
        };
        *instance = service;
        match first {
            None => {}
            Some(FirstResponse::Answered(first)) => self.compare(&command, &first, &second),
            Some(FirstResponse::Awaited(first)) => {
                // In a task of its own: the queue does not wait for the first service.
                let mirror = Arc::clone(self);
                tokio::spawn(async move {
                    if let Ok(first) = first.await {
                        mirror.compare(&command, &first, &second);
                    }
                    drop(reservation);
                });
            }
        }
    }
}

/// The task that works on a queue.
struct Worker<T> {
    mirror: Arc<Mirror<T>>,
    queue: usize,
    is_in_flight: bool,
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
            self.is_in_flight = true;
            self.mirror.run(mirrored, &mut instance).await;
            self.is_in_flight = false;
            // Otherwise a service that is always ready would block the thread.
            consume_budget().await;
        }
    }

    fn next(&mut self) -> Option<Mirrored> {
        let next = lock(&self.mirror.queues[self.queue]).next();
        self.is_done = next.is_none();
        next
    }
}

/// If the runtime shuts down, the task is dropped. A later command starts a new one.
impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if !self.is_done {
            let left = lock(&self.mirror.queues[self.queue]).abandon();
            self.mirror.capacity.count_dropped(left.len() + usize::from(self.is_in_flight));
        }
    }
}

impl<T> fmt::Debug for Mirror<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
