use std::{sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{ConcurrencyLimit, permits::Permits};

/// Limits how many commands are under way at once, in all the services that this layer and its clones make together.
///
/// Clones share the limit, but not what to do when it is reached: `limit.clone().refuse()` refuses where `limit` waits.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    permits: Option<Arc<Permits>>,
    when_full: WhenFull,
}

/// What a command does that finds no permit.
#[derive(Clone, Copy, Debug)]
pub(super) enum WhenFull {
    Wait,
    WaitAtMost(Duration),
    Refuse,
}

impl ConcurrencyLimitLayer {
    /// At most `max` commands at once; the others wait for their permit. More than 4,294,967,295 are counted as that.
    ///
    /// # Panics
    /// When `max` is 0: no command would ever be answered.
    pub fn new(max: usize) -> Self {
        assert!(max > 0, "a limit lets at least one command through");
        Self { permits: Some(Arc::new(Permits::new(max))), when_full: WhenFull::Wait }
    }

    /// Nothing is limited, nor counted: the same type of stack for a program that was told not to limit.
    pub const fn unlimited() -> Self {
        Self { permits: None, when_full: WhenFull::Wait }
    }

    /// A command that finds no permit waits, for as long as it takes. The default.
    #[must_use]
    pub fn wait(self) -> Self {
        Self { when_full: WhenFull::Wait, ..self }
    }

    /// A command that finds no permit waits for `limit`, and is then answered `-OVERLOADED waited too long for its turn`.
    #[must_use]
    pub fn wait_at_most(self, limit: Duration) -> Self {
        Self { when_full: WhenFull::WaitAtMost(limit), ..self }
    }

    /// A command that finds no permit is answered `-OVERLOADED too many commands at once`.
    #[must_use]
    pub fn refuse(self) -> Self {
        Self { when_full: WhenFull::Refuse, ..self }
    }

    /// How many permits are in use; 0 when nothing is limited.
    pub fn in_use(&self) -> usize {
        self.permits.as_ref().map_or(0, |permits| permits.in_use())
    }

    /// How many permits are free; `usize::MAX` when nothing is limited.
    pub fn available(&self) -> usize {
        self.permits.as_ref().map_or(usize::MAX, |permits| permits.max() - permits.in_use())
    }

    /// How many commands wait for a permit.
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
