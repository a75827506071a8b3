use std::sync::Arc;

use tower_layer::Layer;

use super::{Rename, names::Names};

/// Gives commands other names.
///
/// See the [module](super) for what it cannot do.
#[derive(Clone, Debug)]
pub struct RenameLayer {
    names: Arc<Names>,
}

impl RenameLayer {
    /// Each pair is a command's name and the one that it is known under from now on; empty when it is known under none.
    /// All are taken at once, so two commands can swap their names.
    ///
    /// # Panics
    /// When two commands get the same new name, or the name of a command is empty.
    pub fn new<O: AsRef<[u8]>, N: AsRef<[u8]>>(names: impl IntoIterator<Item = (O, N)>) -> Self {
        Self { names: Arc::new(Names::new(names)) }
    }

    /// Keeps the old names beside the new ones.
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
