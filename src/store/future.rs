//! [`ResponseFuture`]: a command of the store, from its call to its answer.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    mem::{self, ManuallyDrop},
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use kvstore_protocol::{Command, CommandError, Response, catalog::Flags, parking};
use tokio::sync::oneshot::{Receiver, error::RecvError};

use super::{
    Handle,
    admission::Room,
    execute::{Attempt, Patience, Stopped},
    gate::Ticket,
    journal::{Journal, Settled},
    waiting::{Parked, Place},
};

/// The future of a [`Store`](super::Store). Most complete at their first poll.
///
/// The command is executed by a poll, not by `call`: a layer around the store may still refuse it before. It is pending if it
/// needs a lock that a long command holds, or if it may take long itself: then a thread of the store executes it. A command such as
/// BLPOP is [parked](kvstore_protocol::parking) while it waits for a key, and one whose answer waits for the disk has
/// [settled](kvstore_protocol::parking). A command is executed completely, and once, or not at
/// all.
///
/// # Cancel safety
/// If the future is dropped before a long command has begun, it never begins. A command that waits takes nothing from then on;
/// but if it was served since its last poll, its element is lost with the answer.
///
/// # Panics
/// If it is polled again after it has completed.
#[must_use = "a command is executed when its future is polled"]
pub struct ResponseFuture {
    store: Arc<Handle>,
    command: Command,
    /// Whether the next poll is the first. If it is not, and the command waits for nothing, it is done.
    is_first: bool,
    /// What the command waits for. Boxed, since few wait, and dropped by hand, since the check for it is inlined then.
    waiting: ManuallyDrop<Option<Box<Waiting>>>,
}

/// What a command waits for.
enum Waiting {
    /// For a long command that holds a lock.
    Gated(Ticket),
    /// For the thread of the store that executes the command.
    Running(Running),
    /// For a key.
    Parked(Parked),
    /// For room in the journal, or with the snapshot.
    Crowded(Room),
    /// For the disk: the command is executed.
    Settled(Box<Settled>),
}

/// A command on a thread of the store.
struct Running {
    executed: Receiver<thread::Result<Executed>>,
    /// Whether it is a script, which takes as long as it likes: no deadline ends it, SCRIPT KILL does.
    is_script: bool,
}

impl ResponseFuture {
    #[inline]
    pub(super) fn new(store: Arc<Handle>, command: Command) -> Self {
        Self { store, command, is_first: true, waiting: ManuallyDrop::new(None) }
    }

    #[inline(never)]
    fn poll_again(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        // Polled in its place, since it may be woken often.
        if let Some(Waiting::Parked(parked)) = self.waiting.as_deref_mut() {
            let Poll::Ready(response) = parked.poll(cx) else { return Poll::Pending };
            self.stop_waiting();
            // It was served by a commit, which is the last one or was before it.
            let number = self.store.last_commit();
            if self.store.hold_answers(number) {
                return Poll::Ready(response);
            }
            return match self.store.settled(response, Ok(number)) {
                Ok(settled) => self.settle(settled, cx),
                Err(response) => Poll::Ready(response),
            };
        }
        // While the command is executed, which may panic, it is done.
        let (mut ticket, mut room) = (None, Room::default());
        match self.waiting.take().map(|waiting| *waiting) {
            None | Some(Waiting::Parked(_)) => panic!("a future of a store is not polled after it has completed"),
            Some(Waiting::Gated(gated)) => ticket = Some(gated),
            Some(Waiting::Crowded(crowded)) => room = crowded,
            Some(Waiting::Settled(settled)) => return self.settle(settled, cx),
            Some(Waiting::Running(running)) => return self.poll_running(running, cx),
        }
        let mut attempt = Attempt::of_future(Patience::Short);
        match self.store.attempt(&self.command, &mut attempt) {
            Ok(response) => Poll::Ready(response),
            Err(refusal) => self.refuse_or_wait(refusal, attempt, (ticket, room), cx),
        }
    }

    /// What comes of a command that another thread executes.
    fn poll_running(&mut self, mut running: Running, cx: &mut Context<'_>) -> Poll<Response> {
        let Poll::Ready(executed) = Pin::new(&mut running.executed).poll(cx) else {
            if running.is_script {
                parking::mark_parked();
            }
            self.wait_for(Waiting::Running(running));
            return Poll::Pending;
        };
        match finished(executed) {
            Executed::Answered(response) => {
                self.hold_answer_of_write();
                Poll::Ready(response)
            }
            Executed::Waits(place) => self.park(place, cx),
            Executed::Settled(settled) => self.settle(settled, cx),
        }
    }

    /// Holds the answer back until the commit of the command is written, unless it has settled. A command that only reads has none, and
    /// does not wait while the disk is full.
    fn hold_answer_of_write(&self) {
        let reads = || self.store.row_of(&self.command).is_ok_and(|row| row.flags().has(Flags::READ));
        if !self.store.journal().is_none_or(Journal::settles) && !reads() {
            self.store.hold_answers(self.store.last_commit());
        }
    }

    #[inline(never)]
    fn refuse_or_wait(
        &mut self,
        refusal: CommandError,
        attempt: Attempt,
        (ticket, room): (Option<Ticket>, Room),
        cx: &mut Context<'_>,
    ) -> Poll<Response> {
        match attempt.stopped {
            None => Poll::Ready(refusal.into()),
            Some(Stopped::Waits(place)) => self.park(place, cx),
            Some(Stopped::Settled(settled)) => self.settle(settled, cx),
            Some(Stopped::Crowded) => {
                match self.store.wait_for_room(room, cx.waker()) {
                    Some(room) => self.wait_for(Waiting::Crowded(room)),
                    None => self.try_again(cx),
                }
                Poll::Pending
            }
            Some(Stopped::Long) => {
                let executed = self.store.start_long(self.command.clone());
                self.poll_running(Running { executed, is_script: false }, cx)
            }
            Some(Stopped::Moved(fiber)) => {
                let executed = self.store.finish_fiber(fiber, self.command.clone());
                self.poll_running(Running { executed, is_script: true }, cx)
            }
            Some(Stopped::Gated) => {
                if let Some(refusal) = self.store.busy_refusal() {
                    return Poll::Ready(self.store.refuse_while_busy(&self.command, refusal).into());
                }
                match self.store.databases.gate.wait(ticket, cx.waker()) {
                    Some(ticket) => self.wait_for(Waiting::Gated(ticket)),
                    // The long command has ended meanwhile.
                    None => self.try_again(cx),
                }
                Poll::Pending
            }
        }
    }

    fn try_again(&mut self, cx: &Context<'_>) {
        self.is_first = true;
        cx.waker().wake_by_ref();
    }

    /// Waits for the disk. The command is executed: the connection calls the next one.
    fn settle(&mut self, mut settled: Box<Settled>, cx: &Context<'_>) -> Poll<Response> {
        let Some(journal) = self.store.journals.last() else { unreachable!("a journal holds the answer back") };
        let polled = settled.poll(journal, cx.waker());
        if polled.is_pending() {
            self.wait_for(Waiting::Settled(settled));
            parking::mark_settled();
        }
        polled
    }

    /// Waits for a key.
    fn park(&mut self, place: Place, cx: &mut Context<'_>) -> Poll<Response> {
        // The command may be a part of a large buffer.
        self.command = place.command().clone();
        self.wait_for(Waiting::Parked(Parked::new(place)));
        self.poll_again(cx)
    }

    fn wait_for(&mut self, waiting: Waiting) {
        *self.waiting = Some(Box::new(waiting));
    }

    #[cold]
    fn stop_waiting(&mut self) {
        drop(self.waiting.take());
    }
}

impl Drop for ResponseFuture {
    #[inline]
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.stop_waiting();
        }
    }
}

/// What came of a command that a thread of the store has executed.
pub(super) enum Executed {
    Answered(Response),
    Waits(Place),
    Settled(Box<Settled>),
}

/// The outcome of the thread of the store. A panic there is one here.
fn finished(result: Result<thread::Result<Executed>, RecvError>) -> Executed {
    match result {
        Ok(Ok(executed)) => executed,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("the thread of the store has ended"),
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !mem::replace(&mut this.is_first, false) {
            return this.poll_again(cx).map(Ok);
        }
        let mut attempt = Attempt::of_future(Patience::Short);
        match this.store.attempt(&this.command, &mut attempt) {
            Ok(response) => {
                // It was not stopped, which the compiler does not see.
                mem::forget(attempt);
                Poll::Ready(Ok(response))
            }
            Err(refusal) => this.refuse_or_wait(refusal, attempt, (None, Room::default()), cx).map(Ok),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseFuture").field(&self.command).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            OnceLock,
            atomic::{AtomicBool, Ordering},
        },
        task::Waker,
    };

    use tower::{Service, ServiceExt};

    use super::*;
    use crate::store::{
        Change, Record, Sink, Store,
        databases::KeyRef,
        testing::{TestStore, command},
    };

    /// Notes whether the gate was up at the last commit.
    #[derive(Clone, Debug, Default)]
    struct GateAtCommit {
        store: Arc<OnceLock<Store>>,
        was_up: Arc<AtomicBool>,
    }

    impl Sink for GateAtCommit {
        fn committed(&self, _: u64, _: &Record, _: &[Change]) {
            let is_up = self.store.get().is_some_and(|store| store.handle.databases.gate.is_up());
            self.was_up.store(is_up, Ordering::Relaxed);
        }
    }

    fn poll(future: &mut ResponseFuture) -> Option<String> {
        match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(Ok(response)) => Some(response.to_string()),
        }
    }

    fn call(store: &TestStore, line: &str) -> ResponseFuture {
        store.store().clone().call(command(line))
    }

    /// A command with several hundred keys, which takes long.
    fn long_mset() -> String {
        (0..600).fold("MSET".to_owned(), |line, key| format!("{line} key:{key} v"))
    }

    #[test]
    fn a_command_whose_lock_a_long_one_holds_waits_without_a_thread() {
        let store = TestStore::new();
        let databases = &store.store().handle.databases;
        let shard = databases.locate(KeyRef { database: 0, name: b"k" }).shard;
        let gate = databases.gate.raise();
        let lock = databases.lock_any(shard);
        let (mut get, mut mget) = (call(&store, "GET k"), call(&store, "MGET a b c d e f g h k"));
        assert_eq!((poll(&mut get), poll(&mut mget)), (None, None));
        // Others are served meanwhile.
        let other = (0..)
            .map(|key| format!("{key}"))
            .find(|key| databases.locate(KeyRef { database: 0, name: key.as_bytes() }).shard != shard);
        assert_eq!(poll(&mut call(&store, &format!("SET {} v", other.expect("a key")))).as_deref(), Some("+OK"));
        assert_eq!(poll(&mut get), None);
        drop(lock);
        drop(gate);
        assert_eq!(poll(&mut get).as_deref(), Some("(nil)"));
        assert!(poll(&mut mget).is_some_and(|answer| answer.starts_with("[(nil)")));
    }

    #[tokio::test]
    async fn a_long_command_is_executed_by_a_thread_of_the_store() {
        let store = TestStore::new();
        let turn = store.store().handle.long_turn.lock();
        let mut mset = call(&store, &long_mset());
        assert_eq!(poll(&mut mset), None);
        drop(turn);
        assert_eq!(mset.await, Ok(Response::ok()));
        let keys = store.store().clone().oneshot(command("KEYS key:1?")).await;
        assert!(matches!(keys.map(Response::unpacked), Ok(Response::Array(keys)) if keys.len() == 10));
        store.check([("DBSIZE", ":600")]);
    }

    #[test]
    fn the_gate_is_up_while_a_command_runs_that_has_found_that_it_takes_long() {
        let gate = GateAtCommit::default();
        let store = TestStore::built(|builder| builder.sink(gate.clone()));
        gate.store.set(store.store().clone()).expect("it is set once");
        store.answer_to(Command::new("SET").arg("k").arg("x".repeat(2_000_000)));
        let _reply = store.answer("GET k");
        assert!(!gate.was_up.load(Ordering::Relaxed));
        let append = tokio_test::block_on(call(&store, "APPEND k y"));
        assert_eq!((append, gate.was_up.load(Ordering::Relaxed)), (Ok(Response::from(2_000_001)), true));
    }

    #[test]
    fn a_long_command_whose_future_is_dropped_before_it_begins_never_begins() {
        let store = TestStore::new();
        let turn = store.store().handle.long_turn.lock();
        let (mut mset, mut next) = (call(&store, &long_mset()), call(&store, "KEYS *"));
        assert_eq!((poll(&mut mset), poll(&mut next)), (None, None));
        drop(mset);
        drop(turn);
        // The thread takes one after the other.
        let next = tokio_test::block_on(next);
        assert_eq!(next.map(|keys| keys.to_string()), Ok("[]".to_owned()));
    }

    #[test]
    #[should_panic(expected = "is not polled after it has completed")]
    fn a_future_is_not_polled_after_its_end() {
        let mut get = call(&TestStore::new(), "GET k");
        assert!(poll(&mut get).is_some());
        poll(&mut get);
    }

    #[test]
    fn a_command_is_executed_by_its_poll_and_once() {
        let store = TestStore::new();
        let mut incr = call(&store, "INCR n");
        drop(call(&store, "INCR n"));
        store.check([("EXISTS n", ":0")]);
        assert_eq!(poll(&mut incr).as_deref(), Some(":1"));
        drop(incr);
        store.check([("GET n", "\"1\"")]);
    }
}
