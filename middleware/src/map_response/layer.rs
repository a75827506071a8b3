use std::{any::type_name, fmt};

use kvstore_protocol::Response;
use tower_layer::Layer;

use super::MapResponse;

/// Changes every response with a function.
///
/// Values that the function captures are cloned with the service: put state that connections share in an
/// [`Arc`](std::sync::Arc).
#[derive(Clone, Copy)]
pub struct MapResponseLayer<F> {
    map: F,
}

impl<F> MapResponseLayer<F>
where
    F: Fn(Response) -> Response + Clone,
{
    /// Answers with what `map` returns.
    pub const fn new(map: F) -> Self {
        Self { map }
    }
}

impl<S, F: Clone> Layer<S> for MapResponseLayer<F> {
    type Service = MapResponse<S, F>;

    fn layer(&self, inner: S) -> MapResponse<S, F> {
        MapResponse::new(inner, self.map.clone())
    }
}

impl<F> fmt::Debug for MapResponseLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapResponseLayer").field("map", &type_name::<F>()).finish()
    }
}
