use std::convert::Infallible;

use super::{Arguments, FromCommand, Words};

/// A clone of the router's state, or of a part of it.
///
/// What is shared is behind an `Arc`, or is a handle as a store or a client is.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicI64, Ordering}};
///
/// use kvstore::{protocol::Command, routing::{Router, State}};
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
/// fn next(State(last): State<Arc<AtomicI64>>) -> i64 {
///     last.fetch_add(1, Ordering::Relaxed) + 1
/// }
///
/// let router: Router = Router::new().command("NEXT", next).with_state(Arc::new(AtomicI64::new(41)));
/// assert_eq!(router.oneshot(Command::new("NEXT")).await, Ok(42.into()));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<S, T: FromRef<S>> FromCommand<S> for State<T> {
    type Rejection = Infallible;

    const WORDS: Words = Words::NONE;

    #[inline]
    fn from_command(_: &mut Arguments<'_>, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

/// A part of a state, for handlers that need no more of it.
///
/// ```
/// use kvstore::{client::Client, routing::FromRef};
///
/// #[derive(Clone)]
/// struct App {
///     name: String,
///     limit: usize,
/// }
///
/// impl FromRef<App> for usize {
///     fn from_ref(app: &App) -> usize {
///         app.limit
///     }
/// }
/// ```
pub trait FromRef<S> {
    /// Takes the part out of the state.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    #[inline]
    fn from_ref(state: &T) -> T {
        state.clone()
    }
}
