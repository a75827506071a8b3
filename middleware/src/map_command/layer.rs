use std::{any::type_name, fmt};

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::MapCommand;

/// Lets a function change every command on its way in.
///
/// What the function captures is cloned with the service; what is to be shared by connections belongs in an
/// [`Arc`](std::sync::Arc).
#[derive(Clone, Copy)]
pub struct MapCommandLayer<F> {
    map: F,
}

impl<F> MapCommandLayer<F>
where
    F: Fn(Command) -> Command + Clone,
{
    /// The inner service gets what `map` makes of a command.
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
