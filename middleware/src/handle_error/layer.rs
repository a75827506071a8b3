use std::{any::type_name, fmt};

use kvstore_protocol::IntoResponse;
use tower::BoxError;
use tower_layer::Layer;

use super::HandleError;

/// Answers the errors of the layers and the service inside with a function.
///
/// See the [module](super) for the errors that may come.
#[derive(Clone, Copy)]
pub struct HandleErrorLayer<F> {
    handle: F,
}

impl<F, A> HandleErrorLayer<F>
where
    F: Fn(BoxError) -> A + Clone,
    A: Future<Output: IntoResponse>,
{
    /// Takes an `async fn(BoxError) -> impl IntoResponse`, or a closure that returns a future.
    pub const fn new(handle: F) -> Self {
        Self { handle }
    }
}

impl<S: Clone, F: Clone> Layer<S> for HandleErrorLayer<F> {
    type Service = HandleError<S, F>;

    fn layer(&self, inner: S) -> HandleError<S, F> {
        HandleError::new(inner, self.handle.clone())
    }
}

impl<F> fmt::Debug for HandleErrorLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleErrorLayer").field("handle", &type_name::<F>()).finish()
    }
}
