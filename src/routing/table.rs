//! [`Table`]: the endpoints of a router by name.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, NameMap, Response};

use super::{
    command,
    endpoint::{Endpoint, EndpointResponse, RouteName, refuse_in_transaction},
    route::Route,
};
use crate::{
    catalog::{Arity, Catalog, CommandInfo},
    server,
};

/// The routes of a router with their names, in the order in which they were added. A sub-command's name has two words.
pub(super) type Routes<S> = Vec<(String, Route<S>)>;

/// The endpoints by name.
#[derive(Default)]
pub(super) struct Table {
    commands: NameMap<Node>,
    /// The fallback, if it is a handler.
    pub(super) fallback: Option<Arc<dyn Endpoint>>,
    /// Whether the router answers `COMMAND` itself.
    pub(super) answers_command: bool,
}

/// A command and its sub-commands.
#[derive(Default)]
struct Node {
    own: Option<Arc<dyn Endpoint>>,
    subs: NameMap<Arc<dyn Endpoint>>,
}

/// The result of a lookup.
pub(super) enum Found<'a> {
    Endpoint(&'a Arc<dyn Endpoint>),
    /// The command is known, and this sub-command is not.
    UnknownSubcommand(CommandError),
    UnknownCommand,
}

impl Table {
    pub(super) fn new<S: Send + Sync + 'static>(routes: &Routes<S>, state: &Arc<S>) -> Self {
        let mut table = Self::default();
        for (name, route) in routes {
            table.insert(name, |name| route.endpoint(state, name));
        }
        table
    }

    /// Adds the routes of `COMMAND`, unless the router has one.
    pub(super) fn add_command<S: Send + Sync + 'static>(&mut self, routes: &Routes<S>) {
        if self.commands.get(b"COMMAND").is_some() {
            return;
        }
        self.answers_command = true;
        let own = command::routes();
        let catalog = Arc::new(Arc::new(catalog(routes, &own)));
        for (name, route) in &own {
            self.insert(name, |name| route.endpoint(&catalog, name));
        }
    }

    /// Adds `HELP` to every command with sub-commands that has none.
    pub(super) fn add_help<S: Send + Sync + 'static>(&mut self, routes: &Routes<S>) {
        for (parent, _) in routes.iter().filter_map(|(name, _)| name.split_once(' ')) {
            let node = self.commands.get_mut(parent.as_bytes()).filter(|node| node.subs.get(b"HELP").is_none());
            if let Some(node) = node {
                let help = HelpEndpoint { parent: parent.to_owned(), lines: help_lines(parent, routes) };
                node.subs.insert("HELP", Arc::new(help));
            }
        }
    }

    fn insert(&mut self, name: &str, endpoint: impl FnOnce(&RouteName) -> Arc<dyn Endpoint>) {
        let (command, sub) = name.split_once(' ').map_or((name, None), |(command, sub)| (command, Some(sub)));
        let text = name.to_lowercase().replace(' ', "|").into();
        let endpoint = endpoint(&RouteName { text, words: 1 + usize::from(sub.is_some()) });
        if self.commands.get(command.as_bytes()).is_none() {
            self.commands.insert(command, Node::default());
        }
        match (self.commands.get_mut(command.as_bytes()), sub) {
            (Some(node), None) => node.own = Some(endpoint),
            (Some(node), Some(sub)) => drop(node.subs.insert(sub, endpoint)),
            (None, _) => {}
        }
    }

    #[inline]
    pub(super) fn find(&self, command: &Command) -> Found<'_> {
        match self.commands.get(command.name()) {
            None => Found::UnknownCommand,
            Some(Node { own: Some(own), subs }) if subs.is_empty() => Found::Endpoint(own),
            Some(node) => node.find(command),
        }
    }
}

impl Node {
    /// Finds the sub-command, or the command itself when its first argument is no sub-command.
    fn find(&self, command: &Command) -> Found<'_> {
        let name = || String::from_utf8_lossy(command.name()).into_owned();
        match (command.arg_at(0), &self.own) {
            (None, Some(own)) => Found::Endpoint(own),
            (None, None) => Found::UnknownSubcommand(CommandError::wrong_arity(&name())),
            (Some(arg), own) => match (self.subs.get(arg), own) {
                (Some(sub), _) => Found::Endpoint(sub),
                (None, Some(own)) if own.accepts(command.len()) => Found::Endpoint(own),
                (None, _) => Found::UnknownSubcommand(CommandError::unknown_subcommand(&name(), arg)),
            },
        }
    }
}

/// The catalog of all routes, and of the connection commands that the server answers.
fn catalog<S: Send + Sync + 'static>(routes: &Routes<S>, own: &Routes<Arc<Catalog>>) -> Catalog {
    let mut infos: Vec<CommandInfo> = Vec::new();
    for (parent, info) in routes.iter().map(info).chain(own.iter().map(info)) {
        let name = parent.unwrap_or(info.name());
        let known = infos.iter_mut().find(|known| known.name().eq_ignore_ascii_case(name));
        match (known, parent) {
            (Some(known), Some(_)) => known.add_sub(info),
            (None, Some(parent)) => {
                infos.push(CommandInfo::new(parent.to_owned(), Arity::at_least(2)).subs([info]));
            }
            // Its sub-commands were added first.
            (Some(known), None) => *known = info.with_subs_of(known),
            (None, None) => infos.push(info),
        }
    }
    let is_new = |info: &CommandInfo| !infos.iter().any(|known| known.name().eq_ignore_ascii_case(info.name()));
    let connection: Vec<_> = server::connection_commands().filter(is_new).collect();
    Catalog::new(infos.into_iter().chain(connection))
}

/// The description of a route, and the parent of a sub-command.
fn info<S: Send + Sync + 'static>((name, route): &(String, Route<S>)) -> (Option<&str>, CommandInfo) {
    match name.split_once(' ') {
        None => (None, route.info(name, 1)),
        Some((parent, sub)) => (Some(parent), route.info(sub, 2)),
    }
}

/// The lines of `HELP`, in the form of Redis.
fn help_lines<S: Send + Sync + 'static>(parent: &str, routes: &Routes<S>) -> Response {
    let upper = parent.to_uppercase();
    let mut lines = vec![format!("{upper} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for (name, route) in routes {
        if let Some((_, sub)) = name.split_once(' ').filter(|(known, _)| known.eq_ignore_ascii_case(parent)) {
            lines.push(sub.to_uppercase());
            lines.push(format!("    {}", route.info(sub, 2).summary_text()));
        }
    }
    lines.extend(["HELP", "    Print this help."].map(str::to_owned));
    Response::array(lines.into_iter().map(Response::simple))
}

/// The `HELP` of a command with sub-commands.
struct HelpEndpoint {
    parent: String,
    lines: Response,
}

impl Endpoint for HelpEndpoint {
    fn call(&self, command: Command) -> EndpointResponse {
        if let Some(refusal) = refuse_in_transaction(&command) {
            return refusal;
        }
        EndpointResponse::Ready(match self.accepts(command.len()) {
            true => self.lines.clone(),
            false => CommandError::wrong_arity(&format!("{}|help", self.parent)).into(),
        })
    }

    fn accepts(&self, words: usize) -> bool {
        words == 2
    }
}
