//! [`ReplyBudget`]: the memory that replies may take together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The memory that replies may take together, in bytes, while they are built: those of the commands inside of a script.
///
/// Each [`Packed`](crate::Packed) that [draws on it](crate::Packed::drawing_on) is an error once there is nothing left.
///
/// ```
/// use std::sync::Arc;
///
/// use kvstore_protocol::{Packed, ReplyBudget, Response};
///
/// let budget = Arc::new(ReplyBudget::new(1 << 20));
/// let mut fields = Packed::array().drawing_on(&budget);
/// for _ in 0..100 {
///     fields.push(&[b'x'; 100_000]);
/// }
/// assert!(budget.is_exceeded());
/// assert!(matches!(Response::from(fields), Response::Error(_)));
///
/// budget.set(1 << 20);
/// assert!(!budget.is_exceeded());
/// ```
#[derive(Debug)]
pub struct ReplyBudget {
    /// [`EXCEEDED`] once more was asked for than was left.
    left: AtomicUsize,
}

const EXCEEDED: usize = usize::MAX;

impl ReplyBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        let budget = Self { left: AtomicUsize::new(0) };
        budget.set(bytes);
        budget
    }

    /// Begins anew, with so many bytes.
    pub fn set(&self, bytes: usize) {
        self.left.store(bytes.min(EXCEEDED - 1), Ordering::Relaxed);
    }

    /// Whether more was asked for than there was.
    pub fn is_exceeded(&self) -> bool {
        self.left.load(Ordering::Relaxed) == EXCEEDED
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        if self.is_exceeded() { 0 } else { self.left.load(Ordering::Relaxed) }
    }

    /// Takes bytes, or all that is left. Returns whether there were as many.
    pub fn take(&self, bytes: usize) -> bool {
        let rest = |left: usize| if left == EXCEEDED { left } else { left.checked_sub(bytes).unwrap_or(EXCEEDED) };
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(rest(left)));
        before.is_ok_and(|left| rest(left) != EXCEEDED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_exceeded_until_it_is_set() {
        let budget = ReplyBudget::new(10);
        assert!(budget.take(4) && budget.take(6) && budget.take(0));
        assert!(!budget.is_exceeded());
        assert!(!budget.take(1) && !budget.take(0));
        assert!(budget.is_exceeded());
        budget.set(usize::MAX);
        assert!(budget.take(1 << 40));
        assert!(!budget.is_exceeded());
    }
}
