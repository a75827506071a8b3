//! Batches: what consecutive commands of a pipeline share.
//!
//! Every command of a pipeline passes the same layers, and a layer may do the same work for each: take a permit and give it
//! back, or count on an atomic. With several threads each such step moves a cache line between them. So a layer may
//! [`keep`] what one command is done with for the next on the same thread, which [`take`]s it. The transport says where a
//! batch begins and ends, with [`run`], and whether another command follows, with [`set_more`]. At the end of the batch
//! [`Keep::end`] decides what the thread keeps.
//!
//! A batch lasts for one poll of one task, so nothing is kept while a thread waits. Outside of a batch everything works the
//! same, but every value is ended at once.
//!
//! ```
//! use std::thread::LocalKey;
//! use kvstore_protocol::batch::{self, Keep, Kept};
//!
//! /// A buffer that may be kept, and a lock that may not.
//! struct Tools { buffer: Vec<u8>, is_locked: bool }
//!
//! impl Keep for Tools {
//!     fn end(self) -> Option<Self> {
//!         Some(Self { is_locked: false, ..self })
//!     }
//! }
//!
//! thread_local! {
//!     static TOOLS: Kept<Tools> = const { Kept::new() };
//! }
//!
//! batch::run(|| {
//!     batch::keep(&TOOLS, Tools { buffer: vec![1], is_locked: true });
//!     assert!(batch::take(&TOOLS).is_some_and(|tools| tools.is_locked));
//!     batch::keep(&TOOLS, Tools { buffer: vec![2], is_locked: true });
//! });
//! assert!(batch::take(&TOOLS).is_some_and(|tools| tools.buffer == [2] && !tools.is_locked));
//! ```

use std::{cell::Cell, fmt, thread::LocalKey};

use crate::release;

/// A value that one command may leave to the next.
pub trait Keep: Sized + 'static {
    /// Called at the end of a batch. Returns what the thread may keep: nothing that other threads wait for, and nothing large.
    fn end(self) -> Option<Self>;
}

/// A slot for a kept value, to be declared in a `thread_local!`.
pub struct Kept<T> {
    value: Cell<Option<T>>,
    /// Whether the current batch ends the value.
    is_listed: Cell<bool>,
}

impl<T: Keep> Kept<T> {
    /// Room without a value.
    pub const fn new() -> Self {
        Self { value: Cell::new(None), is_listed: Cell::new(false) }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl<T: Keep> Default for Kept<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is to be done at the end of a batch.
trait AtEnd {
    fn end(&'static self);
}

impl<T: Keep> AtEnd for LocalKey<Kept<T>> {
    fn end(&'static self) {
        self.with(|kept| kept.is_listed.set(false));
        if let Some(value) = take(self) {
            let rest = value.end();
            self.with(|kept| kept.value.set(rest));
        }
    }
}

/// The most values that a batch can keep. One more is ended at once.
const MOST: usize = 8;

/// Whether a thread runs a batch, and whether another command follows in it.
#[derive(Clone, Copy, PartialEq)]
enum BatchState {
    /// No batch runs.
    Outside,
    /// Outside -> `More`: another command follows.
    More,
    /// More <-> `Last`: no command follows, so nothing is kept.
    Last,
}

thread_local! {
    static STATE: Cell<BatchState> = const { Cell::new(BatchState::Outside) };
    /// The values that this batch kept, without gaps.
    static LISTED: [Cell<Option<&'static dyn AtEnd>>; MOST] = const { [const { Cell::new(None) }; MOST] };
}

/// Runs a batch. A batch inside of another is a part of it.
#[inline]
pub fn run<T>(work: impl FnOnce() -> T) -> T {
    let _end = (STATE.get() == BatchState::Outside).then(|| {
        STATE.set(BatchState::More);
        EndGuard
    });
    work()
}

/// Says whether another command of the batch follows the one that is called next. After the last one nothing is kept, so
/// that a single command costs no more than without a batch. Does nothing outside of a batch.
///
/// ```
/// use kvstore_protocol::batch;
///
/// let mut commands = ["GET a", "GET b"].iter();
/// batch::run(|| {
///     while let Some(command) = commands.next() {
///         batch::set_more(commands.len() > 0);
///         println!("calls {command}");
///     }
/// });
/// ```
#[inline]
pub fn set_more(has_more: bool) {
    if is_running() {
        STATE.set(if has_more { BatchState::More } else { BatchState::Last });
    }
}

/// Whether this thread runs a batch.
#[inline]
pub fn is_running() -> bool {
    STATE.get() != BatchState::Outside
}

/// Keeps `value` for the next [`take`] on this thread. A value that is already there is [ended](Keep::end).
#[inline]
pub fn keep<T: Keep>(slot: &'static LocalKey<Kept<T>>, value: T) {
    let replaced = slot.with(|kept| {
        let is_kept = STATE.get() == BatchState::More && (kept.is_listed.get() || list(slot, kept));
        kept.value.replace(if is_kept { Some(value) } else { value.end() })
    });
    if let Some(replaced) = replaced {
        replaced.end();
    }
}

/// Takes the value that was kept last.
#[inline]
pub fn take<T: Keep>(slot: &'static LocalKey<Kept<T>>) -> Option<T> {
    slot.with(|kept| kept.value.take())
}

/// Has the current batch end the value, if there is room in its list.
#[cold]
fn list<T: Keep>(slot: &'static LocalKey<Kept<T>>, kept: &Kept<T>) -> bool {
    let free = LISTED.with(|listed| listed.iter().position(|cell| cell.get().is_none()));
    if let Some(free) = free {
        LISTED.with(|listed| listed[free].set(Some(slot)));
        kept.is_listed.set(true);
    }
    free.is_some()
}

/// Ends the batch when it is dropped, also by a panic.
struct EndGuard;

impl Drop for EndGuard {
    fn drop(&mut self) {
        STATE.set(BatchState::Outside);
        release::end();
        if LISTED.with(|listed| listed[0].get().is_some()) {
            end_all();
        }
    }
}

#[inline(never)]
fn end_all() {
    // One at a time: ending a value may begin another batch, or panic.
    while let Some(slot) = LISTED.with(|listed| listed.iter().rev().find_map(Cell::take)) {
        slot.end();
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    struct Counted {
        _count: Rc<()>,
    }

    impl Keep for Counted {
        fn end(self) -> Option<Self> {
            None
        }
    }

    fn counted(count: &Rc<()>) -> Counted {
        Counted { _count: count.clone() }
    }

    thread_local! {
        static SLOT: Kept<Counted> = const { Kept::new() };
    }

    #[test]
    fn a_kept_value_is_ended_with_the_outermost_batch() {
        let count = Rc::new(());
        run(|| {
            run(|| keep(&SLOT, counted(&count)));
            assert_eq!(Rc::strong_count(&count), 2);
            let taken = take(&SLOT).unwrap();
            assert!(take(&SLOT).is_none());
            keep(&SLOT, taken);
        });
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn outside_of_a_batch_a_value_is_ended_at_once() {
        let count = Rc::new(());
        keep(&SLOT, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn after_the_last_command_nothing_is_kept() {
        let count = Rc::new(());
        run(|| {
            set_more(false);
            keep(&SLOT, counted(&count));
            assert_eq!(Rc::strong_count(&count), 1);
            set_more(true);
            keep(&SLOT, counted(&count));
            assert_eq!(Rc::strong_count(&count), 2);
        });
        set_more(true);
        keep(&SLOT, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn a_batch_ends_with_a_panic_too() {
        let count = Rc::new(());
        let panicked = std::panic::catch_unwind(|| {
            run(|| {
                keep(&SLOT, counted(&Rc::new(())));
                panic!("in a batch");
            })
        });
        assert!(panicked.is_err() && take(&SLOT).is_none());
        keep(&SLOT, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    struct Panicking;

    impl Keep for Panicking {
        fn end(self) -> Option<Self> {
            panic!("at the end")
        }
    }

    #[test]
    fn every_value_is_ended_although_the_end_of_one_panics() {
        thread_local! {
            static BROKEN: Kept<Panicking> = const { Kept::new() };
        }
        let count = Rc::new(());
        let panicked = std::panic::catch_unwind(|| {
            run(|| {
                keep(&SLOT, counted(&Rc::new(())));
                keep(&BROKEN, Panicking);
            })
        });
        assert!(panicked.is_err());
        for _ in 0..2 {
            run(|| keep(&SLOT, counted(&count)));
            assert_eq!(Rc::strong_count(&count), 1);
        }
    }

    #[test]
    fn a_value_that_is_replaced_is_ended() {
        let (first, last) = (Rc::new(()), Rc::new(()));
        run(|| {
            keep(&SLOT, counted(&first));
            keep(&SLOT, counted(&last));
            assert_eq!((Rc::strong_count(&first), Rc::strong_count(&last)), (1, 2));
        });
    }
}
