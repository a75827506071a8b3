//! The settings as CONFIG has them.

use std::time::Duration;

use clap::{Arg, ArgMatches, Command};
use kvstore::store::{SettableParameter, settable_parameters};

use super::{
    flags,
    values::{Addresses, Port},
};

/// What CONFIG SET sets at the start: the parameters that are no field of the flags.
pub(super) fn to_set(command: &Command, matches: &ArgMatches) -> Vec<(SettableParameter, String)> {
    let given = settable_parameters().filter_map(|parameter| {
        flags::find(command, parameter.name).filter(|arg| flags::is_parameter(arg))?;
        let values = matches.get_many::<String>(parameter.name)?;
        let values: Vec<_> = values.map(String::as_str).collect();
        Some((parameter, values.join(" ")))
    });
    given.collect()
}

/// What CONFIG GET shows of the program: the settings that neither CONFIG SET nor another command changes.
pub(super) fn to_show(command: &Command, matches: &ArgMatches) -> Vec<(String, String)> {
    let settings = command.get_arguments().filter(|arg| arg.get_action().takes_values() && !flags::is_parameter(arg));
    let settings = settings.map(|arg| (flags::config_name(arg), arg)).filter(|(name, _)| !changes(name));
    settings.map(|(name, arg)| (name.to_owned(), shown(arg, matches))).collect()
}

/// Whether the store, or its server, can change a setting while they run.
fn changes(name: &str) -> bool {
    name == "replicaof" || settable_parameters().any(|parameter| parameter.has_effect && parameter.name == name)
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
    if let Ok(Some(bound)) = matches.try_get_many::<Addresses>(id) {
        return bound.flat_map(|Addresses(words)| words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
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
