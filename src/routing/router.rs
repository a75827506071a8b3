//! [`Router`]: from a command's name to what answers it.

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
    endpoint::{Answer, Name, RouteService},
    future::RouterFuture,
    handler::Handler,
    route::Route,
    table::{Found, Routes, Table},
};

/// Answers commands by name.
///
/// A `Service<Command, Response = Response>`: served, layered and tested as any other. Names compare without regard to
/// case; a name of two words, as in `CONFIG GET`, is a sub-command. What no route and no fallback answers is an unknown
/// command, and the wrong number of arguments is refused before a handler runs, both in the words of Redis. `COMMAND` and
/// its sub-commands are answered from what was registered.
///
/// ```
/// use kvstore::{client::Client, protocol::Command, routing::{Arg, Router}};
///
/// async fn greet(Arg(name): Arg<String>) -> String {
///     format!("hello, {name}")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let client = Client::local(Router::new().command("GREET", greet));
/// let answer = client.call(Command::new("greet").arg("Ada")).await?;
/// assert_eq!(answer, "hello, Ada".into());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # State and fallback in its type
/// `S` is the state that its handlers still wait for: a `Router<()>`, or just `Router`, is ready to serve. Whatever serves
/// or calls it says which it is; a router that stands in a variable of its own may need its type written down. `F` is the
/// service behind it, which answers what no route does: [`Unknown`] unless there is a
/// [`fallback_service`](Self::fallback_service).
///
/// # Readiness and cost
/// A router is always ready. The fallback is asked for its readiness where the command is polled, on a clone that is used
/// for nothing else, so a busy fallback holds back its own commands alone. A command costs a look in a table and one
/// atomic; a synchronous handler no allocation, an async one and a layered one a box each; the fallback a clone of it.
#[must_use = "a router answers once it is served"]
pub struct Router<S = (), F = Unknown> {
    shared: Arc<Shared<S>>,
    fallback: F,
}

struct Shared<S> {
    routes: Routes<S>,
    /// A handler for what no route answers.
    fallback: Option<Route<S>>,
    /// Whether the service behind the router knows commands of its own.
    has_service: bool,
    /// Made of the rest when the first command comes.
    table: OnceLock<Table>,
}

impl<S: Send + Sync + 'static> Router<S> {
    /// A router that knows no commands but `COMMAND`.
    pub fn new() -> Self {
        let shared = Shared { routes: Vec::new(), fallback: None, has_service: false, table: OnceLock::new() };
        Self { shared: Arc::new(shared), fallback: Unknown(()) }
    }
}

impl<S: Send + Sync + 'static, F> Router<S, F> {
    /// Answers the command `name` with `handler`: a function, or a [`Route`] with more said about it. A name of two words
    /// is a sub-command; a handler for the first word alone is asked when the first argument names none.
    ///
    /// # Panics
    /// When there is a route of this name, or it is no name of one or two words.
    pub fn command<T>(self, name: impl Into<String>, handler: impl Handler<T, S>) -> Self {
        let name = name.into();
        let words: Vec<&str> = name.split(' ').collect();
        assert!(matches!(words.len(), 1 | 2) && !words.contains(&""), "a name has one word or two: {name:?}");
        let route = handler.into_route();
        self.change(|shared| shared.insert(name, route))
    }

    /// Answers with a handler what no route answers. It mostly takes the whole [`Command`].
    ///
    /// # Panics
    /// When there is a fallback.
    pub fn fallback<T>(self, handler: impl Handler<T, S>) -> Self {
        let route = handler.into_route();
        self.change(|shared| {
            shared.assert_no_fallback();
            shared.fallback = Some(route);
        })
    }

    /// Hands what no route answers to a service: a store, a client of another server, another router. It is asked for
    /// `COMMAND` too, and what it knows is told with the router's own.
    ///
    /// # Panics
    /// When there is a fallback.
    pub fn fallback_service<V>(self, service: V) -> Router<S, V>
    where
        V: Service<Command, Response = Response> + Clone,
    {
        let Router { shared, .. } = self.change(|shared| {
            shared.assert_no_fallback();
            shared.has_service = true;
        });
        Router { shared, fallback: service }
    }

    /// Puts a layer round everything that there is: every route by itself, the fallback, and what is unknown. What is added
    /// later is outside of it.
    ///
    /// What one layer shares, it shares over all of them; tower's own concurrency limit shares nothing, and is one limit for
    /// each route, where ours and tower's `GlobalConcurrencyLimitLayer` are one for all. Each command is boxed once; a layer
    /// round the router as a whole, with tower's `ServiceBuilder`, boxes nothing.
    pub fn layer<L>(self, layer: L) -> Router<S, <L as Layer<F>>::Service>
    where
        L: Layer<F> + Layer<RouteService> + Clone + Send + Sync + 'static,
        <L as Layer<RouteService>>::Service:
            Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    {
        let Router { shared, fallback } = self.change(|shared| {
            let routes = shared.routes.drain(..);
            shared.routes = routes.map(|(name, route)| (name, route.layer(layer.clone()))).collect();
            shared.fallback = shared.fallback.take().map(|route| route.layer(layer.clone()));
        });
        Router { shared, fallback: Layer::<F>::layer(&layer, fallback) }
    }

    /// Adds the routes of another router, and its fallback handler if it has one. A layer that one of them had stays with
    /// its own routes; what is unknown is answered as it was here.
    ///
    /// # Panics
    /// When both have a route of the same name, or a fallback, and when a service stands behind the other.
    pub fn merge<G>(self, other: Router<S, G>) -> Self {
        let Shared { routes, fallback, has_service, .. } = Arc::unwrap_or_clone(other.shared);
        assert!(!has_service, "a router has one fallback: a service behind another cannot be merged");
        self.change(|shared| {
            for (name, route) in routes {
                shared.insert(name, route);
            }
            if let Some(fallback) = fallback {
                shared.assert_no_fallback();
                shared.fallback = Some(fallback);
            }
        })
    }

    /// Gives the handlers the state that they wait for. The router that comes back waits for another, mostly for none.
    pub fn with_state<S2>(self, state: S) -> Router<S2, F> {
        let Shared { routes, fallback, has_service, .. } = Arc::unwrap_or_clone(self.shared);
        let state = Arc::new(state);
        let routes = routes.into_iter().map(|(name, route)| (name, route.with_state(&state))).collect();
        let fallback = fallback.map(|route| route.with_state(&state));
        let shared = Shared { routes, fallback, has_service, table: OnceLock::new() };
        Router { shared: Arc::new(shared), fallback: self.fallback }
    }

    /// The same router after a change. Clones that were made before have nothing of it.
    fn change(self, change: impl FnOnce(&mut Shared<S>)) -> Self {
        let mut shared = Arc::unwrap_or_clone(self.shared);
        change(&mut shared);
        Self { shared: Arc::new(shared), fallback: self.fallback }
    }
}

impl<S: Send + Sync + 'static> Shared<S> {
    fn insert(&mut self, name: String, route: Route<S>) {
        assert!(!self.routes.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)), "two routes for {name}");
        self.routes.push((name, route));
    }

    fn assert_no_fallback(&self) {
        assert!(self.fallback.is_none() && !self.has_service, "a router has one fallback");
    }

    /// Whether a command that no route answers may mean something.
    fn has_fallback(&self) -> bool {
        self.has_service || self.fallback.is_some()
    }
}

impl Shared<()> {
    #[inline]
    fn table(&self) -> &Table {
        self.table.get_or_init(|| self.make_table())
    }

    #[cold]
    fn make_table(&self) -> Table {
        let mut table = Table::new(&self.routes, &Arc::new(()));
        table.fallback = self.fallback.as_ref().map(|route| route.bind(&Arc::new(()), &Name::any()));
        table.tell(&self.routes);
        if !self.has_fallback() {
            table.help(&self.routes);
            if table.tells {
                table.help(&command::routes());
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
        let table = self.shared.table();
        match table.find(&command) {
            Found::Route(_) if table.tells && self.shared.has_service && command.is("COMMAND") => self.tell(command),
            Found::Route(endpoint) => RouterFuture::route(endpoint.clone(), command),
            Found::Unfit(error) if !self.shared.has_fallback() => {
                RouterFuture::boxed(Box::pin(async { Ok(error.into()) }))
            }
            Found::Unfit(_) | Found::Nothing => match &table.fallback {
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
    /// Answers `COMMAND` with what is known here and what is known behind.
    #[cold]
    fn tell(&self, command: Command) -> RouterFuture<F> {
        let (shared, fallback) = (self.shared.clone(), self.fallback.clone());
        RouterFuture::boxed(Box::pin(async move {
            let ours = |command: &Command| match shared.table().find(command) {
                Found::Route(endpoint) => match endpoint.answer(command.clone()) {
                    Answer::Now(response) => response,
                    Answer::Later(_) => Response::Null,
                },
                Found::Unfit(error) => error.into(),
                Found::Nothing => Response::Null,
            };
            let own = ours(&command);
            let theirs = fallback.oneshot(command::question(&command)).await?;
            Ok(command::joined(&command, own, || ours(&Command::new("COMMAND")), theirs))
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
        Self { shared: self.shared.clone(), fallback: self.fallback.clone() }
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        let Self { routes, fallback, has_service, table: _ } = self;
        Self { routes: routes.clone(), fallback: fallback.clone(), has_service: *has_service, table: OnceLock::new() }
    }
}

impl<S, F> fmt::Debug for Router<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.shared.routes.iter().map(|(name, _)| name);
        f.debug_struct("Router").field("commands", &names.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// Answers every command with `ERR unknown command …`: what is behind a router with no fallback.
#[derive(Clone, Debug)]
pub struct Unknown(());

impl Service<Command> for Unknown {
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
