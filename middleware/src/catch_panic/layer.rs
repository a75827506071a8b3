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
/// See the [module](super) for what is caught, and when it is of use.
#[derive(Clone, Copy)]
pub struct CatchPanicLayer<A = fn(&(dyn Any + Send)) -> Response> {
    answer: A,
}

impl CatchPanicLayer {
    /// A command that panics is answered `-ERR internal error`, and the panic is logged.
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
    /// A command that panics is answered by a function, which is all that hears of the panic:
    /// [`failure::response_to_panic`] logs it.
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
