use std::convert::Infallible;

use super::{ArgCount, ArgCursor, FromCommand};

/// A clone of the router's state, or of a part of it.
///
/// The state is given to [`Router::with_state`](crate::routing::Router::with_state) and is cloned for each command: what
/// commands share belongs in an `Arc`, or in a handle such as a store or a client. `T` is the type of the state or of a
/// part of it, for which the state implements [`FromRef`].
///
/// # Examples
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

    const ARGS: ArgCount = ArgCount::NONE;

    #[inline]
    fn from_command(_: &mut ArgCursor<'_>, state: &S) -> Result<Self, Infallible> {
        Ok(Self(T::from_ref(state)))
    }
}

/// Types that can be created from a reference to the state `S`: the parts of a state.
///
/// Handlers that need one part of a state extract that part alone, with [`State`].
///
/// # Examples
/// ```
/// use kvstore::{client::Client, routing::{FromRef, Key, Router, State}};
///
/// #[derive(Clone, FromRef)]
/// struct App {
///     users: Client,
///     limit: usize,
/// }
///
/// fn limit(State(limit): State<usize>) -> usize {
///     limit
/// }
///
/// let router: Router<App> = Router::new().command("LIMIT", limit);
/// ```
///
/// The [derive](derive@crate::routing::FromRef) implements it for the type of each field:
///
/// ```
/// # use kvstore::routing::FromRef;
/// # struct App { limit: usize }
/// impl FromRef<App> for usize {
///     fn from_ref(app: &App) -> usize {
///         app.limit
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither the state `{S}` nor a part of it",
    label = "not a part of the state",
    note = "`State<T>` extracts the router's state, or a part of it for which there is a `FromRef`: `#[derive(FromRef)]`"
)]
pub trait FromRef<S> {
    /// Creates the part from the state.
    fn from_ref(state: &S) -> Self;
}

impl<T: Clone> FromRef<T> for T {
    #[inline]
    fn from_ref(state: &T) -> T {
        state.clone()
    }
}
