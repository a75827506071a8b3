use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{ConcurrencyLimit, permits::Permits};

/// Limits how many commands are in flight at once, across all services that this layer and its clones make.
///
/// Clones share the permits, but each has its own answer to a full limit: `limit.clone().refuse()` refuses where
/// `limit` waits.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    permits: Option<Arc<Permits>>,
    when_full: WhenFull,
}

/// What happens to a command that finds no permit.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhenFull {
    Wait,
    WaitAtMost(Duration),
    Refuse,
}

impl ConcurrencyLimitLayer {
    /// Allows `max` commands at once; the others wait. The highest limit is 4,294,967,295.
    ///
    /// # Panics
    /// If `max` is 0: no command would ever be answered.
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a limit lets at least one command through");
        Self { permits: Some(Arc::new(Permits::new(max))), when_full: WhenFull::Wait }
    }

    /// Limits nothing and counts nothing. For a program whose limit is a setting: the type of the stack stays the same.
    pub const fn unlimited() -> Self {
        Self { permits: None, when_full: WhenFull::Wait }
    }

    /// Lets a command without a permit wait, with no time limit. The default.
    #[must_use]
    pub fn wait(self) -> Self {
        Self { when_full: WhenFull::Wait, ..self }
    }

    /// Lets a command without a permit wait for up to `limit`. Then it is answered
    /// `-OVERLOADED waited too long for its turn`.
    #[must_use]
    pub fn wait_at_most(self, limit: Duration) -> Self {
        Self { when_full: WhenFull::WaitAtMost(limit), ..self }
    }

    /// Answers a command without a permit with `-OVERLOADED too many commands at once`.
    #[must_use]
    pub fn refuse(self) -> Self {
        Self { when_full: WhenFull::Refuse, ..self }
    }

    /// The number of permits in use; 0 if nothing is limited.
    pub fn in_use(&self) -> usize {
        self.permits.as_ref().map_or(0, |permits| permits.in_use())
    }

    /// The number of free permits; `usize::MAX` if nothing is limited.
    pub fn available(&self) -> usize {
        self.permits.as_ref().map_or(usize::MAX, |permits| permits.max() - permits.in_use())
    }

    /// The number of commands that wait for a permit.
    pub fn waiting(&self) -> usize {
        self.permits.as_ref().map_or(0, |permits| permits.waiting())
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        ConcurrencyLimit::new(inner, self.permits.clone(), self.when_full)
    }
}
