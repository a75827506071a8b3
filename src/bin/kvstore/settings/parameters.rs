//! The settings as CONFIG has them.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use kvstore::{
    protocol::{Command as Request, Response},
    store::{SettableParameter, Store, settable_parameters},
};

use super::{flags, values::Port};

/// What CONFIG SET sets at the start: the parameters that have no meaning for the program itself.
pub(super) fn to_set(matches: &ArgMatches) -> Vec<(SettableParameter, String)> {
    let given = settable_parameters().filter_map(|parameter| {
        // The others have no argument by this name: their flag is a field of the flags, and is named like one.
        let values = matches.try_get_many::<String>(parameter.name).ok()??;
        let values: Vec<_> = values.map(String::as_str).collect();
        Some((parameter, values.join(" ")))
    });
    given.collect()
}

/// What CONFIG GET shows: the settings that the store and its server do not know.
pub(super) fn to_show(command: &Command, matches: &ArgMatches) -> Vec<(String, String)> {
    let store = Store::builder().threads(1).databases(1).build();
    let is_own = |name: &str| !is_known(&store, name);
    let settings = command.get_arguments().filter(|arg| arg.get_action().takes_values());
    let settings = settings.map(|arg| (flags::config_name(arg), arg)).filter(|(name, _)| is_own(name));
    settings.map(|(name, arg)| (name.to_owned(), shown(arg, matches))).collect()
}

fn is_known(store: &Store, name: &str) -> bool {
    let is_settable = settable_parameters().any(|parameter| parameter.name == name);
    let get = Request::new("CONFIG").with_args(["GET", name]);
    is_settable || !matches!(store.execute(&get), Response::Map(found) if found.is_empty())
}

/// A value as Redis shows it: a time in seconds, a size in bytes.
fn shown(arg: &Arg, matches: &ArgMatches) -> String {
    let id = arg.get_id().as_str();
    if let Ok(Some(is_on)) = matches.try_get_one::<bool>(id) {
        return if *is_on { "yes" } else { "no" }.to_owned();
    }
    if let Ok(Some(number)) = matches.try_get_one::<usize>(id) {
        return number.to_string();
    }
    if let Ok(Some(Port(port))) = matches.try_get_one(id) {
        return port.unwrap_or(0).to_string();
    }
    match matches.try_get_one::<Duration>(id) {
        Ok(Some(time)) if time.subsec_nanos() == 0 => time.as_secs().to_string(),
        _ => given(id, matches),
    }
}

/// A value as it was given.
fn given(id: &str, matches: &ArgMatches) -> String {
    let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy());
    values.collect::<Vec<_>>().join(" ")
}
