//! Environment variables that are no settings.

use std::{env, ffi::OsString};

use clap::Command;

use super::given::{Given, Source};

/// What the names of the variables begin with.
pub(super) const PREFIX: &str = "KVSTORE_";

/// Kubernetes sets `KVSTORE_PORT=tcp://10.0.0.1:6379` and the like for a service with the name `kvstore`.
pub(super) fn is_of_kubernetes(given: &Given) -> bool {
    let is_address = |value: &OsString| {
        let value = value.to_string_lossy();
        ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme))
    };
    matches!(given.source, Source::Variable(_)) && given.flag.ends_with("port") && given.values.iter().any(is_address)
}

pub(super) fn note_skipped(given: &Given) -> String {
    let (source, value) = (&given.source, given.shown());
    format!("{source}={value} is that of a service of Kubernetes, and is no setting; to set one, use --{}", given.flag)
}

/// Notes of the variables that look like settings.
pub(super) fn note_unknown(command: &Command) -> impl Iterator<Item = String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.starts_with(PREFIX) && !is_known(name, command))
        .map(|name| format!("environment variable {name} is no setting{}", nearest(&name, command)))
}

/// The variable that may have been meant.
fn nearest(name: &str, command: &Command) -> String {
    let known = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    let rated = known.map(|known| (strsim::jaro_winkler(&name[PREFIX.len()..], &known[PREFIX.len()..]), known));
    match rated.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((likeness, known)) if likeness > 0.8 => format!("; {known} is one"),
        _ => ": `kvstore --help` names those that are".to_owned(),
    }
}

fn is_known(name: &str, command: &Command) -> bool {
    let is_of_service = ["_SERVICE_", "_PORT_"].iter().any(|part| name.contains(part)) || name.ends_with("_PORT");
    is_of_service || command.get_arguments().any(|arg| arg.get_env().is_some_and(|known| known == name))
}
