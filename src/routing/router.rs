//! [`Router`]: dispatches commands to handlers by name.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use kvstore_protocol::{Command, CommandError, Response};
use tower::{BoxError, Layer, Service, ServiceExt};

use super::{
    command,
    endpoint::{EndpointResponse, RouteName, RouteService, service_endpoint},
    future::RouterFuture,
    handler::Handler,
    route::Route,
    table::{Found, Routes, Table},
};
use crate::{catalog::Arity, server};

/// Dispatches commands to handlers by name.
///
/// A router is a `Service<Command, Response = Response>`: it is served, layered and tested like any other service. Names
/// are case-insensitive, and a name of two words such as `CONFIG GET` is a sub-command. A command without a route goes to
/// the fallback, or gets Redis's `ERR unknown command`. The number of arguments is checked before a handler runs. `COMMAND`
/// and its sub-commands are answered from the routes, unless there is a route for them.
///
/// # Examples
/// ```
/// use kvstore::{client::Client, protocol::Command, routing::{Arg, Router}};
///
/// async fn greet(Arg(name): Arg<String>) -> String {
///     format!("hello, {name}")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let client = Client::local(Router::new().command("GREET", greet));
/// let response = client.execute(Command::new("greet").arg("Ada")).await?;
/// assert_eq!(response, "hello, Ada".into());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Type parameters
/// `S` is the state that the handlers need and that [`with_state`](Self::with_state) has not provided yet. Only a
/// `Router<()>`, or `Router` for short, is a service. The compiler infers `S` where a router is served or called; a router
/// in a variable of its own may need an annotation: `let router: Router = …`.
///
/// `F` is the service behind the router, which gets the commands without a route: [`UnknownCommand`], unless
/// [`fallback_service`](Self::fallback_service) sets another.
///
/// # Transactions
/// A handler runs at once, so it is not part of a transaction: between MULTI and EXEC its command is refused, which aborts
/// the transaction. The commands of the fallback service, and of routes that are services, pass.
///
/// # Readiness and cost
/// A router is always ready. The fallback service is polled for readiness when a command for it is polled, so that a busy
/// fallback delays no other command. Dispatch costs one lookup and one atomic increment. A synchronous handler allocates
/// nothing, an async one and each layer box one future, and the fallback service is cloned.
#[must_use = "a router does nothing until it is served or called"]
pub struct Router<S = (), F = UnknownCommand> {
    inner: Arc<RouterInner<S>>,
    fallback: F,
}

struct RouterInner<S> {
    routes: Routes<S>,
    /// The fallback, if it is a handler.
    fallback: Option<Route<S>>,
    /// Whether the fallback is a service of the user, which may know commands.
    has_fallback_service: bool,
    /// Built from the rest when the first command arrives.
    table: OnceLock<Table>,
}

impl<S: Send + Sync + 'static> Router<S> {
    /// Creates a router without routes.
    pub fn new() -> Self {
        let inner =
            RouterInner { routes: Vec::new(), fallback: None, has_fallback_service: false, table: OnceLock::new() };
        Self { inner: Arc::new(inner), fallback: UnknownCommand(()) }
    }
}

impl<S: Send + Sync + 'static, F> Router<S, F> {
    /// Adds a route: a handler function, or a [`Route`] with layers and a description.
    ///
    /// A name of two words is a sub-command. A route for the first word alone is called when the first argument is no
    /// sub-command.
    ///
    /// # Examples
    /// ```
    /// use kvstore::routing::{Arg, Key, Router};
    ///
    /// let router: Router = Router::new()
    ///     .command("GREET", |Arg(name): Arg<String>| format!("hello, {name}"))
    ///     .command("LAMP ON", |_: Key| ())
    ///     .command("LAMP OFF", |_: Key| ());
    /// ```
    ///
    /// # Panics
    /// If there is a route with this name, or the name is not one or two words, or it is a command of the connection, such as
    /// PING or CLIENT LIST: the server answers those, so the route would never be called. A log-in of one's own has another
    /// name than AUTH: see [`Serve::allow_unauthenticated`](crate::server::Serve::allow_unauthenticated).
    #[track_caller]
    pub fn command<T, H: Handler<T, S>>(self, name: impl Into<String>, handler: H) -> Self {
        const { H::ARGS };
        let name = name.into();
        let words: Vec<&str> = name.split(' ').collect();
        assert!(matches!(words.len(), 1 | 2) && !words.contains(&""), "a name has one word or two: {name:?}");
        assert!(!server::answers(&name), "{name} is a command of the connection: the server answers it");
        let mut inner = Arc::unwrap_or_clone(self.inner);
        inner.insert(name, handler.into_route());
        Self { inner: Arc::new(inner), fallback: self.fallback }
    }

    /// Sets the handler of all commands without a route. It usually takes the whole [`Command`].
    ///
    /// # Examples
    /// ```
    /// use kvstore::{protocol::{Command, CommandError}, routing::Router};
    ///
    /// async fn fallback(command: Command) -> CommandError {
    ///     CommandError::err(format!("no {:?} here", String::from_utf8_lossy(command.name())))
    /// }
    ///
    /// let router: Router = Router::new().command("HI", || "hi").fallback(fallback);
    /// ```
    ///
    /// # Panics
    /// If there is a fallback.
    #[track_caller]
    pub fn fallback<T, H: Handler<T, S>>(self, handler: H) -> Self {
        const { H::ARGS };
        let mut inner = Arc::unwrap_or_clone(self.inner);
        inner.assert_no_fallback();
        inner.fallback = Some(handler.into_route());
        Self { inner: Arc::new(inner), fallback: self.fallback }
    }

    /// Sets the service of all commands without a route: a store, a client of another server, another router.
    ///
    /// `COMMAND` is forwarded to it too, and its commands are reported with those of the router.
    ///
    /// # Examples
    /// ```
    /// use kvstore::{routing::Router, store::Store};
    ///
    /// let router: Router<(), _> = Router::new().command("HI", || "hi").fallback_service(Store::new());
    /// ```
    ///
    /// # Panics
    /// If there is a fallback.
    #[track_caller]
    pub fn fallback_service<V>(self, service: V) -> Router<S, V>
    where
        V: Service<Command, Response = Response> + Clone,
    {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        inner.assert_no_fallback();
        inner.has_fallback_service = true;
        Router { inner: Arc::new(inner), fallback: service }
    }

    /// Adds a layer around each route, the fallback, and the answer to unknown commands. Routes that are added later are
    /// outside of it.
    ///
    /// The layer wraps a [`RouteService`], as with [`Route::layer`], and so it may be a closure (tower's `layer_fn`). Each
    /// command costs one box more; a layer around the router as a whole, with tower's `ServiceBuilder`, costs none. An
    /// error of a fallback service reaches the layer as the response that the client gets.
    ///
    /// State in the layer is shared by all routes: with
    /// [`ConcurrencyLimitLayer`](crate::middleware::ConcurrencyLimitLayer) or tower's `GlobalConcurrencyLimitLayer` there
    /// is one limit for the router. tower's `ConcurrencyLimitLayer` makes a limit for each route.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use kvstore::{middleware::TimeoutLayer, routing::Router};
    ///
    /// async fn slow() {
    ///     tokio::time::sleep(Duration::from_secs(5)).await;
    /// }
    ///
    /// let router: Router<(), _> =
    ///     Router::new().command("SLOW", slow).layer(TimeoutLayer::new(Duration::from_secs(1)));
    /// ```
    pub fn layer<L>(self, layer: L) -> Router<S, L::Service>
    where
        F: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
        L: Layer<RouteService> + Clone + Send + Sync + 'static,
        L::Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        let routes = std::mem::take(&mut inner.routes).into_iter();
        inner.routes = routes.map(|(name, route)| (name, route.layer(layer.clone()))).collect();
        inner.fallback = inner.fallback.map(|route| route.layer(layer.clone()));
        let fallback = RouteService(service_endpoint(self.fallback, Arity::at_least(0)));
        Router { inner: Arc::new(inner), fallback: layer.layer(fallback) }
    }

    /// Adds the routes of another router, and its fallback handler if it has one. Layers stay with the routes that they
    /// were added to.
    ///
    /// # Panics
    /// If both have a route with the same name, both have a fallback, or the other has a fallback service.
    #[track_caller]
    pub fn merge<G>(self, other: Router<S, G>) -> Self {
        let RouterInner { routes, fallback, has_fallback_service, .. } = Arc::unwrap_or_clone(other.inner);
        assert!(!has_fallback_service, "a router has one fallback: a router with a fallback service cannot be merged");
        let mut inner = Arc::unwrap_or_clone(self.inner);
        for (name, route) in routes {
            inner.insert(name, route);
        }
        if let Some(fallback) = fallback {
            inner.assert_no_fallback();
            inner.fallback = Some(fallback);
        }
        Self { inner: Arc::new(inner), fallback: self.fallback }
    }

    /// Provides the state of the handlers. The returned router needs no state, or another one if more handlers with
    /// [`State`](super::State) are added to it or it is merged.
    ///
    /// # Examples
    /// ```
    /// use kvstore::routing::{Router, State};
    ///
    /// fn motd(State(text): State<String>) -> String {
    ///     text
    /// }
    ///
    /// let router: Router = Router::new().command("MOTD", motd).with_state("no news".to_owned());
    /// ```
    pub fn with_state<S2>(self, state: S) -> Router<S2, F> {
        let RouterInner { routes, fallback, has_fallback_service, .. } = Arc::unwrap_or_clone(self.inner);
        let state = Arc::new(state);
        let routes = routes.into_iter().map(|(name, route)| (name, route.with_state(&state))).collect();
        let fallback = fallback.map(|route| route.with_state(&state));
        let inner = RouterInner { routes, fallback, has_fallback_service, table: OnceLock::new() };
        Router { inner: Arc::new(inner), fallback: self.fallback }
    }
}

impl<S: Send + Sync + 'static> RouterInner<S> {
    #[track_caller]
    fn insert(&mut self, name: String, route: Route<S>) {
        assert!(!self.routes.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)), "two routes for {name}");
        self.routes.push((name, route));
    }

    #[track_caller]
    fn assert_no_fallback(&self) {
        assert!(!self.has_fallback(), "a router has one fallback");
    }

    /// Whether a command without a route may be known to the fallback.
    fn has_fallback(&self) -> bool {
        self.has_fallback_service || self.fallback.is_some()
    }
}

impl RouterInner<()> {
    #[inline]
    fn table(&self) -> &Table {
        self.table.get_or_init(|| self.build_table())
    }

    #[cold]
    fn build_table(&self) -> Table {
        let mut table = Table::new(&self.routes, &Arc::new(()));
        table.fallback = self.fallback.as_ref().map(|route| route.endpoint(&Arc::new(()), RouteName::any()));
        table.add_command(&self.routes);
        if !self.has_fallback() {
            table.add_help(&self.routes);
            if table.answers_command {
                table.add_help(&command::routes());
            }
        }
        table
    }
}

impl<F> Service<Command> for Router<(), F>
where
    F: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
{
    type Response = Response;
    type Error = F::Error;
    type Future = RouterFuture<F>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), F::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> RouterFuture<F> {
        let table = self.inner.table();
        match table.find(&command) {
            Found::Endpoint(_) if self.merges(table, &command) => self.merged_command(command),
            Found::Endpoint(endpoint) => RouterFuture::route(endpoint.clone(), command),
            Found::UnknownSubcommand(error) if !self.inner.has_fallback() => {
                RouterFuture::boxed(Box::pin(async { Ok(error.into()) }))
            }
            Found::UnknownSubcommand(_) | Found::UnknownCommand => match &table.fallback {
                Some(endpoint) => RouterFuture::route(endpoint.clone(), command),
                None => RouterFuture::fallback(self.fallback.clone(), command),
            },
        }
    }
}

impl<F> Router<(), F>
where
    F: Service<Command, Response = Response, Future: Send> + Clone + Send + 'static,
{
    /// Whether the fallback service is asked too. In a transaction it could only queue.
    #[inline]
    fn merges(&self, table: &Table, command: &Command) -> bool {
        let is_merged = table.answers_command && self.inner.has_fallback_service && command.is("COMMAND");
        is_merged && !command.session().is_in_transaction()
    }

    /// Answers `COMMAND` with the commands of the router and of the fallback service.
    #[cold]
    fn merged_command(&self, command: Command) -> RouterFuture<F> {
        let (inner, fallback) = (self.inner.clone(), self.fallback.clone());
        RouterFuture::boxed(Box::pin(async move {
            let call_own = |command: &Command| match inner.table().find(command) {
                Found::Endpoint(endpoint) => match endpoint.call(command.clone()) {
                    EndpointResponse::Ready(response) => response,
                    EndpointResponse::Future(_) => Response::Null,
                },
                Found::UnknownSubcommand(error) => error.into(),
                Found::UnknownCommand => Response::Null,
            };
            let own = call_own(&command);
            let theirs = fallback.oneshot(command::forwarded(&command)).await?;
            Ok(command::merge(&command, own, || call_own(&Command::new("COMMAND")), theirs))
        }))
    }
}

impl<S: Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, F: Clone> Clone for Router<S, F> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), fallback: self.fallback.clone() }
    }
}

impl<S> Clone for RouterInner<S> {
    fn clone(&self) -> Self {
        let Self { routes, fallback, has_fallback_service, table: _ } = self;
        Self {
            routes: routes.clone(),
            fallback: fallback.clone(),
            has_fallback_service: *has_fallback_service,
            table: OnceLock::new(),
        }
    }
}

impl<S, F> fmt::Debug for Router<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.inner.routes.iter().map(|(name, _)| name);
        f.debug_struct("Router").field("commands", &names.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// The fallback of a [`Router`] without another: answers every command with Redis's `ERR unknown command`.
#[derive(Clone, Debug)]
pub struct UnknownCommand(());

impl Service<Command> for UnknownCommand {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Self::Future {
        ready(Ok(CommandError::unknown_command(&command).into()))
    }
}
