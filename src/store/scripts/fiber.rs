//! [`Fiber`]: work on a stack of its own, which may move to another thread in the middle.
//!
//! A script runs on the thread of its connection, like any short command. When it turns out to take long, its fiber is suspended, and
//! a thread that keeps no connection waiting resumes it: nothing begins anew, and the locks that it holds stay held.
#![expect(unsafe_code, reason = "a stack moves to another thread")]

use std::{cell::Cell, fmt};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};

/// The size of a stack, in bytes. The memory is the system's until it is touched.
const STACK: usize = 8 << 20;

thread_local! {
    /// A stack for the next fiber of this thread.
    static SPARE: Cell<Option<DefaultStack>> = const { Cell::new(None) };
}

/// Work that is suspended. If it is dropped, it is resumed to its end: the frames on its stack cannot be unwound from outside.
pub(in crate::store) struct Fiber<T: 'static>(Option<Coroutine<(), (), T, DefaultStack>>);

/// Where work on a fiber is, after it was started.
pub(in crate::store) enum Started<T: 'static> {
    Done(T),
    /// It is to be finished on another thread.
    Suspended(Fiber<T>),
}

/// Suspends the fiber that it belongs to.
#[derive(Clone, Copy)]
pub(in crate::store) struct Mover<'a>(&'a Yielder<(), ()>);

// SAFETY: `start` asks that what the work is made of, and its result, may be sent. What is on its stack while it is suspended are the
// frames of a script: locks of `parking_lot`, which any thread may release, the interpreter, which is `Send`, references to these, and to
// the store. None of these frames keeps anything of its thread: they read thread-locals only within calls that have returned.
unsafe impl<T: Send> Send for Fiber<T> {}

impl<T: Send> Fiber<T> {
    /// Starts work, and runs it until it ends or is suspended. `None` if there is no memory for its stack.
    pub(in crate::store) fn start(work: impl FnOnce(Mover<'_>) -> T + Send + 'static) -> Option<Started<T>> {
        let stack = SPARE.take().or_else(|| DefaultStack::new(STACK).ok())?;
        let mut fiber = Self(Some(Coroutine::with_stack(stack, |yielder, ()| work(Mover(yielder)))));
        Some(match fiber.resume() {
            Some(result) => Started::Done(result),
            None => Started::Suspended(fiber),
        })
    }

    /// Runs the work to its end, on this thread. A panic of the work is one here.
    pub(in crate::store) fn finish(mut self) -> T {
        loop {
            if let Some(result) = self.resume() {
                return result;
            }
        }
    }
}

impl<T> Fiber<T> {
    /// Resumes the work. `None` if it is suspended again.
    fn resume(&mut self) -> Option<T> {
        let coroutine = self.0.as_mut().expect("a fiber is not resumed after its end");
        match coroutine.resume(()) {
            CoroutineResult::Yield(()) => None,
            CoroutineResult::Return(result) => {
                SPARE.set(self.0.take().map(Coroutine::into_stack));
                Some(result)
            }
        }
    }
}

impl Mover<'_> {
    /// Suspends the fiber. Returns on the thread that finishes it.
    #[inline(never)]
    pub(in crate::store) fn suspend(self) {
        self.0.suspend(());
    }
}

impl<T> Drop for Fiber<T> {
    fn drop(&mut self) {
        while self.0.as_ref().is_some_and(|coroutine| !coroutine.done()) {
            let _ = self.resume();
        }
    }
}

impl<T> fmt::Debug for Fiber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fiber")
    }
}

impl fmt::Debug for Mover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mover")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread::{self, ThreadId},
    };

    use parking_lot::Mutex;

    use super::*;

    fn suspended<T: Send>(work: impl FnOnce(Mover<'_>) -> T + Send + 'static) -> Fiber<T> {
        match Fiber::start(work).expect("memory") {
            Started::Suspended(fiber) => fiber,
            Started::Done(_) => panic!("the work suspends itself"),
        }
    }

    #[test]
    fn work_goes_on_where_it_was_on_another_thread_with_the_locks_that_it_holds() {
        let lock = Arc::new(Mutex::new(Vec::<ThreadId>::new()));
        let of_work = Arc::clone(&lock);
        let fiber = suspended(move |mover| {
            let mut held = of_work.lock();
            held.push(thread::current().id());
            mover.suspend();
            held.push(thread::current().id());
            held.len()
        });
        assert!(lock.try_lock().is_none());
        assert_eq!(thread::spawn(move || fiber.finish()).join().expect("no panic"), 2);
        let threads = lock.lock();
        assert!(threads[0] == thread::current().id() && threads[1] != threads[0]);
    }

    #[test]
    fn work_that_never_suspends_is_done_at_once() {
        for number in 0..3 {
            let started = Fiber::start(move |_| number).expect("memory");
            assert!(matches!(started, Started::Done(done) if done == number));
        }
    }

    #[test]
    fn a_fiber_that_is_dropped_runs_to_its_end() {
        let steps = Arc::new(AtomicUsize::new(0));
        let of_work = Arc::clone(&steps);
        drop(suspended(move |mover| {
            for _ in 0..3 {
                mover.suspend();
                of_work.fetch_add(1, Ordering::Relaxed);
            }
        }));
        assert_eq!(steps.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_panic_of_the_work_is_one_of_the_thread_that_resumes_it() {
        let fiber = suspended(|mover| {
            mover.suspend();
            panic!("the work fails");
        });
        let finished = thread::spawn(|| catch_unwind(AssertUnwindSafe(|| fiber.finish())).is_err());
        assert!(finished.join().expect("it was caught"));
    }
}
