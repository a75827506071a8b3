//! All orders in which those who compete for a command may act, as far as a random scheduler finds them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use shuttle::{check_random, thread};

/// The locks of the scheduler, for the turns of this test.
mod sync {
    /// A lock without poisoning.
    #[derive(Debug)]
    pub(super) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(super) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(super) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

#[path = "turn.rs"]
#[expect(clippy::duplicate_mod, reason = "it is compiled with other locks")]
mod turn;

use turn::Turn;

const SCHEDULES: usize = 10_000;

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn one_of_two_who_serve_and_a_timeout_ends_the_waiting() {
    check_random(
        || {
            let turn = Arc::new(Turn::new());
            let servers = [1, 2].map(|answer| {
                let turn = Arc::clone(&turn);
                thread::spawn(move || {
                    let has_claim = turn.claim();
                    if has_claim {
                        turn.answer(answer);
                    }
                    has_claim
                })
            });
            let timeout = {
                let turn = Arc::clone(&turn);
                thread::spawn(move || turn.leave())
            };
            let served = servers.map(|server| server.join().unwrap());
            let has_left = timeout.join().unwrap();
            assert_eq!(served.iter().filter(|served| **served).count() + usize::from(has_left), 1);
            let polled = turn.poll_answer(&mut Context::from_waker(Waker::noop()));
            let expected = if served[0] { Poll::Ready(1) } else { Poll::Ready(2) };
            assert_eq!(polled, if has_left { Poll::Pending } else { expected });
        },
        SCHEDULES,
    );
}

#[test]
fn who_waits_on_behind_a_claim_is_woken() {
    check_random(
        || {
            let (turn, wakes) = (Arc::new(Turn::<u8>::new()), Arc::new(Wakes::default()));
            let server = {
                let turn = Arc::clone(&turn);
                thread::spawn(move || {
                    if turn.claim() {
                        turn.release();
                    }
                })
            };
            // What the future does whose time is over.
            let waker = Waker::from(Arc::clone(&wakes));
            assert!(turn.poll_answer(&mut Context::from_waker(&waker)).is_pending());
            let has_left = turn.leave();
            server.join().unwrap();
            assert!(has_left || wakes.0.load(Ordering::SeqCst) == 1 && turn.leave());
        },
        SCHEDULES,
    );
}

#[test]
fn an_answer_wakes_who_has_found_none() {
    check_random(
        || {
            let (turn, wakes) = (Arc::new(Turn::new()), Arc::new(Wakes::default()));
            let server = {
                let turn = Arc::clone(&turn);
                thread::spawn(move || {
                    assert!(turn.claim());
                    turn.answer(1);
                })
            };
            let waker = Waker::from(Arc::clone(&wakes));
            let is_answered = turn.poll_answer(&mut Context::from_waker(&waker)).is_ready();
            server.join().unwrap();
            assert_eq!(wakes.0.load(Ordering::SeqCst), usize::from(!is_answered));
        },
        SCHEDULES,
    );
}

#[test]
fn who_is_dropped_takes_no_answer() {
    check_random(
        || {
            let turn = Arc::new(Turn::new());
            let server = {
                let turn = Arc::clone(&turn);
                thread::spawn(move || {
                    if turn.claim() {
                        turn.answer(1);
                    }
                })
            };
            turn.abandon();
            server.join().unwrap();
            assert!(!turn.claim() && turn.poll_answer(&mut Context::from_waker(Waker::noop())).is_pending());
        },
        SCHEDULES,
    );
}
