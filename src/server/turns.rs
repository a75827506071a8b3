//! [`Turns`]: connections with much to do take turns, so that those with little do not wait for all of them.
//!
//! A connection whose budget is used up, and that has more to do, is busy. If all busy connections were woken at once, a command of
//! another would wait until each has used its budget: 0.2 s for a thousand of them. So a few are awake at a time, and the others
//! stand in a queue. Until the queue is empty the budgets are small, so that one that becomes busy soon joins it. It costs nothing
//! where no budget is used up.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use tokio::runtime::Handle;

/// How many busy connections are awake at a time, for each thread of the runtime.
const AWAKE: usize = 4;

/// The budgets while connections wait for their turn: of one whose turn it is, and of one that is not busy yet.
const TURN: usize = 256;
const FIRST: usize = 64;

/// The busy connections of a server.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// The length of the queue.
    queued: AtomicUsize,
    /// The most that are awake at a time; 0 until it is asked for.
    most: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    awake: usize,
    queue: VecDeque<(u64, Waker)>,
    /// The numbers of connections that have left the queue and were not polled since.
    called: Vec<u64>,
    next: u64,
}

/// The turn of one connection.
#[derive(Debug, Default)]
pub(super) struct Turn(Place);

#[derive(Debug, Default)]
enum Place {
    /// It is not busy.
    #[default]
    Idle,
    /// Idle, Awake -> `Queued`: others are awake. Its number.
    Queued(u64, Arc<Turns>),
    /// Idle, Queued -> `Awake`: it is one of those.
    Awake(Arc<Turns>),
}

impl Turn {
    /// Whether the connection stands in the queue. It is not to do anything then.
    #[inline]
    pub(super) fn must_wait(&mut self) -> bool {
        matches!(self.0, Place::Queued(..)) && self.must_wait_on()
    }

    #[cold]
    fn must_wait_on(&mut self) -> bool {
        let Place::Queued(number, turns) = &self.0 else { return false };
        let was_called = turns.lock().take_called(*number);
        if was_called {
            self.0 = Place::Awake(turns.clone());
        }
        !was_called
    }

    /// The budget of the connection while others wait for their turn.
    #[cold]
    pub(super) fn budget(&self) -> usize {
        if let Place::Awake(_) = self.0 { TURN } else { FIRST }
    }

    /// Ends the turn of a connection that has more to do. It is woken when its next turn comes.
    #[cold]
    pub(super) fn end(&mut self, turns: &Arc<Turns>, cx: &Context<'_>) {
        let (place, mut state) = (mem::take(&mut self.0), turns.lock());
        let is_awake = match place {
            Place::Idle => false,
            Place::Awake(_) => true,
            // It did something although it was not its turn.
            Place::Queued(number, _) if state.take_called(number) => true,
            queued @ Place::Queued(..) => return self.0 = queued,
        };
        let has_turn = if is_awake { state.queue.is_empty() } else { state.awake < turns.most() };
        if has_turn {
            state.awake += usize::from(!is_awake);
            self.0 = Place::Awake(turns.clone());
            return cx.waker().wake_by_ref();
        }
        let number = state.next;
        state.next += 1;
        state.queue.push_back((number, cx.waker().clone()));
        self.0 = Place::Queued(number, turns.clone());
        turns.queued.store(state.queue.len(), Ordering::Relaxed);
        if is_awake {
            call_next(turns, state);
        }
    }

    /// Notes that the connection is not busy any more.
    #[inline]
    pub(super) fn leave(&mut self) {
        if !matches!(self.0, Place::Idle) {
            self.leave_busy();
        }
    }

    #[cold]
    fn leave_busy(&mut self) {
        match mem::take(&mut self.0) {
            Place::Idle => {}
            Place::Awake(turns) => call_next(&turns, turns.lock()),
            Place::Queued(number, turns) => {
                let mut state = turns.lock();
                state.queue.retain(|(queued, _)| *queued != number);
                turns.queued.store(state.queue.len(), Ordering::Relaxed);
                if state.take_called(number) {
                    call_next(&turns, state);
                }
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Gives a turn that has ended to the next connection in the queue.
fn call_next(turns: &Turns, mut state: MutexGuard<'_, State>) {
    let Some((number, waker)) = state.queue.pop_front() else {
        state.awake -= 1;
        return;
    };
    turns.queued.store(state.queue.len(), Ordering::Relaxed);
    state.called.push(number);
    // It is woken without holding the lock.
    drop(state);
    waker.wake();
}

impl State {
    fn take_called(&mut self, number: u64) -> bool {
        let found = self.called.iter().position(|called| *called == number);
        found.map(|index| self.called.swap_remove(index)).is_some()
    }
}

impl Turns {
    /// Whether busy connections wait for their turn.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        self.queued.load(Ordering::Relaxed) > 0
    }

    fn most(&self) -> usize {
        match self.most.load(Ordering::Relaxed) {
            0 => {
                let threads = Handle::try_current().map_or(1, |handle| handle.metrics().num_workers());
                self.most.store(threads * AWAKE, Ordering::Relaxed);
                threads * AWAKE
            }
            most => most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Connection {
        turn: Turn,
        woken: Arc<Count>,
    }

    impl Connection {
        fn new() -> Self {
            Self { turn: Turn::default(), woken: Arc::default() }
        }

        fn uses_up(&mut self, turns: &Arc<Turns>) {
            self.turn.end(turns, &Context::from_waker(&self.woken.clone().into()));
        }

        fn was_woken(&mut self) -> bool {
            let was_woken = self.woken.0.swap(0, Ordering::Relaxed) > 0;
            assert_eq!(was_woken, !self.turn.must_wait());
            was_woken
        }
    }

    #[test]
    fn a_few_are_awake_at_a_time_and_all_get_their_turn() {
        let turns = Arc::new(Turns::default());
        let mut connections: Vec<_> = (0..20).map(|_| Connection::new()).collect();
        connections.iter_mut().for_each(|connection| connection.uses_up(&turns));
        let mut counts = vec![0; 20];
        for _ in 0..100 {
            let awake: Vec<_> = (0..20).filter(|index| connections[*index].was_woken()).collect();
            assert_eq!(awake.len(), AWAKE);
            for index in awake {
                counts[index] += 1;
                connections[index].uses_up(&turns);
            }
        }
        assert!(counts.iter().all(|count| *count == 20), "{counts:?}");
    }

    #[test]
    fn a_turn_that_is_left_or_dropped_goes_to_the_next() {
        let turns = Arc::new(Turns::default());
        let mut connections: Vec<_> = (0..8).map(|_| Connection::new()).collect();
        connections.iter_mut().for_each(|connection| connection.uses_up(&turns));
        assert!(connections[3].was_woken() && connections[4].turn.must_wait());
        connections[3].turn.leave();
        // The next in the queue is called, and dropped before it is polled.
        drop(connections.remove(4));
        assert!(connections[4].was_woken());
        // One that waits is dropped.
        drop(connections.remove(5));
        connections[4].turn.leave();
        assert!(connections[5].was_woken());
        drop(connections);
        assert_eq!(turns.lock().awake, 0);
        let mut alone = Connection::new();
        for _ in 0..3 {
            alone.uses_up(&turns);
            assert!(alone.was_woken());
        }
    }
}
