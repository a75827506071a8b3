use std::sync::Arc;

use tower_layer::Layer;

use super::{
    Metrics,
    registry::{MetricsSettings, Registry},
};

/// Counts and measures commands, in all services that this layer and its clones make.
///
/// ```
/// use kvstore_middleware::MetricsLayer;
///
/// let metrics = MetricsLayer::new().prefix("jobs").names(["ENQUEUE", "TAKE", "DONE"]);
/// # drop(metrics);
/// ```
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    registry: Arc<Registry>,
}

impl MetricsLayer {
    /// Metrics with the prefix `kvstore`, which learn up to 256 names of commands.
    pub fn new() -> Self {
        let settings = MetricsSettings { prefix: "kvstore".into(), names: Vec::new(), max_names: 256 };
        Self { registry: Arc::new(Registry::new(settings)) }
    }

    /// Sets the prefix of the metrics, without the underscore.
    #[must_use]
    pub fn prefix(self, prefix: &str) -> Self {
        self.change(|settings| settings.prefix = prefix.into())
    }

    /// Sets the names of commands that are labels. No others are learned, unless [`MetricsLayer::max_names`] is called
    /// afterwards.
    #[must_use]
    pub fn names<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<Box<str>> = names.into_iter().map(|name| name.as_ref().into()).collect();
        self.change(|settings| (settings.max_names, settings.names) = (names.len(), names))
    }

    /// Sets the largest number of names that are labels, given and learned ones together. By default 256.
    #[must_use]
    pub fn max_names(self, max: usize) -> Self {
        self.change(|settings| settings.max_names = max)
    }

    fn change(self, change: impl FnOnce(&mut MetricsSettings)) -> Self {
        let mut settings = self.registry.settings().clone();
        change(&mut settings);
        Self { registry: Arc::new(Registry::new(settings)) }
    }
}

impl Default for MetricsLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics::new(inner, Arc::clone(&self.registry))
    }
}
