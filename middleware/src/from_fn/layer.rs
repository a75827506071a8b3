use std::{any::type_name, fmt};

use kvstore_protocol::{Command, IntoResponse};
use tower_layer::Layer;

use super::{FromFn, Next};

/// A layer that is an async function. Made by [`from_fn`] and [`from_fn_with_state`].
#[derive(Clone, Copy)]
pub struct FromFnLayer<F> {
    f: F,
}

/// Makes a layer of an `async fn(Command, Next) -> impl IntoResponse`, or of a closure that returns a future.
///
/// Values that a closure captures are cloned with the service. See the [module](super) for an example.
pub const fn from_fn<F, A>(f: F) -> FromFnLayer<F>
where
    F: Fn(Command, Next) -> A + Clone,
    A: Future<Output: IntoResponse>,
{
    FromFnLayer { f }
}

/// Makes a layer of an `async fn(T, Command, Next) -> impl IntoResponse`. Each command gets a clone of the state: put
/// shared state in an [`Arc`](std::sync::Arc).
///
/// ```
/// use std::{
///     convert::Infallible,
///     sync::{
///         Arc,
///         atomic::{AtomicU64, Ordering},
///     },
/// };
///
/// use kvstore_middleware::{Next, from_fn_with_state};
/// use kvstore_protocol::{Command, Response};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// async fn count(errors: Arc<AtomicU64>, command: Command, next: Next) -> Response {
///     let response = next.run(command).await;
///     errors.fetch_add(response.is_error().into(), Ordering::Relaxed);
///     response
/// }
///
/// # tokio_test::block_on(async {
/// let errors = Arc::new(AtomicU64::new(0));
/// let service = ServiceBuilder::new()
///     .layer(from_fn_with_state(errors.clone(), count))
///     .service(service_fn(async |_: Command| Ok::<_, Infallible>(Response::error("ERR", "broken"))));
/// service.oneshot(Command::new("GET").arg("key")).await?;
/// assert_eq!(errors.load(Ordering::Relaxed), 1);
/// # Ok::<(), Infallible>(())
/// # })?;
/// # Ok::<(), Infallible>(())
/// ```
pub fn from_fn_with_state<T, F, A>(state: T, f: F) -> FromFnLayer<impl Fn(Command, Next) -> A + Clone>
where
    T: Clone,
    F: Fn(T, Command, Next) -> A + Clone,
    A: Future<Output: IntoResponse>,
{
    from_fn(move |command, next| f(state.clone(), command, next))
}

impl<S, F: Clone> Layer<S> for FromFnLayer<F> {
    type Service = FromFn<S, F>;

    fn layer(&self, inner: S) -> FromFn<S, F> {
        FromFn::new(inner, self.f.clone())
    }
}

impl<F> fmt::Debug for FromFnLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnLayer").field("f", &type_name::<F>()).finish()
    }
}
