//! [`PerThread`]: a value for each thread, which other threads read.

use std::{
    cell::Cell,
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
};

/// The most values. Further threads share the last one.
const MOST: usize = 256;

/// A value for each thread that asks for one, such as counters that only their thread writes, and any thread adds up.
///
/// A thread that ends leaves its value to one that begins. No two threads have the same value at a time, unless there are more
/// than 255: all others share one.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use kvstore_middleware::PerThread;
///
/// let counts = PerThread::<AtomicU64>::new();
/// std::thread::scope(|scope| {
///     for _ in 0..3 {
///         // Without an atomic addition, since no other thread writes it.
///         scope.spawn(|| counts.get().store(counts.get().load(Relaxed) + 1, Relaxed));
///     }
/// });
/// assert_eq!(counts.iter().map(|count| count.load(Relaxed)).sum::<u64>(), 3);
/// ```
pub struct PerThread<T> {
    values: Box<[OnceLock<Box<T>>]>,
}

impl<T: Default> PerThread<T> {
    /// Creates it without values.
    pub fn new() -> Self {
        Self { values: (0..MOST).map(|_| OnceLock::new()).collect() }
    }

    /// Returns the value of this thread.
    #[inline]
    pub fn get(&self) -> &T {
        match self.values.get(NUMBER.get()).and_then(OnceLock::get) {
            Some(value) => value,
            None => self.create(),
        }
    }

    #[cold]
    fn create(&self) -> &T {
        self.values[number()].get_or_init(Box::default)
    }

    /// Returns the values of all threads.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().filter_map(|value| value.get().map(|value| &**value))
    }
}

impl<T: Default> Default for PerThread<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for PerThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerThread").finish_non_exhaustive()
    }
}

thread_local! {
    /// The number of the thread, once it has asked for a value. Apart from its guard, since what has a destructor is slower to
    /// read.
    static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    static GUARD: NumberGuard = NumberGuard::take();
}

/// The numbers of threads that have ended, and the next one that no thread has had.
static NUMBERS: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

/// Gives the number of its thread back when it is dropped.
struct NumberGuard(usize);

impl NumberGuard {
    fn take() -> Self {
        let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
        let (free, next) = &mut *numbers;
        Self(free.pop().unwrap_or_else(|| {
            *next += 1;
            *next - 1
        }))
    }
}

impl Drop for NumberGuard {
    fn drop(&mut self) {
        NUMBER.set(usize::MAX);
        NUMBERS.lock().unwrap_or_else(PoisonError::into_inner).0.push(self.0);
    }
}

/// The number of this thread, which is less than [`MOST`]. A thread that is ending shares the last one.
fn number() -> usize {
    let number = GUARD.try_with(|guard| guard.0).unwrap_or(MOST).min(MOST - 1);
    let _ = GUARD.try_with(|_| NUMBER.set(number));
    number
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[test]
    fn threads_have_values_of_their_own() {
        let values = PerThread::<AtomicUsize>::new();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let value = values.get();
                        value.store(value.load(Relaxed) + 1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(values.iter().map(|value| value.load(Relaxed)).sum::<usize>(), 200_000);
    }

    #[test]
    fn a_thread_that_ends_leaves_its_value_to_another() {
        let values = PerThread::<AtomicUsize>::new();
        for _ in 0..1000 {
            let count = || values.get().fetch_add(1, Relaxed);
            std::thread::scope(|scope| drop(scope.spawn(count).join()));
        }
        // Tests on other threads take numbers meanwhile.
        assert!(values.iter().count() < 100);
        assert_eq!(values.iter().map(|value| value.load(Relaxed)).sum::<usize>(), 1000);
    }
}
