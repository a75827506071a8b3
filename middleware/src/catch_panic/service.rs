use std::{
    any::{Any, type_name},
    fmt, mem,
    task::{Context, Poll},
};

use kvstore_protocol::{Command, Response};
use tower_service::Service;

use super::{ResponseFuture, catch::catch};
use crate::failure;

/// A service whose panics are answered. Made by [`CatchPanicLayer`](super::CatchPanicLayer).
pub struct CatchPanic<S, A = fn(&(dyn Any + Send)) -> Response> {
    inner: S,
    /// Never called, only cloned: an instance may be in any state after a panic.
    pristine: S,
    /// The answer to the next command, if `poll_ready` has panicked.
    refusal: Option<Box<Response>>,
    answer: A,
}

impl<S: Clone, A> CatchPanic<S, A> {
    pub(super) fn new(pristine: S, answer: A) -> Self {
        Self { inner: pristine.clone(), pristine, refusal: None, answer }
    }

    /// Replaces the spent instance with a fresh one.
    #[cold]
    fn replace_spent(&mut self) {
        if let Ok(fresh) = failure::catch(|| self.pristine.clone()) {
            failure::discard(mem::replace(&mut self.inner, fresh));
        }
    }
}

/// A clone is made of the instance that was never used.
impl<S: Clone, A: Clone> Clone for CatchPanic<S, A> {
    fn clone(&self) -> Self {
        Self::new(self.pristine.clone(), self.answer.clone())
    }
}

impl<S, A> Service<Command> for CatchPanic<S, A>
where
    S: Service<Command, Response = Response> + Clone,
    A: Fn(&(dyn Any + Send)) -> Response + Clone,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, A>;

    /// Ready after a panic: the next command is answered.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.refusal.is_some() {
            return Poll::Ready(Ok(()));
        }
        catch(&self.answer, || self.inner.poll_ready(cx)).unwrap_or_else(|refusal| {
            self.replace_spent();
            self.refusal = Some(Box::new(refusal));
            Poll::Ready(Ok(()))
        })
    }

    #[inline]
    fn call(&mut self, command: Command) -> Self::Future {
        if let Some(refusal) = self.refusal.take() {
            return ResponseFuture::refused(refusal, self.answer.clone());
        }
        match catch(&self.answer, || self.inner.call(command)) {
            Ok(answer) => ResponseFuture::new(answer, self.answer.clone()),
            Err(refusal) => {
                self.replace_spent();
                ResponseFuture::refused(Box::new(refusal), self.answer.clone())
            }
        }
    }
}

impl<S: fmt::Debug, A> fmt::Debug for CatchPanic<S, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchPanic").field("inner", &self.inner).field("answer", &type_name::<A>()).finish()
    }
}
