//! [`Route`]: what answers one command, and what is known of it.

use std::{borrow::Cow, fmt, sync::Arc};

use kvstore_protocol::{Command, Response};
use tower::{BoxError, Layer, Service};

use super::{
    endpoint::{Answer, Endpoint, Name, Recipe, RouteService, Run, called},
    extract::Arguments,
    handler::{Handler, Shape},
};
use crate::catalog::{Arity, CommandInfo, Flags, KeyRange};

/// What answers one command: a handler, or any service, with its layers and with what `COMMAND` tells of it.
///
/// A sub-command has a route of its own, under a name of two words: `.command("CONFIG GET", route)`.
///
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
///     .summary("Fetches what a key stands for.");
/// let router: Router = Router::new().command("FETCH", route);
/// ```
#[must_use = "a route answers once it is given to a router"]
pub struct Route<S = ()> {
    recipe: Arc<dyn Recipe<S>>,
    /// What is known of it, but for its name and the words of that.
    info: CommandInfo,
}

impl<S: Send + Sync + 'static> Route<S> {
    /// The route of a handler, to say more about it.
    pub fn handler<T>(handler: impl Handler<T, S>) -> Self {
        handler.into_route()
    }

    /// A route to a service, which gets the command as it came. It answers any number of words.
    pub fn service<V>(service: V) -> Self
    where
        V: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send> + Clone + Send + Sync + 'static,
    {
        let arity = Arity::at_least(0);
        Self::of(arity, Arc::new(move |_: &Arc<S>, name: &Name| called(service.clone(), arity.behind(name.words))))
    }

    /// The route of a function over arguments and state. An `Err` of it is an answer too.
    pub(super) fn function<G>(shape: Shape, run: G) -> Self
    where
        G: Fn(&mut Arguments<'_>, &S) -> Result<Answer, Response> + Send + Sync + 'static,
    {
        let run = Arc::new(run);
        let recipe = move |state: &Arc<S>, name: &Name| -> Arc<dyn Endpoint> {
            let arity = shape.arity.behind(name.words);
            Arc::new(Run { run: run.clone(), state: state.clone(), name: name.clone(), arity })
        };
        Self::of(shape.arity, Arc::new(recipe)).keys(shape.keys)
    }

    fn of(arity: Arity, recipe: Arc<dyn Recipe<S>>) -> Self {
        Self { recipe, info: CommandInfo::new("", arity) }
    }

    /// Puts a layer round this command alone. The layer sees a command before its arguments are looked at, and its service
    /// and future are boxed: once a command.
    ///
    /// What one layer shares, it shares over all connections, and over all routes that it is given to.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<RouteService> + Send + Sync + 'static,
        L::Service: Service<Command, Response = Response, Error: Into<BoxError>, Future: Send>,
        L::Service: Clone + Send + Sync + 'static,
    {
        let (recipe, arity) = (self.recipe.clone(), self.info.arity());
        let layered = move |state: &Arc<S>, name: &Name| {
            called(layer.layer(RouteService(recipe.bind(state, name))), arity.behind(name.words))
        };
        Self { recipe: Arc::new(layered), ..self }
    }

    /// What the command does.
    pub fn flags(self, flags: Flags) -> Self {
        Self { info: self.info.flags(flags), ..self }
    }

    /// Where its keys are, where [`Key`](super::Key)s do not say it.
    pub fn keys(self, keys: KeyRange) -> Self {
        Self { info: self.info.keys(keys), ..self }
    }

    /// What it is for, in one sentence.
    pub fn summary(self, summary: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.summary(summary), ..self }
    }

    /// Since which version there is such a command.
    pub fn since(self, version: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.since(version), ..self }
    }

    /// The group it belongs to; `module` when nothing is said.
    pub fn group(self, group: impl Into<Cow<'static, str>>) -> Self {
        Self { info: self.info.group(group), ..self }
    }

    /// The same route for a router that has its state already.
    pub(super) fn with_state<S2>(self, state: &Arc<S>) -> Route<S2> {
        let Self { recipe, info } = self;
        let state = state.clone();
        let bound = move |_: &Arc<S2>, name: &Name| recipe.bind(&state, name);
        Route { recipe: Arc::new(bound), info }
    }

    pub(super) fn bind(&self, state: &Arc<S>, name: &Name) -> Arc<dyn Endpoint> {
        self.recipe.bind(state, name)
    }

    /// What is known of it as `name`, behind so many words in all.
    pub(super) fn info(&self, name: &str, words: usize) -> CommandInfo {
        self.info.clone().named(name, words)
    }
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self { recipe: self.recipe.clone(), info: self.info.clone() }
    }
}

impl<S> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("info", &self.info).finish_non_exhaustive()
    }
}
