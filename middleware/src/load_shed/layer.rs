use tower_layer::Layer;

use super::LoadShed;

/// Refuses commands that the service is not ready for.
///
/// See the [module](super) for how it treats the instance that was not ready.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LoadShedLayer;

impl LoadShedLayer {
    /// Makes the layer. It has no settings.
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for LoadShedLayer {
    type Service = LoadShed<S>;

    fn layer(&self, inner: S) -> LoadShed<S> {
        LoadShed::new(inner)
    }
}
