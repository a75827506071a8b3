//! The parameters that CONFIG reads and sets.

use std::{ops::RangeInclusive, time::Duration};

use kvstore_protocol::parse_integer;

use super::super::strings;
use crate::{server::ServerStatus, store::state::StoreState};

/// A configuration parameter: how it is read, and how it is set if it can be.
#[derive(Clone, Copy)]
struct Parameter {
    name: &'static str,
    /// `None` if nothing has the parameter: a store without a server has no clients.
    read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>,
    set: Option<Setter>,
}

/// Parses a value, and returns the change that sets it; an error says what is wrong with the value.
pub(super) type Setter = fn(&[u8]) -> Result<Change, &'static str>;
type Change = Box<dyn FnOnce(&ServerStatus)>;

const fn immutable(name: &'static str, read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>) -> Parameter {
    Parameter { name, read, set: None }
}

/// The parameters of the store, and those of the server in front of it.
static PARAMETERS: &[Parameter] = &[
    immutable("databases", |store, _| Some(store.databases.len().to_string())),
    immutable("proto-max-bulk-len", |_, _| Some(strings::MAX_LENGTH.to_string())),
    // Nothing is saved to disk, and nothing is evicted.
    immutable("save", |_, _| Some(String::new())),
    immutable("appendonly", |_, _| Some("no".to_owned())),
    immutable("maxmemory", |_, _| Some("0".to_owned())),
    immutable("maxmemory-policy", |_, _| Some("noeviction".to_owned())),
    Parameter {
        name: "maxclients",
        read: |_, server| Some(server?.max_connections().to_string()),
        set: Some(|value| {
            let clients = number(value, 1..=u32::MAX.into(), "argument must be between 1 and 4294967295 inclusive")?;
            Ok(Box::new(move |server| server.set_max_connections(clients as usize)))
        }),
    },
    Parameter {
        name: "timeout",
        read: |_, server| Some(server?.idle_timeout().map_or(0, |timeout| timeout.as_secs()).to_string()),
        set: Some(|value| {
            let seconds = number(value, 0..=i32::MAX.into(), "argument must be between 0 and 2147483647 inclusive")?;
            let timeout = (seconds > 0).then(|| Duration::from_secs(seconds as u64));
            Ok(Box::new(move |server| server.set_idle_timeout(timeout)))
        }),
    },
];

fn number(value: &[u8], range: RangeInclusive<i64>, failure: &'static str) -> Result<i64, &'static str> {
    let number = parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    range.contains(&number).then_some(number).ok_or(failure)
}

/// All parameters, by their names in lower case. Those of the program replace those of the store.
pub(super) fn parameters<'a>(
    store: &'a StoreState,
    server: Option<&'a ServerStatus>,
) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let given = store.config.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let is_given = |name: &str| store.config.iter().any(|(given, _)| given == name);
    let own = PARAMETERS.iter().filter(move |parameter| !is_given(parameter.name));
    given.chain(own.filter_map(move |parameter| Some((parameter.name, (parameter.read)(store, server)?))))
}

/// The value of a parameter.
pub(in super::super) fn value_of(store: &StoreState, name: &str) -> Option<String> {
    parameters(store, None).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// How a parameter of the server is set; `None` if there is no such parameter, or it is immutable.
pub(super) fn setter(name: &str) -> Option<Setter> {
    PARAMETERS.iter().find(|parameter| parameter.name == name)?.set
}
