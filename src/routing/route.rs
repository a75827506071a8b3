//! [`Route`]: the handler of one command, its layers, and what `COMMAND` reports of it.

use std::{borrow::Cow, fmt, sync::Arc};

use kvstore_protocol::{Command, Response};
use tower::{BoxError, Layer, Service};

use super::{
    endpoint::{Endpoint, EndpointResponse, HandlerEndpoint, MakeEndpoint, RouteName, RouteService, service_endpoint},
    extract::{ArgCursor, Extract},
    handler::Handler,
};
use crate::catalog::{Arity, CommandInfo, Flags, KeySpec};

/// A handler or a service that answers one command, with layers of its own and a description for `COMMAND`.
///
/// A plain handler needs no `Route`: [`Router::command`](super::Router::command) takes both. A sub-command has its own
/// route under a name of two words: `.command("CONFIG GET", route)`.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use kvstore::{
///     catalog::Flags,
///     middleware::TimeoutLayer,
///     routing::{Key, Route, Router},
/// };
///
/// async fn fetch(key: Key) -> String {
///     format!("what {key:?} stands for")
/// }
///
/// let route = Route::handler(fetch)
///     .layer(TimeoutLayer::new(Duration::from_secs(1)))
///     .flags(Flags::READ)
///     .summary("Returns the page of a key.");
/// let router: Router = Router::new().command("FETCH", route);
/// ```
#[must_use = "a route does nothing until it is added to a router"]
pub struct Route<S = ()> {
    make: Arc<dyn MakeEndpoint<S>>,
    /// Without the name and the words of it, which the router knows.
    info: CommandInfo,
}

impl<S: Send + Sync + 'static> Route<S> {
    /// Creates a route from a handler.
    ///
    /// Its arity and its keys are those of the extractors.
    pub fn handler<T, H: Handler<T, S>>(handler: H) -> Self {
        const { H::ARGS };
        handler.into_route()
    }

    /// Creates a route from a service, which is called with the command unchanged and with any number of arguments.
    ///
    /// Each command gets a clone of the service.
    ///
    /// # Examples
    /// ```
    /// use kvstore::{routing::{Route, Router}, store::Store};
    ///
    /// // GET is the store's, and nothing else of it is served.
    /// let router: Router = Router::new().command("GET", Route::service(Store::new()));
    /// ```
    pub fn service<V>(service: V) -> Self
    where
        V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    {
        let arity = Arity::at_least(0);
        let make = move |_: &Arc<S>, name: &RouteName| service_endpoint(service.clone(), arity.behind(name.words));
        Self::new(arity, Arc::new(make))
    }

    /// The route of a function over extractors.
    pub(super) fn from_fn<E, H>(handler: H) -> Self
    where
        E: Extract<S>,
        H: Fn(E) -> EndpointResponse + Send + Sync + 'static,
    {
        let handler = Arc::new(move |args: &mut ArgCursor<'_>, state: &S| {
            let extracted = E::extract(args, state)?;
            args.finish()?;
            Ok(handler(extracted))
        });
        let arity = E::ARGS.arity();
        let make = move |state: &Arc<S>, name: &RouteName| -> Arc<dyn Endpoint> {
            let (handler, state) = (handler.clone(), state.clone());
            Arc::new(HandlerEndpoint { handler, state, name: name.clone(), arity: arity.behind(name.words) })
        };
        Self::new(arity, Arc::new(make)).keys(E::keys())
    }

    fn new(arity: Arity, make: Arc<dyn MakeEndpoint<S>>) -> Self {
        Self { make, info: CommandInfo::new("", arity) }
    }

    /// Adds a layer around this command alone.
    ///
    /// The layer is called before the arguments are checked and extracted. Layers that are added later are outside of
    /// earlier ones. State in the layer, such as the permits of a limit, is shared by all connections and by all routes
    /// that get a clone of the layer. Each command costs one box more.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<RouteService> + Send + Sync + 'static,
        L::Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let (inner, arity) = (self.make.clone(), self.info.arity());
        let make = move |state: &Arc<S>, name: &RouteName| {
            service_endpoint(layer.layer(RouteService(inner.make(state, name))), arity.behind(name.words))
        };
        Self { make: Arc::new(make), ..self }
    }

    /// Sets the flags of the command, as `COMMAND` reports them.
    pub fn flags(self, flags: Flags) -> Self {
        Self { info: self.info.flags(flags), ..self }
    }

    /// Sets where the keys are, for handlers that do not take them as [`Key`](super::Key).
    pub fn keys(self, keys: impl IntoIterator<Item = KeySpec>) -> Self {
        Self { info: self.info.keys(keys), ..self }
    }

    /// Sets the summary of the command: one sentence, for `COMMAND DOCS` and `HELP`.
    pub fn summary(self, summary: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.summary(summary), ..self }
    }

    /// Sets the version that introduced the command.
    pub fn since(self, version: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.since(version), ..self }
    }

    /// Sets the group of the command. Default: `module`.
    pub fn group(self, group: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.group(group), ..self }
    }

    /// The same route for a router of another state: this one has its state already.
    pub(super) fn with_state<S2>(self, state: &Arc<S>) -> Route<S2> {
        let Self { make: inner, info } = self;
        let state = state.clone();
        let make = move |_: &Arc<S2>, name: &RouteName| inner.make(&state, name);
        Route { make: Arc::new(make), info }
    }

    pub(super) fn endpoint(&self, state: &Arc<S>, name: &RouteName) -> Arc<dyn Endpoint> {
        self.make.make(state, name)
    }

    /// The description of the command under the last word of its name, which has that many words.
    pub(super) fn info(&self, name: &str, words: usize) -> CommandInfo {
        self.info.clone().named(name, words)
    }
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { make: self.make.clone(), info: self.info.clone() }
    }
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("info", &self.info).finish_non_exhaustive()
    }
}
