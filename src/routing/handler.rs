//! [`Handler`]: the functions that answer commands.

use std::future::Future;

use kvstore_protocol::{IntoResponse, Response};

use super::{
    endpoint::EndpointResponse,
    extract::{ArgCount, ArgCursor, FromCommand},
    route::Route,
};
use crate::catalog::{Arity, KeyRange};

/// Functions that answer a command.
///
/// A handler is a `fn`, an `async fn` or a closure that
/// - takes at most eight extractors ([`FromCommand`])
/// - returns a response ([`IntoResponse`]), or a future of one
/// - is `Send` and `Sync`, and its future is `Send`
///
/// A synchronous handler runs in place and allocates nothing. The future of an async one is boxed. A [`Route`] is a handler
/// with layers and a description.
///
/// # Examples
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
/// # Order of extractors
/// Extractors that always take an argument come first, then optional ones, then one that takes all arguments that are left.
/// Those that take none stand anywhere. `cargo build` rejects a handler with another order, since it could not be called:
///
/// ```compile_fail,E0080
/// # use kvstore::{protocol::Command, routing::{Arg, Router}};
/// // error: an optional extractor must stand behind those that always take an argument
/// let router: Router = Router::new().command("ADD", |_: Option<Arg<u64>>, _: Arg<u64>| ());
/// ```
/// ```compile_fail,E0080
/// # use kvstore::{protocol::Command, routing::{Arg, Router}};
/// // error: an extractor that takes all arguments (`Rest`, `Command`) must be the last one that takes any
/// let router: Router = Router::new().command("ADD", |_: Command, _: Arg<u64>| ());
/// ```
///
/// # Errors of the compiler
/// Put [`#[debug_handler]`](macro@crate::debug_handler) on a function that is not accepted as a handler: the compiler then
/// points at the argument or the return type that is wrong.
///
/// The type parameter `T` tells the kinds of functions apart. It is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "put `#[kvstore::debug_handler]` on the function to see which argument or return type is wrong",
    note = "a handler takes at most eight extractors and returns an `IntoResponse`, or a `Send` future of one",
    note = "a service is no handler: add it with `Route::service` or `Router::fallback_service`"
)]
pub trait Handler<T, S>: Sized {
    /// Evaluated by the compiler where a handler is added: an error if its extractors cannot stand in their order.
    #[doc(hidden)]
    const ORDER_OF_EXTRACTORS: () = ();

    /// Converts the handler into a route.
    fn into_route(self) -> Route<S>;
}

#[diagnostic::do_not_recommend]
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

/// The arity and the keys of a handler, which follow from its extractors.
#[derive(Clone, Copy)]
pub(super) struct Signature {
    args: ArgCount,
    keys: KeyRange,
}

impl Signature {
    /// No extractors.
    const EMPTY: Self = Self { args: ArgCount::NONE, keys: KeyRange::NONE };

    /// Appends an extractor.
    fn with<S, T: FromCommand<S>>(self) -> Self {
        let keys = match self.args.fixed() {
            Some(before) if T::ARE_KEYS => self.keys.and_at(before + 1, T::ARGS.fixed()),
            _ => self.keys,
        };
        Self { args: self.args.and(T::ARGS), keys }
    }

    /// The arity without the name.
    pub(super) fn arity(self) -> Arity {
        self.args.arity()
    }

    pub(super) fn keys(self) -> KeyRange {
        self.keys
    }
}

/// The extractors of a handler together.
trait Extract<S>: Sized {
    const ORDER: ();

    fn signature() -> Signature;

    /// Runs the extractors, and checks that no argument is left.
    fn extract(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Response>;
}

macro_rules! handlers {
    ($($kind:ident),*) => {
        #[allow(unused_variables, clippy::unused_unit, reason = "without extractors")]
        impl<S, $($kind: FromCommand<S>),*> Extract<S> for ($($kind,)*) {
            const ORDER: () = {
                _ = ArgCount::NONE $(.and($kind::ARGS))*;
            };

            fn signature() -> Signature {
                Signature::EMPTY $(.with::<S, $kind>())*
            }

            #[inline]
            fn extract(args: &mut ArgCursor<'_>, state: &S) -> Result<Self, Response> {
                let extracted = ($($kind::from_command(args, state).map_err(IntoResponse::into_response)?,)*);
                args.finish()?;
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
            const ORDER_OF_EXTRACTORS: () = <($($kind,)*) as Extract<S>>::ORDER;

            #[allow(non_snake_case, reason = "values are named after their types")]
            fn into_route(self) -> Route<S> {
                Route::from_fn(<($($kind,)*) as Extract<S>>::signature(), move |args, state| {
                    let ($($kind,)*) = Extract::extract(args, state)?;
                    Ok(EndpointResponse::Ready(self($($kind),*).into_response()))
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
            const ORDER_OF_EXTRACTORS: () = <($($kind,)*) as Extract<S>>::ORDER;

            #[allow(non_snake_case, reason = "values are named after their types")]
            fn into_route(self) -> Route<S> {
                Route::from_fn(<($($kind,)*) as Extract<S>>::signature(), move |args, state| {
                    let ($($kind,)*) = Extract::extract(args, state)?;
                    let response = self($($kind),*);
                    Ok(EndpointResponse::Future(Box::pin(async { response.await.into_response() })))
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
