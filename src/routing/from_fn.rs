//! [`from_fn`]: layers that are async functions with extractors.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use kvstore_middleware::{FromFnLayer, Next};
use kvstore_protocol::{Command, CommandError, IntoResponse, Response};
use pin_project_lite::pin_project;

use super::{
    endpoint::RouteName,
    extract::{ArgCount, ArgCursor, Extract, FromCommand},
    tuples::for_each_tuple,
};

/// Creates a layer from an async function with extractors.
///
/// The function takes up to eight extractors, then the [`Command`] and [`Next`], which is the rest of the stack, and returns
/// an [`IntoResponse`]. It is [`middleware::from_fn`](kvstore_middleware::from_fn()) with extractors in front, and costs the
/// same: one box and one clone of the inner service for each command.
///
/// Extractors see the command as a handler does, and leave it as it is: [`Next`] gets all arguments. Arguments that no
/// extractor takes are ignored. A command that an extractor rejects gets the rejection as its response, and neither the
/// function nor the rest of the stack is called. So an extractor that takes arguments is optional in a layer around
/// commands that may have none. Arguments are counted behind the first word of the command, also for sub-commands.
///
/// For [`State`](super::State) see [`from_fn_with_state`].
///
/// # Examples
/// ```
/// use std::sync::Arc;
///
/// use kvstore::{
///     client::Client,
///     protocol::{Command, CommandError, Response, Session},
///     routing::{Key, Next, from_fn},
///     store::Store,
/// };
/// use tower::ServiceBuilder;
///
/// /// Nobody but its user touches a key that is named after one.
/// async fn own_keys(
///     session: Arc<Session>,
///     key: Option<Key>,
///     command: Command,
///     next: Next,
/// ) -> Result<Response, CommandError> {
///     match key {
///         Some(Key(key)) if key.strip_prefix(b"user:").is_some_and(|name| Some(name) != session.user().map(str::as_bytes)) => {
///             Err(CommandError::new("NOPERM", "the key belongs to another user"))
///         }
///         _ => Ok(next.run(command).await),
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let client = Client::local(ServiceBuilder::new().layer(from_fn(own_keys)).service(Store::new()));
/// let refused = client.execute(Command::new("GET").arg("user:ada")).await?;
/// assert_eq!(refused.to_string(), "-NOPERM the key belongs to another user");
/// assert_eq!(client.execute(Command::new("GET").arg("news")).await?, Response::Null);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_fn<F, T>(f: F) -> FromFnLayer<impl Fn(Command, Next) -> F::Future + Clone>
where
    F: MiddlewareFn<T, ()>,
{
    from_fn_with_state((), f)
}

/// Creates a layer from an async function with extractors, among which is [`State`](super::State).
///
/// The layer has a state of its own, which may be that of a router: nothing passes it from one to the other.
///
/// # Examples
/// ```
/// use std::sync::{
///     Arc,
///     atomic::{AtomicU64, Ordering},
/// };
///
/// use kvstore::{
///     client::Client,
///     protocol::{Command, Response},
///     routing::{Next, Router, State, from_fn_with_state},
/// };
///
/// async fn count(State(errors): State<Arc<AtomicU64>>, command: Command, next: Next) -> Response {
///     let response = next.run(command).await;
///     errors.fetch_add(response.is_error().into(), Ordering::Relaxed);
///     response
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let errors = Arc::new(AtomicU64::new(0));
/// let router = Router::new().command("HI", || "hi").layer(from_fn_with_state(errors.clone(), count));
/// let client = Client::local(router);
/// client.execute(Command::new("HI")).await?;
/// client.execute(Command::new("HI").arg("too many arguments")).await?;
/// assert_eq!(errors.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_fn_with_state<F, T, S>(state: S, f: F) -> FromFnLayer<impl Fn(Command, Next) -> F::Future + Clone>
where
    F: MiddlewareFn<T, S>,
    S: Send + Sync + 'static,
{
    const { F::ARGS };
    let state = Arc::new(state);
    kvstore_middleware::from_fn(move |command, next| f.call(command, next, &state))
}

/// Functions that are layers: `async fn(extractors…, Command, Next) -> impl IntoResponse`.
///
/// They are given to [`from_fn`] and [`from_fn_with_state`]. The type parameter `T` tells the kinds of functions apart; it is
/// always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    label = "not a layer function",
    note = "a layer function is an `async fn` of at most eight extractors, then `Command`, then `Next`",
    note = "it returns an `IntoResponse`",
    note = "`State<T>` needs `from_fn_with_state`"
)]
pub trait MiddlewareFn<T, S>: Clone {
    /// How many arguments the extractors take.
    #[doc(hidden)]
    const ARGS: ArgCount;

    /// The future of the response.
    type Future: Future<Output = Response>;

    /// Runs the extractors, and calls the function.
    fn call(&self, command: Command, next: Next, state: &S) -> Self::Future;
}

macro_rules! middleware_fns {
    ($($kind:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<F, R, S, $($kind),*> MiddlewareFn<($($kind,)*), S> for F
        where
            F: Fn($($kind,)* Command, Next) -> R + Clone,
            R: Future<Output: IntoResponse>,
            $($kind: FromCommand<S>,)*
        {
            const ARGS: ArgCount = <($($kind,)*) as Extract<S>>::ARGS;

            type Future = MiddlewareFuture<R>;

            #[allow(non_snake_case, reason = "values are named after their types")]
            fn call(&self, command: Command, next: Next, state: &S) -> Self::Future {
                match extract::<S, ($($kind,)*)>(&command, state) {
                    Ok(($($kind,)*)) => {
                        MiddlewareFuture { response: Some(self($($kind,)* command, next)), rejection: None }
                    }
                    Err(rejection) => MiddlewareFuture { response: None, rejection: Some(rejection) },
                }
            }
        }
    };
}
for_each_tuple!(middleware_fns);

/// Runs the extractors over a command that may have more arguments than they take.
fn extract<S, E: Extract<S>>(command: &Command, state: &S) -> Result<E, Response> {
    let mut args = ArgCursor::new(command, RouteName::any());
    if args.len() < E::ARGS.min() {
        return Err(CommandError::wrong_arity(&String::from_utf8_lossy(command.name())).into());
    }
    E::extract(&mut args, state)
}

pin_project! {
    /// The response future of a layer function: that of the function, or the rejection of an extractor.
    pub struct MiddlewareFuture<R> {
        #[pin]
        response: Option<R>,
        rejection: Option<Response>,
    }
}

impl<R: Future<Output: IntoResponse>> Future for MiddlewareFuture<R> {
    type Output = Response;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let this = self.project();
        match this.response.as_pin_mut() {
            Some(response) => response.poll(cx).map(IntoResponse::into_response),
            None => Poll::Ready(this.rejection.take().expect("polled after completion")),
        }
    }
}

impl<R> fmt::Debug for MiddlewareFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MiddlewareFuture")
    }
}
