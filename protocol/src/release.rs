//! Holding back the output of a connection until something has happened outside of it.
//!
//! The effect of a command may be there before it is safe: a store answers a write when a journal has it, say, and the journal
//! would rather write once for a whole pipeline than once for each command. Its service calls [`hold`] in the poll that executes
//! the command. The transport calls all commands that have come, and before it writes their answers it waits for
//! [`Release::poll_released`], with [`Held::poll`].
//!
//! This holds back whatever the connection writes from then on, in contrast to a command that [settles](crate::parking): there the
//! answer of one command waits, and it may still become another one.
//!
//! ```
//! use std::{io, sync::{Arc, Mutex}, task::{Context, Poll, Waker}};
//! use kvstore_protocol::{batch, release::{self, Held, Release}};
//!
//! /// Lines that are collected, and written together.
//! #[derive(Default)]
//! struct Log { collected: Mutex<Vec<&'static str>>, written: Mutex<Vec<String>> }
//!
//! impl Release for Log {
//!     fn poll_released(&self, _number: u64, _place: &mut Option<u64>, _waker: &Waker) -> Poll<io::Result<()>> {
//!         let collected = std::mem::take(&mut *self.collected.lock().expect("no panic"));
//!         self.written.lock().expect("no panic").push(collected.join(", "));
//!         Poll::Ready(Ok(()))
//!     }
//!
//!     fn give_up(&self, number: u64) {
//!         let _ = self.poll_released(number, &mut None, Waker::noop());
//!     }
//! }
//!
//! let (log, mut held) = (Arc::new(Log::default()), Held::default());
//! batch::run(|| {
//!     for (number, line) in (1..).zip(["SET a 1", "SET b 2"]) {
//!         log.collected.lock().expect("no panic").push(line);
//!         release::hold(&log, number);
//!     }
//!     assert!(held.poll(&mut Context::from_waker(Waker::noop())).is_ready());
//! });
//! assert_eq!(*log.written.lock().expect("no panic"), ["SET a 1, SET b 2"]);
//! ```

use std::{
    cell::{Cell, RefCell},
    fmt, io, mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::batch;

/// What output may be held back for.
pub trait Release: Send + Sync + 'static {
    /// Whether everything up to `number` is done, for output that [`hold`] holds back. It may be done right here, as long as that
    /// blocks the thread no longer than a command.
    ///
    /// If it is pending, the waker is woken when it is done. `place` is `None` at first, and keeps what an implementation wants to
    /// find the waker by at the next poll.
    ///
    /// # Errors
    /// If it will never be done. The connection is closed then, with an error in place of its output: its client does not know what
    /// has become of its commands.
    fn poll_released(&self, number: u64, place: &mut Option<u64>, waker: &Waker) -> Poll<io::Result<()>>;

    /// Nobody waits any more until everything up to `number` is done: the connection has ended, or it has nothing to write. It is to
    /// be done all the same.
    fn give_up(&self, number: u64);
}

thread_local! {
    static IS_HELD: Cell<bool> = const { Cell::new(false) };
    /// What the current batch holds back output for.
    static HELD: RefCell<Vec<Hold>> = const { RefCell::new(Vec::new()) };
}

struct Hold {
    release: Arc<dyn Release>,
    number: u64,
    place: Option<u64>,
    is_released: bool,
}

impl Hold {
    fn is_for(&self, release: &Arc<impl Release + ?Sized>) -> bool {
        Arc::as_ptr(&self.release).cast::<()>() == Arc::as_ptr(release).cast()
    }

    fn poll(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let polled = self.release.poll_released(self.number, &mut self.place, waker);
        self.is_released = polled.is_ready();
        polled
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_released {
            self.release.give_up(self.number);
        }
    }
}

/// Holds back the output of the connection whose [batch] this thread runs, until `release` has done everything up to
/// `number`. Returns false outside of a batch, where this does nothing: nobody holds back what a call within the process returns.
///
/// Whatever becomes of the connection, `release` does what output is held back for, or it is told that nobody
/// [waits](Release::give_up) for it.
#[inline]
pub fn hold(release: &Arc<impl Release>, number: u64) -> bool {
    let is_held = batch::is_running();
    if is_held {
        add(release, number);
    }
    is_held
}

fn add(release: &Arc<impl Release>, number: u64) {
    HELD.with_borrow_mut(|held| match held.iter_mut().find(|hold| hold.is_for(release)) {
        Some(hold) => hold.number = hold.number.max(number),
        None => {
            held.push(Hold { release: release.clone(), number, place: None, is_released: false });
            IS_HELD.set(true);
        }
    });
}

/// What the output of a connection is held back for.
#[derive(Default)]
#[expect(clippy::box_collection, reason = "few connections have one at a time")]
pub struct Held(Option<Box<Vec<Hold>>>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.0.as_ref().map_or(0, |holds| holds.len())).finish()
    }
}

impl Held {
    /// Whether output may be written. Everything counts that the current batch holds it back for, and what earlier ones did.
    ///
    /// # Errors
    /// If it may never be written.
    ///
    /// # Cancel safety
    /// What it is held back for stays here.
    #[inline]
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        if !IS_HELD.get() && self.0.is_none() { Poll::Ready(Ok(())) } else { self.poll_held(cx.waker()) }
    }

    #[inline(never)]
    fn poll_held(&mut self, waker: &Waker) -> Poll<io::Result<()>> {
        let mut result = Ok(());
        let mut is_pending = |hold: &mut Hold| match hold.poll(waker) {
            Poll::Pending => true,
            Poll::Ready(released) => {
                result = mem::replace(&mut result, Ok(())).and(released);
                false
            }
        };
        if let Some(pending) = &mut self.0 {
            pending.retain_mut(&mut is_pending);
        }
        poll_new(is_pending, |hold| self.keep(hold));
        if result.is_ok() && self.0.as_ref().is_some_and(|pending| !pending.is_empty()) {
            return Poll::Pending;
        }
        self.0 = None;
        Poll::Ready(result)
    }

    fn keep(&mut self, mut new: Hold) {
        let pending = self.0.get_or_insert_default();
        match pending.iter_mut().find(|hold| hold.is_for(&new.release)) {
            Some(hold) => {
                hold.number = hold.number.max(new.number);
                new.is_released = true;
            }
            None => pending.push(new),
        }
    }
}

/// Polls what the current batch holds back output for, and passes on what is pending.
fn poll_new(mut is_pending: impl FnMut(&mut Hold) -> bool, mut pending: impl FnMut(Hold)) {
    IS_HELD.set(false);
    // Not borrowed meanwhile. The allocation is kept.
    let mut held = HELD.with_borrow_mut(mem::take);
    held.drain(..).for_each(|mut hold| {
        if is_pending(&mut hold) {
            pending(hold);
        }
    });
    HELD.with_borrow_mut(|kept| *kept = held);
}

/// Ends a batch, whose output was not written.
pub(crate) fn end() {
    if IS_HELD.replace(false) {
        let given_up = HELD.with_borrow_mut(mem::take);
        drop(given_up);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Everything up to a number is done.
    #[derive(Default)]
    struct Done {
        number: AtomicU64,
        asked: AtomicU64,
        given_up: AtomicU64,
    }

    impl Release for Done {
        fn poll_released(&self, number: u64, place: &mut Option<u64>, _waker: &Waker) -> Poll<io::Result<()>> {
            *place = Some(self.asked.fetch_add(1, Ordering::Relaxed));
            match self.number.load(Ordering::Relaxed) {
                NEVER => Poll::Ready(Err(io::Error::other("it is lost"))),
                done if number <= done => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        }

        fn give_up(&self, number: u64) {
            self.given_up.store(number, Ordering::Relaxed);
        }
    }

    const NEVER: u64 = u64::MAX;

    fn poll(held: &mut Held) -> Poll<io::Result<()>> {
        held.poll(&Context::from_waker(Waker::noop()))
    }

    #[test]
    fn output_waits_for_the_highest_number_of_each() {
        let (first, second, mut held) = (Arc::new(Done::default()), Arc::new(Done::default()), Held::default());
        batch::run(|| {
            assert!(hold(&first, 2) && hold(&second, 5) && hold(&first, 1));
            assert!(poll(&mut held).is_pending());
            first.number.store(2, Ordering::Relaxed);
            assert!(poll(&mut held).is_pending());
            hold(&first, 3);
        });
        second.number.store(5, Ordering::Relaxed);
        assert!(matches!(poll(&mut held), Poll::Ready(Ok(()))));
        assert_eq!((first.asked.load(Ordering::Relaxed), second.asked.load(Ordering::Relaxed)), (2, 3));
        // The batch has ended before anybody asked for the 3.
        assert_eq!((first.given_up.load(Ordering::Relaxed), second.given_up.load(Ordering::Relaxed)), (3, 0));
    }

    #[test]
    fn what_a_connection_has_waited_for_is_given_up_when_it_ends() {
        let (done, mut held) = (Arc::new(Done::default()), Held::default());
        batch::run(|| {
            hold(&done, 4);
            assert!(poll(&mut held).is_pending());
            hold(&done, 5);
            assert!(poll(&mut held).is_pending());
        });
        assert_eq!(done.given_up.load(Ordering::Relaxed), 0);
        drop(held);
        assert_eq!(done.given_up.load(Ordering::Relaxed), 5);
    }

    #[test]
    fn output_that_is_never_released_is_an_error() {
        let (first, second, mut held) = (Arc::new(Done::default()), Arc::new(Done::default()), Held::default());
        first.number.store(NEVER, Ordering::Relaxed);
        batch::run(|| {
            assert!(hold(&first, 1) && hold(&second, 1));
            assert!(matches!(poll(&mut held), Poll::Ready(Err(_))));
        });
    }

    #[test]
    fn nothing_is_held_back_outside_of_a_batch() {
        let done = Arc::new(Done::default());
        assert!(!hold(&done, 1));
        assert!(poll(&mut Held::default()).is_ready());
        assert_eq!(Arc::strong_count(&done), 1);
    }
}
