//! `COMMAND`: what a router tells of its routes, and of what is behind it.

use std::sync::Arc;

use bytes::Bytes;
use kvstore_protocol::{Command, CommandError, Response};

use super::{
    extract::{Arg, Rest, State},
    route::Route,
    table::Routes,
};
use crate::catalog::{Catalog, INVALID_COMMAND};

type Known = State<Arc<Catalog>>;

/// The routes of `COMMAND` over what is known of all others.
pub(super) fn routes() -> Routes<Arc<Catalog>> {
    vec![
        ("COMMAND".into(), told(Route::handler(all), "Tells of every command.")),
        ("COMMAND COUNT".into(), told(Route::handler(count), "Counts the commands.")),
        ("COMMAND LIST".into(), told(Route::handler(list), "Returns the names of the commands.")),
        ("COMMAND INFO".into(), told(Route::handler(info), "Tells arity, flags and keys of commands.")),
        ("COMMAND DOCS".into(), told(Route::handler(docs), "Tells what commands are for.")),
        ("COMMAND GETKEYS".into(), told(Route::handler(getkeys), "Returns the keys in a command.")),
        ("COMMAND GETKEYSANDFLAGS".into(), told(Route::handler(getkeysandflags), "Returns the keys and their use.")),
    ]
}

fn told(route: Route<Arc<Catalog>>, summary: &'static str) -> Route<Arc<Catalog>> {
    route.summary(summary).group("server")
}

fn all(State(catalog): Known) -> Response {
    catalog.all()
}

fn count(State(catalog): Known) -> usize {
    catalog.count()
}

fn list(State(catalog): Known, Rest(filter): Rest) -> Result<Response, CommandError> {
    catalog.list(&filter.iter().map(|word| &**word).collect::<Vec<_>>())
}

fn info(State(catalog): Known, Rest(names): Rest) -> Response {
    catalog.info(names.iter().map(|name| &**name))
}

fn docs(State(catalog): Known, Rest(names): Rest) -> Response {
    catalog.docs(names.iter().map(|name| &**name))
}

fn getkeys(State(catalog): Known, Arg(name): Arg<Bytes>, Rest(args): Rest) -> Result<Response, CommandError> {
    Ok(Response::array(catalog.keys_of(&Command::new(name).with_args(args))?))
}

fn getkeysandflags(State(catalog): Known, Arg(name): Arg<Bytes>, Rest(args): Rest) -> Result<Response, CommandError> {
    catalog.keys_and_flags_of(&Command::new(name).with_args(args))
}

/// What a fallback is asked so that its answer can be joined with the router's own: a count cannot be joined, since both
/// may know the same command.
pub(super) fn question(asked: &Command) -> Command {
    match is(asked, b"COUNT") {
        true => Command::new("COMMAND").in_session(asked.shared_session(), asked.number()),
        false => asked.clone(),
    }
}

/// Both answers to `COMMAND` in one: the router's own come first, and hide those of the same name.
pub(super) fn joined(asked: &Command, ours: Response, all: impl FnOnce() -> Response, theirs: Response) -> Response {
    let is_unknown_here = ours == CommandError::err(INVALID_COMMAND).into();
    if ours.is_error() || theirs.is_error() {
        let is_unknown_there = theirs.as_bytes().is_some_and(|text| text.starts_with(b"ERR unknown command"));
        return if is_unknown_here && !is_unknown_there { theirs } else { ours };
    }
    match (ours, theirs) {
        (Response::Integer(_), theirs) if is(asked, b"COUNT") => match join_lists(all(), theirs) {
            Response::Array(commands) => commands.len().into(),
            other => other,
        },
        // Both were asked for the same names, and either may know one.
        (Response::Array(ours), Response::Array(theirs)) if is(asked, b"INFO") && asked.len() > 2 => {
            let known = ours.into_iter().zip(theirs);
            Response::Array(known.map(|(ours, theirs)| if ours == Response::Null { theirs } else { ours }).collect())
        }
        // Both know the command, and the router's own is the one that is called.
        (ours, _) if is(asked, b"GETKEYS") || is(asked, b"GETKEYSANDFLAGS") => ours,
        (Response::Map(ours), theirs) => join_maps(ours, theirs),
        (ours, theirs) => join_lists(ours, theirs),
    }
}

fn is(asked: &Command, sub: &[u8]) -> bool {
    asked.arg_at(0).is_some_and(|word| word.eq_ignore_ascii_case(sub))
}

fn join_lists(ours: Response, theirs: Response) -> Response {
    let (Response::Array(mut ours), Response::Array(theirs)) = (ours.clone(), theirs) else { return ours };
    let count = ours.len();
    for item in theirs {
        if !ours[..count].iter().any(|known| name_of(known) == name_of(&item)) {
            ours.push(item);
        }
    }
    Response::Array(ours)
}

/// The name in an answer: the answer itself, or the first item of what is told of a command.
fn name_of(item: &Response) -> Option<Vec<u8>> {
    match item {
        Response::Array(parts) => name_of(parts.first()?),
        name => name.as_bytes().map(<[u8]>::to_ascii_lowercase),
    }
}

fn join_maps(mut ours: Vec<(Response, Response)>, theirs: Response) -> Response {
    let theirs = match theirs {
        Response::Map(pairs) => pairs,
        // A server that speaks RESP2.
        Response::Array(items) => pairs(items),
        _ => Vec::new(),
    };
    let count = ours.len();
    for (name, told) in theirs {
        if !ours[..count].iter().any(|(known, _)| name_of(known) == name_of(&name)) {
            ours.push((name, told));
        }
    }
    Response::Map(ours)
}

fn pairs(items: Vec<Response>) -> Vec<(Response, Response)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| items.next().zip(items.next())).collect()
}
