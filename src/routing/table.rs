//! [`Table`]: the routes of a router by name, ready to answer.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, NameMap, Response};

use super::{
    command,
    endpoint::{Answer, Endpoint, Name},
    route::Route,
};
use crate::{
    catalog::{Arity, Catalog, CommandInfo},
    server,
};

/// What a router was told, in that order: names, and what answers them. The name of a sub-command has two words.
pub(super) type Routes<S> = Vec<(String, Route<S>)>;

/// The endpoints by name.
#[derive(Default)]
pub(super) struct Table {
    commands: NameMap<Node>,
    /// What answers all others, if that is a handler.
    pub(super) fallback: Option<Arc<dyn Endpoint>>,
    /// Whether `COMMAND` is the router's own.
    pub(super) tells: bool,
}

/// A command, with its sub-commands.
#[derive(Default)]
struct Node {
    own: Option<Arc<dyn Endpoint>>,
    subs: NameMap<Arc<dyn Endpoint>>,
}

/// What there is for a command.
pub(super) enum Found<'a> {
    Route(&'a Arc<dyn Endpoint>),
    /// Not this sub-command.
    Unfit(CommandError),
    Nothing,
}

impl Table {
    pub(super) fn new<S: Send + Sync + 'static>(routes: &Routes<S>, state: &Arc<S>) -> Self {
        let mut table = Self::default();
        for (name, route) in routes {
            table.insert(name, |name| route.bind(state, name));
        }
        table
    }

    /// Answers `COMMAND`, unless there is a route for it.
    pub(super) fn tell<S: Send + Sync + 'static>(&mut self, routes: &Routes<S>) {
        if self.commands.get(b"COMMAND").is_some() {
            return;
        }
        self.tells = true;
        let own = command::routes();
        let catalog = Arc::new(Arc::new(catalog(routes, &own)));
        for (name, route) in &own {
            self.insert(name, |name| route.bind(&catalog, name));
        }
    }

    /// Answers `HELP` of commands with sub-commands, where no route does.
    pub(super) fn help<S: Send + Sync + 'static>(&mut self, routes: &Routes<S>) {
        for (parent, _) in routes.iter().filter_map(|(name, _)| name.split_once(' ')) {
            let helped = self.commands.get_mut(parent.as_bytes()).filter(|node| node.subs.get(b"HELP").is_none());
            if let Some(node) = helped {
                node.subs.insert("HELP", Arc::new(Help { of: parent.to_owned(), lines: help_of(parent, routes) }));
            }
        }
    }

    pub(super) fn insert(&mut self, name: &str, bind: impl FnOnce(&Name) -> Arc<dyn Endpoint>) {
        let (command, sub) = name.split_once(' ').map_or((name, None), |(command, sub)| (command, Some(sub)));
        let text = name.to_lowercase().replace(' ', "|").into();
        let endpoint = bind(&Name { text, words: 1 + usize::from(sub.is_some()) });
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
            None => Found::Nothing,
            Some(Node { own: Some(own), subs }) if subs.is_empty() => Found::Route(own),
            Some(node) => node.find(command),
        }
    }
}

impl Node {
    /// A sub-command, or the command itself when its first argument names none.
    fn find(&self, command: &Command) -> Found<'_> {
        let name = || String::from_utf8_lossy(command.name()).into_owned();
        match (command.arg_at(0), &self.own) {
            (None, Some(own)) => Found::Route(own),
            (None, None) => Found::Unfit(CommandError::wrong_arity(&name())),
            (Some(asked), own) => match (self.subs.get(asked), own) {
                (Some(sub), _) => Found::Route(sub),
                (None, Some(own)) if own.admits(command.len()) => Found::Route(own),
                (None, _) => Found::Unfit(CommandError::unknown_subcommand(&name(), asked)),
            },
        }
    }
}

/// What is known of all routes, and of the commands that the transport answers.
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
            // Its sub-commands came first.
            (Some(known), None) => *known = info.with_subs_of(known),
            (None, None) => infos.push(info),
        }
    }
    let is_new = |info: &CommandInfo| !infos.iter().any(|known| known.name().eq_ignore_ascii_case(info.name()));
    let connection: Vec<_> = server::connection_commands().filter(is_new).collect();
    Catalog::new(infos.into_iter().chain(connection))
}

/// What is known of a route, and the command that it is a sub-command of.
fn info<S: Send + Sync + 'static>((name, route): &(String, Route<S>)) -> (Option<&str>, CommandInfo) {
    match name.split_once(' ') {
        None => (None, route.info(name, 1)),
        Some((parent, sub)) => (Some(parent), route.info(sub, 2)),
    }
}

/// The lines of `HELP`, in the form of Redis.
fn help_of<S: Send + Sync + 'static>(parent: &str, routes: &Routes<S>) -> Response {
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

/// The `HELP` of a command: always the same answer.
struct Help {
    of: String,
    lines: Response,
}

impl Endpoint for Help {
    fn answer(&self, command: Command) -> Answer {
        Answer::Now(match self.admits(command.len()) {
            true => self.lines.clone(),
            false => CommandError::wrong_arity(&format!("{}|help", self.of)).into(),
        })
    }

    fn admits(&self, words: usize) -> bool {
        words == 2
    }
}
