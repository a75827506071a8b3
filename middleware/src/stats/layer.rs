use tower_layer::Layer;

use super::{CommandStats, Stats};

/// Counts commands.
#[derive(Clone, Debug)]
pub struct StatsLayer {
    stats: CommandStats,
}

impl StatsLayer {
    /// Counts in `stats`.
    pub const fn new(stats: CommandStats) -> Self {
        Self { stats }
    }
}

impl<S> Layer<S> for StatsLayer {
    type Service = Stats<S>;

    fn layer(&self, inner: S) -> Stats<S> {
        Stats::new(inner, self.stats.clone())
    }
}
