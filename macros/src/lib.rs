//! The macros of `kvstore`, which re-exports them. Depend on `kvstore`, not on this crate.
//!
//! - [`macro@debug_handler`]: better error messages for functions that are not handlers
//! - [`macro@FromRef`]: a derive, so that handlers can extract the fields of a state

mod debug_handler;
mod from_ref;

use proc_macro::TokenStream;

/// Generates better error messages for a handler function.
///
/// A function that is not a handler is rejected where it is added to a router, and the compiler does not say why. With this
/// attribute on the function it points at the argument, the return type or the `.await` that is wrong. The attribute
/// changes nothing else.
///
/// ```compile_fail
/// use kvstore::routing::Router;
///
/// #[kvstore::debug_handler]
/// async fn double(number: u64) -> u64 {
///     // error: `u64` is not an extractor   --^^^
///     number * 2
/// }
///
/// let router: Router = Router::new().command("DOUBLE", double);
/// ```
///
/// # State
/// The type of the router's state is taken from the argument that is a `State<T>`. If there are several, or the function
/// extracts only parts of the state, the attribute names the type:
///
/// ```
/// use kvstore::routing::{FromRef, State};
///
/// #[derive(Clone, FromRef)]
/// struct App {
///     name: String,
///     limit: u64,
/// }
///
/// #[kvstore::debug_handler(state = App)]
/// async fn describe(State(name): State<String>, State(limit): State<u64>) -> String {
///     format!("{name} takes {limit}")
/// }
/// ```
///
/// # Limitations
/// The function must not be generic, and must not be a method.
#[proc_macro_attribute]
pub fn debug_handler(attr: TokenStream, item: TokenStream) -> TokenStream {
    debug_handler::expand(attr.into(), item.into()).into()
}

/// Derives `FromRef` for each field of a state, so that handlers can extract the fields with `State`.
///
/// The fields must have different types that are `Clone`. A field with `#[from_ref(skip)]` is left out.
///
/// ```
/// use kvstore::{
///     protocol::Command,
///     routing::{FromRef, Router, State},
/// };
/// use tower::ServiceExt;
///
/// #[derive(Clone, FromRef)]
/// struct App {
///     name: String,
///     #[from_ref(skip)]
///     title: String,
///     limit: u64,
/// }
///
/// fn describe(State(name): State<String>, State(limit): State<u64>) -> String {
///     format!("{name} takes {limit}")
/// }
///
/// # use std::pin::pin;
/// let app = App { name: "bridge".into(), title: "not extracted".into(), limit: 40 };
/// let router: Router = Router::new().command("DESCRIBE", describe).with_state(app);
/// # let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
/// # let answer = std::future::Future::poll(pin!(router.oneshot(Command::new("DESCRIBE"))), context);
/// # assert_eq!(answer, std::task::Poll::Ready(Ok("bridge takes 40".into())));
/// ```
#[proc_macro_derive(FromRef, attributes(from_ref))]
pub fn derive_from_ref(item: TokenStream) -> TokenStream {
    from_ref::expand(item.into()).into()
}
