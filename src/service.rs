//! [`CommandService`]: the bounds of a service that can be served, under one name.

use kvstore_protocol::{Command, Response};
use tower::{BoxError, Service};

/// Services that can be served: an alias of `Service<Command, Response = Response>` with the bounds that a server needs.
///
/// It is implemented for every such service. Nothing else can implement it.
///
/// # Examples
/// ```
/// use kvstore::{CommandService, routing::Router, server::pipe};
///
/// fn run(service: impl CommandService) {
///     let (connector, listener) = pipe();
///     let server = kvstore::serve(listener, service);
///     # drop((connector, server));
/// }
///
/// run(Router::new().command("GREET", || "hello"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service that can be served",
    label = "not a `Service<Command, Response = Response>`",
    note = "a handler function is added to a `Router`, which is a service: `Router::new().command(\"GREET\", greet)`",
    note = "a `Router<S>` with handlers that extract a `State<S>` needs `.with_state(state)`",
    note = "a service is `Clone`, `Send` and `'static`, its error is `Into<BoxError>`, and its future is `Send`"
)]
pub trait CommandService:
    Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static
{
}

#[diagnostic::do_not_recommend]
impl<S> CommandService for S where
    S: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static
{
}
