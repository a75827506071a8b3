use std::{any::type_name, fmt};

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::MapCommand;

/// Changes every command with a function.
///
/// Values that the function captures are cloned with the service: put state that connections share in an
/// [`Arc`](std::sync::Arc).
#[derive(Clone, Copy)]
pub struct MapCommandLayer<F> {
    map: F,
}

impl<F> MapCommandLayer<F>
where
    F: Fn(Command) -> Command + Clone,
{
    /// Calls the inner service with what `map` returns.
    pub const fn new(map: F) -> Self {
        Self { map }
    }
}

impl<S, F: Clone> Layer<S> for MapCommandLayer<F> {
    type Service = MapCommand<S, F>;

    fn layer(&self, inner: S) -> MapCommand<S, F> {
        MapCommand::new(inner, self.map.clone())
    }
}

impl<F> fmt::Debug for MapCommandLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapCommandLayer").field("map", &type_name::<F>()).finish()
    }
}
