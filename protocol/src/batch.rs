//! Batches: what the commands that a connection sends together may share.
//!
//! A pipeline brings many commands at once, and a layer does the same for each of them: it takes a permit and gives it
//! back, counts itself on what it shares with the other connections. On several threads that is what costs most, since
//! each such step takes a cache line away from the others. So a layer may leave what a command is done with to the next on
//! the same thread, with [`keep`] and [`take`]. The transport says where a batch begins and ends, with [`run`], and which
//! command is its last, with [`set_more`]; then [`Keep::end`] decides what stays.
//!
//! A batch lasts for one poll of one task, so nothing is kept while a thread waits. Outside of a batch nothing is kept for
//! longer than [`Keep::end`] allows either, and everything works the same.
//!
//! ```
//! use std::thread::LocalKey;
//! use kvstore_protocol::batch::{self, Keep, Kept};
//!
//! /// A buffer that is worth keeping, and a lock that is not.
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

/// Something that one command may leave to the next.
pub trait Keep: Sized + 'static {
    /// The batch is over: what of this may stay with the thread? Not what others wait for, and nothing that is large.
    fn end(self) -> Option<Self>;
}

/// The place of one kept thing, in a `thread_local!`.
pub struct Kept<T> {
    value: Cell<Option<T>>,
    is_listed: Cell<bool>,
}

impl<T: Keep> Kept<T> {
    /// An empty place.
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

/// A place that is asked at the end of each batch.
trait Place {
    fn end(&'static self);
}

impl<T: Keep> Place for LocalKey<Kept<T>> {
    fn end(&'static self) {
        self.with(|kept| kept.is_listed.set(false));
        if let Some(value) = take(self) {
            let rest = value.end();
            self.with(|kept| kept.value.set(rest));
        }
    }
}

/// In how many places a thread can keep something. What comes to one more is not kept.
const PLACES: usize = 8;

/// How far a batch is.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Outside,
    /// Outside -> `More`: another command comes behind the one at hand.
    More,
    /// More <-> `Last`: nobody would take what is kept.
    Last,
}

thread_local! {
    static STAGE: Cell<Stage> = const { Cell::new(Stage::Outside) };
    /// The places in which this batch kept something, one behind the other.
    static LISTED: [Cell<Option<&'static dyn Place>>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
}

/// Runs a batch. One within another is a part of it.
#[inline]
pub fn run<T>(work: impl FnOnce() -> T) -> T {
    let _end = (STAGE.get() == Stage::Outside).then(|| {
        STAGE.set(Stage::More);
        End
    });
    work()
}

/// Says whether another command of the batch comes behind the one that is called next. One that comes alone then costs no
/// more than it would without a batch. Outside of a batch it does nothing.
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
    if STAGE.get() != Stage::Outside {
        STAGE.set(if has_more { Stage::More } else { Stage::Last });
    }
}

/// Leaves `value` to the next who [takes](take) it on this thread. What is there already has its [end](Keep::end).
#[inline]
pub fn keep<T: Keep>(place: &'static LocalKey<Kept<T>>, value: T) {
    let replaced = place.with(|kept| {
        let is_kept = STAGE.get() == Stage::More && (kept.is_listed.get() || list(place, kept));
        kept.value.replace(if is_kept { Some(value) } else { value.end() })
    });
    if let Some(replaced) = replaced {
        replaced.end();
    }
}

/// Takes what was kept last.
#[inline]
pub fn take<T: Keep>(place: &'static LocalKey<Kept<T>>) -> Option<T> {
    place.with(|kept| kept.value.take())
}

/// Lists a place, if there is room for it.
#[cold]
fn list<T: Keep>(place: &'static LocalKey<Kept<T>>, kept: &Kept<T>) -> bool {
    let free = LISTED.with(|listed| listed.iter().position(|cell| cell.get().is_none()));
    if let Some(free) = free {
        LISTED.with(|listed| listed[free].set(Some(place)));
        kept.is_listed.set(true);
    }
    free.is_some()
}

/// The end of a batch, however it is left.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        STAGE.set(Stage::Outside);
        if LISTED.with(|listed| listed[0].get().is_some()) {
            end_all();
        }
    }
}

#[inline(never)]
fn end_all() {
    // One by one: the end of one thing may be the beginning of another batch, or a panic.
    while let Some(place) = LISTED.with(|listed| listed.iter().rev().find_map(Cell::take)) {
        place.end();
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
        static PLACE: Kept<Counted> = const { Kept::new() };
    }

    #[test]
    fn what_is_kept_goes_at_the_end_of_the_outermost_batch() {
        let count = Rc::new(());
        run(|| {
            run(|| keep(&PLACE, counted(&count)));
            assert_eq!(Rc::strong_count(&count), 2);
            let taken = take(&PLACE).unwrap();
            assert!(take(&PLACE).is_none());
            keep(&PLACE, taken);
        });
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn outside_of_a_batch_nothing_is_kept_that_does_not_outlast_one() {
        let count = Rc::new(());
        keep(&PLACE, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn behind_the_last_command_nothing_is_kept() {
        let count = Rc::new(());
        run(|| {
            set_more(false);
            keep(&PLACE, counted(&count));
            assert_eq!(Rc::strong_count(&count), 1);
            set_more(true);
            keep(&PLACE, counted(&count));
            assert_eq!(Rc::strong_count(&count), 2);
        });
        set_more(true);
        keep(&PLACE, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    #[test]
    fn a_batch_ends_with_a_panic_too() {
        let count = Rc::new(());
        let panicked = std::panic::catch_unwind(|| {
            run(|| {
                keep(&PLACE, counted(&Rc::new(())));
                panic!("in a batch");
            })
        });
        assert!(panicked.is_err() && take(&PLACE).is_none());
        keep(&PLACE, counted(&count));
        assert_eq!(Rc::strong_count(&count), 1);
    }

    struct Panicking;

    impl Keep for Panicking {
        fn end(self) -> Option<Self> {
            panic!("at the end")
        }
    }

    #[test]
    fn an_end_that_panics_keeps_nothing_else_from_its_end() {
        thread_local! {
            static BROKEN: Kept<Panicking> = const { Kept::new() };
        }
        let count = Rc::new(());
        let panicked = std::panic::catch_unwind(|| {
            run(|| {
                keep(&PLACE, counted(&Rc::new(())));
                keep(&BROKEN, Panicking);
            })
        });
        assert!(panicked.is_err());
        for _ in 0..2 {
            run(|| keep(&PLACE, counted(&count)));
            assert_eq!(Rc::strong_count(&count), 1);
        }
    }

    #[test]
    fn the_last_that_was_kept_replaces_the_others() {
        let (first, last) = (Rc::new(()), Rc::new(()));
        run(|| {
            keep(&PLACE, counted(&first));
            keep(&PLACE, counted(&last));
            assert_eq!((Rc::strong_count(&first), Rc::strong_count(&last)), (1, 2));
        });
    }
}
