use std::{
    any::{Any, type_name},
    fmt,
};

use kvstore_protocol::Response;
use tower_layer::Layer;

use super::CatchPanic;
use crate::failure;

/// Answers commands that panic.
///
/// See the [module](super) for the panics that are caught, and when the layer is of use.
#[derive(Clone, Copy)]
pub struct CatchPanicLayer<A = fn(&(dyn Any + Send)) -> Response> {
    answer: A,
}

impl CatchPanicLayer {
    /// Answers a command that panics with `-ERR internal error`, and logs the panic.
    pub const fn new() -> Self {
        Self { answer: failure::response_to_panic }
    }
}

impl Default for CatchPanicLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> CatchPanicLayer<A>
where
    A: Fn(&(dyn Any + Send)) -> Response + Clone,
{
    /// Answers a command that panics with a function. The panic is not logged, unless the function does so, as
    /// [`failure::response_to_panic`] does.
    pub const fn custom(answer: A) -> Self {
        Self { answer }
    }
}

impl<S: Clone, A: Clone> Layer<S> for CatchPanicLayer<A> {
    type Service = CatchPanic<S, A>;

    fn layer(&self, inner: S) -> CatchPanic<S, A> {
        CatchPanic::new(inner, self.answer.clone())
    }
}

impl<A> fmt::Debug for CatchPanicLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchPanicLayer").field("answer", &type_name::<A>()).finish()
    }
}
