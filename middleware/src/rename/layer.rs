use std::sync::Arc;

use tower_layer::Layer;

use super::{Rename, names::Names};

/// Gives commands other names.
///
/// See the [module](super) for its limits.
#[derive(Clone, Debug)]
pub struct RenameLayer {
    names: Arc<Names>,
}

impl RenameLayer {
    /// Takes pairs of an old and a new name. With an empty new name the command has no name, and cannot be called. All
    /// pairs apply at once, so two commands can swap their names.
    ///
    /// # Panics
    /// If two commands get the same new name, or an old name is empty.
    pub fn new<O: AsRef<[u8]>, N: AsRef<[u8]>>(names: impl IntoIterator<Item = (O, N)>) -> Self {
        Self { names: Arc::new(Names::new(names)) }
    }

    /// Keeps the old names next to the new ones.
    #[must_use]
    pub fn alias(self) -> Self {
        Self { names: Arc::new(Arc::unwrap_or_clone(self.names).alias()) }
    }
}

impl<S> Layer<S> for RenameLayer {
    type Service = Rename<S>;

    fn layer(&self, inner: S) -> Rename<S> {
        Rename::new(inner, self.names.clone())
    }
}
