//! [`Handler`]: the functions that answer commands.

use std::future::Future;

use kvstore_protocol::IntoResponse;

use super::{
    endpoint::EndpointResponse,
    extract::{ArgCount, Extract, FromCommand},
    route::Route,
    tuples::for_each_tuple,
};

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
    /// How many arguments the extractors take. It is evaluated where a handler is added, and is an error of the compiler if
    /// they cannot stand in their order.
    #[doc(hidden)]
    const ARGS: ArgCount;

    /// Converts the handler into a route.
    fn into_route(self) -> Route<S>;
}

#[diagnostic::do_not_recommend]
impl<S> Handler<IsRoute, S> for Route<S> {
    // Checked when the route was created.
    const ARGS: ArgCount = ArgCount::ANY;

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

macro_rules! handlers {
    ($($kind:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<F, R, S, $($kind),*> Handler<(IsSync, $($kind,)*), S> for F
        where
            F: Fn($($kind),*) -> R + Send + Sync + 'static,
            R: IntoResponse,
            S: Send + Sync + 'static,
            $($kind: FromCommand<S>,)*
        {
            const ARGS: ArgCount = <($($kind,)*) as Extract<S>>::ARGS;

            #[allow(non_snake_case, reason = "values are named after their types")]
            fn into_route(self) -> Route<S> {
                Route::from_fn(move |($($kind,)*)| EndpointResponse::Ready(self($($kind),*).into_response()))
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
            const ARGS: ArgCount = <($($kind,)*) as Extract<S>>::ARGS;

            #[allow(non_snake_case, reason = "values are named after their types")]
            fn into_route(self) -> Route<S> {
                Route::from_fn(move |($($kind,)*)| {
                    let response = self($($kind),*);
                    EndpointResponse::Future(Box::pin(async { response.await.into_response() }))
                })
            }
        }
    };
}
for_each_tuple!(handlers);
