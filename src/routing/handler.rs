//! [`Handler`]: the functions that answer commands.

use std::future::Future;

use kvstore_protocol::{IntoResponse, Response};

use super::{
    endpoint::Answer,
    extract::{Arguments, FromCommand, Words},
    route::Route,
};
use crate::catalog::{Arity, KeyRange};

/// A function that answers a command: `fn` or `async fn`, with up to eight extractors, that returns any
/// [`IntoResponse`].
///
/// A plain function is run where it is called, with no allocation; the future of an async one is boxed once a command. A
/// [`Route`] is a handler too: a function with more said about it.
///
/// ```
/// use bytes::Bytes;
/// use kvstore::{
///     protocol::CommandError,
///     routing::{Arg, Key, Rest, Router},
/// };
///
/// fn join(Key(separator): Key, Rest(words): Rest<String>) -> Bytes {
///     words.join(&String::from_utf8_lossy(&separator)).into()
/// }
///
/// async fn nap(Arg(millis): Arg<u64>) -> Result<(), CommandError> {
///     if millis > 1000 {
///         return Err(CommandError::err("that is no nap"));
///     }
///     tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
///     Ok(())
/// }
///
/// let router: Router = Router::new().command("JOIN", join).command("NAP", nap);
/// ```
///
/// `T` tells the compiler which kind of function it is; there is never a need to write it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is a `fn` or an `async fn` of at most eight arguments",
    note = "each argument is an extractor: `State`, `Arg`, `Key`, `Rest`, `Body`, `Option` of those, `Command`, `Arc<Session>`, `Push`, or a type that implements `FromCommand`",
    note = "`State<T>` needs `.with_state` with a `T`, or with a state for which `T` implements `FromRef`",
    note = "it returns what implements `IntoResponse`, a `Result` of two such types for one that may fail",
    note = "it and the future of an `async fn` must be `Send` and borrow nothing: no `Rc`, no `MutexGuard` across an `.await`"
)]
pub trait Handler<T, S>: Sized {
    /// Makes a route of it, for [`Router::command`](super::Router::command).
    fn into_route(self) -> Route<S>;
}

impl<S> Handler<IsRoute, S> for Route<S> {
    fn into_route(self) -> Self {
        self
    }
}

/// Marks a [`Route`].
#[derive(Debug)]
pub struct IsRoute;

/// Marks a `fn`.
#[derive(Debug)]
pub struct IsSync;

/// Marks an `async fn`.
#[derive(Debug)]
pub struct IsAsync;

/// What the extractors of a handler tell before there is a command.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) arity: Arity,
    pub(super) keys: KeyRange,
    /// How many words the extractors so far take, if that is the same for every command.
    fixed: Option<usize>,
}

impl Shape {
    /// No extractors.
    pub(super) const NONE: Self = Self { arity: Words::NONE.arity(), keys: KeyRange::NONE, fixed: Some(0) };

    /// Another extractor.
    pub(super) fn with<S, T: FromCommand<S>>(self) -> Self {
        let keys = match self.fixed {
            Some(before) if T::ARE_KEYS => self.keys.and_at(before + 1, T::WORDS.fixed()),
            _ => self.keys,
        };
        let fixed = self.fixed.zip(T::WORDS.fixed()).map(|(before, more)| before + more);
        Self { arity: self.arity.and(T::WORDS.arity()), keys, fixed }
    }
}

/// The extractors of a handler together.
trait Extract<S>: Sized {
    fn shape() -> Shape;

    /// Takes all words off the arguments.
    ///
    /// # Errors
    /// The answer, when an extractor refuses or words are left over.
    fn extract(arguments: &mut Arguments<'_>, state: &S) -> Result<Self, Response>;
}

macro_rules! handlers {
    ($($kind:ident),*) => {
        #[allow(unused_variables, clippy::unused_unit, reason = "no extractors, no words")]
        impl<S, $($kind: FromCommand<S>),*> Extract<S> for ($($kind,)*) {
            fn shape() -> Shape {
                Shape::NONE $(.with::<S, $kind>())*
            }

            #[inline]
            fn extract(arguments: &mut Arguments<'_>, state: &S) -> Result<Self, Response> {
                let extracted = ($($kind::from_command(arguments, state).map_err(IntoResponse::into_response)?,)*);
                arguments.finish()?;
                Ok(extracted)
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, R, S, $($kind),*> Handler<(IsSync, $($kind,)*), S> for F
        where
            F: Fn($($kind),*) -> R + Send + Sync + 'static,
            R: IntoResponse,
            S: Send + Sync + 'static,
            $($kind: FromCommand<S>,)*
        {
            #[allow(non_snake_case, reason = "the names of the types are those of the values")]
            fn into_route(self) -> Route<S> {
                Route::function(<($($kind,)*) as Extract<S>>::shape(), move |arguments, state| {
                    let ($($kind,)*) = Extract::extract(arguments, state)?;
                    Ok(Answer::Now(self($($kind),*).into_response()))
                })
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, R, S, $($kind),*> Handler<(IsAsync, $($kind,)*), S> for F
        where
            F: Fn($($kind),*) -> R + Send + Sync + 'static,
            R: Future<Output: IntoResponse> + Send + 'static,
            S: Send + Sync + 'static,
            $($kind: FromCommand<S>,)*
        {
            #[allow(non_snake_case, reason = "the names of the types are those of the values")]
            fn into_route(self) -> Route<S> {
                Route::function(<($($kind,)*) as Extract<S>>::shape(), move |arguments, state| {
                    let ($($kind,)*) = Extract::extract(arguments, state)?;
                    let answer = self($($kind),*);
                    Ok(Answer::Later(Box::pin(async { answer.await.into_response() })))
                })
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);
handlers!(A, B, C, D, E);
handlers!(A, B, C, D, E, G);
handlers!(A, B, C, D, E, G, H);
handlers!(A, B, C, D, E, G, H, I);
