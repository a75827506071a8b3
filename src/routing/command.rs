//! `COMMAND` and its sub-commands: reports the routes of a router, and the commands of its fallback service.

use std::sync::Arc;

use bytes::Bytes;
use kvstore_protocol::{Command, CommandError, Response};

use super::{
    extract::{Arg, Rest, State},
    route::Route,
    table::Routes,
};
use crate::catalog::{Catalog, INVALID_COMMAND};

type CatalogState = State<Arc<Catalog>>;

/// The routes of `COMMAND`, over the catalog of all routes.
pub(super) fn routes() -> Routes<Arc<Catalog>> {
    vec![
        ("COMMAND".into(), describe(Route::handler(all), "Returns details about all commands.")),
        ("COMMAND COUNT".into(), describe(Route::handler(count), "Returns a count of commands.")),
        ("COMMAND LIST".into(), describe(Route::handler(list), "Returns a list of command names.")),
        (
            "COMMAND INFO".into(),
            describe(Route::handler(info), "Returns information about one, multiple or all commands."),
        ),
        (
            "COMMAND DOCS".into(),
            describe(Route::handler(docs), "Returns documentary information about one, multiple or all commands."),
        ),
        (
            "COMMAND GETKEYS".into(),
            describe(Route::handler(getkeys), "Extracts the key names from an arbitrary command."),
        ),
        (
            "COMMAND GETKEYSANDFLAGS".into(),
            describe(
                Route::handler(getkeysandflags),
                "Extracts the key names and access flags for an arbitrary command.",
            ),
        ),
    ]
}

fn describe(route: Route<Arc<Catalog>>, summary: &'static str) -> Route<Arc<Catalog>> {
    route.summary(summary).group("server")
}

fn all(State(catalog): CatalogState) -> Response {
    catalog.all()
}

fn count(State(catalog): CatalogState) -> usize {
    catalog.count()
}

fn list(State(catalog): CatalogState, Rest(filter): Rest) -> Result<Response, CommandError> {
    catalog.list(&filter.iter().map(|arg| &**arg).collect::<Vec<_>>())
}

fn info(State(catalog): CatalogState, Rest(names): Rest) -> Response {
    catalog.info(names.iter().map(|name| &**name))
}

fn docs(State(catalog): CatalogState, Rest(names): Rest) -> Response {
    catalog.docs(names.iter().map(|name| &**name))
}

fn getkeys(State(catalog): CatalogState, Arg(name): Arg<Bytes>, Rest(args): Rest) -> Result<Response, CommandError> {
    Ok(Response::array(catalog.keys_of(&Command::new(name).with_args(args))?))
}

fn getkeysandflags(
    State(catalog): CatalogState,
    Arg(name): Arg<Bytes>,
    Rest(args): Rest,
) -> Result<Response, CommandError> {
    catalog.keys_and_flags_of(&Command::new(name).with_args(args))
}

/// The command that is forwarded to a fallback service, so that its response can be merged with the router's own. Counts
/// cannot be merged, since both may know the same command: the lists are counted instead.
pub(super) fn forwarded(command: &Command) -> Command {
    match is_sub(command, b"COUNT") {
        true => Command::new("COMMAND").in_session(command.shared_session(), command.number()),
        false => command.clone(),
    }
}

/// Merges two responses to `COMMAND`. The router's own come first, and hide those of the same name.
pub(super) fn merge(command: &Command, ours: Response, all: impl FnOnce() -> Response, theirs: Response) -> Response {
    let is_unknown_here = ours == CommandError::err(INVALID_COMMAND).into();
    if ours.is_error() || theirs.is_error() {
        let is_unknown_there = theirs.as_bytes().is_some_and(|text| text.starts_with(b"ERR unknown command"));
        return if is_unknown_here && !is_unknown_there { theirs } else { ours };
    }
    match (ours, theirs.unpacked()) {
        (Response::Integer(_), theirs) if is_sub(command, b"COUNT") => match merge_lists(all(), theirs) {
            Response::Array(commands) => commands.len().into(),
            other => other,
        },
        // Both were asked for the same names, and each may know some of them.
        (Response::Array(ours), Response::Array(theirs)) if is_sub(command, b"INFO") && command.len() > 2 => {
            let pairs = ours.into_iter().zip(theirs);
            Response::Array(pairs.map(|(ours, theirs)| if ours == Response::Null { theirs } else { ours }).collect())
        }
        // Both know the command, and it is the router's own that would be called.
        (ours, _) if is_sub(command, b"GETKEYS") || is_sub(command, b"GETKEYSANDFLAGS") => ours,
        (Response::Map(ours), theirs) => merge_maps(ours, theirs),
        (ours, theirs) => merge_lists(ours, theirs),
    }
}

fn is_sub(command: &Command, name: &[u8]) -> bool {
    command.arg_at(0).is_some_and(|arg| arg.eq_ignore_ascii_case(name))
}

fn merge_lists(ours: Response, theirs: Response) -> Response {
    let (Response::Array(mut ours), Response::Array(theirs)) = (ours.clone(), theirs) else { return ours };
    let count = ours.len();
    for item in theirs {
        if !ours[..count].iter().any(|known| name_of(known) == name_of(&item)) {
            ours.push(item);
        }
    }
    Response::Array(ours)
}

/// The name in an item of a list: the item itself, or the first field of a description.
fn name_of(item: &Response) -> Option<Vec<u8>> {
    match item {
        Response::Array(fields) => name_of(fields.first()?),
        name => name.as_bytes().map(<[u8]>::to_ascii_lowercase),
    }
}

fn merge_maps(mut ours: Vec<(Response, Response)>, theirs: Response) -> Response {
    let theirs = match theirs {
        Response::Map(pairs) => pairs,
        // From a server that speaks RESP2.
        Response::Array(items) => pairs(items),
        _ => Vec::new(),
    };
    let count = ours.len();
    for (name, docs) in theirs {
        if !ours[..count].iter().any(|(known, _)| name_of(known) == name_of(&name)) {
            ours.push((name, docs));
        }
    }
    Response::Map(ours)
}

fn pairs(items: Vec<Response>) -> Vec<(Response, Response)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| items.next().zip(items.next())).collect()
}
