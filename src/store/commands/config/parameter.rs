//! [`Parameter`]: a parameter that CONFIG reads and sets.

use std::{borrow::Cow, ops::RangeInclusive};

use kvstore_protocol::parse_integer;

use super::{
    bytes::parse_bytes,
    settable::SettableParameter,
    table::{PARAMETERS, find},
};
use crate::{
    server::ServerStatus,
    store::{state::StoreState, value::Threshold},
};

/// A configuration parameter.
pub(super) struct Parameter {
    /// In lower case.
    pub(super) name: &'static str,
    pub(super) value: Value,
}

/// How a parameter is read, and how it is set.
pub(super) enum Value {
    /// It cannot be set.
    Immutable(Read),
    OfServer(Read, fn(&[u8], &ServerStatus) -> Parsed<ServerChange>),
    /// Of the server, and of the store behind it.
    OfBoth(Read, fn(&[u8]) -> Parsed<ChangeOfBoth>),
    OfStore(Read, fn(&[u8]) -> Parsed<StoreChange>),
    /// Of a store that has a directory.
    Durable(Read, fn(&[u8]) -> Parsed<StoreChange>),
    /// Whether there is a journal.
    Journal(Read),
    Threshold(Threshold),
    /// Nothing depends on it, so that clients may set it: its default, and its form.
    Kept(&'static str, Form),
    /// It has this value. Another one asks for what this server does not have, in these words.
    Only(&'static str, &'static str),
    /// Another name of this parameter.
    Alias(&'static str),
}

/// Returns the value; `None` if nothing has the parameter: a store without a server has no clients.
pub(super) type Read = fn(&StoreState, Option<&ServerStatus>) -> Option<String>;

/// A parsed value, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, Cow<'static, str>>;

pub(super) type ServerChange = Box<dyn FnOnce(&ServerStatus)>;
pub(super) type ChangeOfBoth = Box<dyn FnOnce(&ServerStatus, &StoreState)>;
pub(super) type StoreChange = Box<dyn FnOnce(&StoreState)>;

/// What a value that is kept looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Flag,
    Number(i64, i64),
    Bytes,
    OneOf(&'static [&'static str]),
    Text,
}

/// A parsed value of a parameter.
pub(super) enum Change {
    OfServer(ServerChange),
    OfBoth(ChangeOfBoth),
    OfStore(StoreChange),
    Threshold(Threshold, i64),
    /// The journal ends or begins, which may fail.
    Journal(bool),
    /// It has the value already.
    None,
}

impl Parameter {
    /// The value; `None` if nothing has the parameter.
    fn read(&self, store: &StoreState, server: Option<&ServerStatus>) -> Option<String> {
        match &self.value {
            Value::Immutable(read)
            | Value::OfServer(read, _)
            | Value::OfBoth(read, _)
            | Value::OfStore(read, _)
            | Value::Durable(read, _)
            | Value::Journal(read) => read(store, server),
            Value::Threshold(threshold) => Some(store.thresholds.get(*threshold).to_string()),
            Value::Kept(default, _) => Some(store.kept.lock().get(self.name).cloned().unwrap_or((*default).to_owned())),
            Value::Only(value, _) => Some((*value).to_owned()),
            Value::Alias(name) => find(name)?.read(store, server),
        }
    }

    /// Whether it can be set, of this store and this server.
    fn is_settable(&self, store: &StoreState, server: Option<&ServerStatus>) -> bool {
        match &self.value {
            Value::Immutable(_) => false,
            Value::OfServer(..) | Value::OfBoth(..) => server.is_some(),
            Value::Durable(..) => store.snapshots.has_directory(),
            Value::OfStore(..) | Value::Journal(_) | Value::Threshold(_) => true,
            // What the program around the store tells of itself is so.
            Value::Kept(..) | Value::Only(..) => !is_given(store, self.name),
            Value::Alias(name) => find(name).is_some_and(|parameter| parameter.is_settable(store, server)),
        }
    }

    /// Parses a value, for one that is settable.
    fn parse(&'static self, value: &[u8], server: Option<&ServerStatus>) -> Parsed<Change> {
        match &self.value {
            Value::OfServer(_, parse) => match server {
                Some(server) => parse(value, server).map(Change::OfServer),
                None => Ok(Change::None),
            },
            Value::OfBoth(_, parse) => parse(value).map(Change::OfBoth),
            Value::OfStore(_, parse) | Value::Durable(_, parse) => parse(value).map(Change::OfStore),
            Value::Journal(_) => yes_or_no(value).map(Change::Journal),
            Value::Threshold(threshold @ Threshold::ListSize) => {
                Ok(Change::Threshold(*threshold, number(value, i32::MIN.into()..=i32::MAX.into())?))
            }
            Value::Threshold(threshold @ (Threshold::SparseHyperLogLog | Threshold::StreamBytes)) => {
                Ok(Change::Threshold(*threshold, bytes(value)?.try_into().unwrap_or(i64::MAX)))
            }
            Value::Threshold(threshold) => Ok(Change::Threshold(*threshold, number(value, 0..=i64::MAX)?)),
            Value::Kept(_, form) => {
                let (name, value) = (self.name, form.parse(value)?);
                Ok(Change::OfStore(Box::new(move |store| _ = store.kept.lock().insert(name, value))))
            }
            Value::Only(only, _) if value.eq_ignore_ascii_case(only.as_bytes()) => Ok(Change::None),
            Value::Only(_, reason) => Err((*reason).into()),
            Value::Immutable(_) | Value::Alias(_) => Ok(Change::None),
        }
    }
}

impl Form {
    /// The value as it is kept.
    fn parse(self, value: &[u8]) -> Parsed<String> {
        let text = || String::from_utf8_lossy(value).into_owned();
        match self {
            Self::Flag => yes_or_no(value).map(|is_on| show_flag(is_on).to_owned()),
            Self::Number(least, most) => number(value, least..=most).map(|number| number.to_string()),
            Self::Bytes => bytes(value).map(|bytes| bytes.to_string()),
            Self::OneOf(words) => {
                let found = words.iter().find(|word| value.eq_ignore_ascii_case(word.as_bytes()));
                let all = || format!("argument(s) must be one of the following: {}", words.join(", ")).into();
                found.map(|word| (*word).to_owned()).ok_or_else(all)
            }
            Self::Text => Ok(text()),
        }
    }
}

impl Change {
    /// Whether there is to be a journal, if it is that.
    pub(super) fn journal(&self) -> Option<bool> {
        if let Self::Journal(is_on) = self { Some(*is_on) } else { None }
    }

    pub(super) fn apply(self, store: &StoreState, server: Option<&ServerStatus>) {
        match (self, server) {
            (Self::Threshold(threshold, value), _) => store.thresholds.set(threshold, value),
            (Self::OfStore(change), _) => change(store),
            (Self::OfServer(change), Some(server)) => change(server),
            (Self::OfBoth(change), Some(server)) => change(server, store),
            // The journal was set before all others.
            (Self::Journal(_) | Self::OfServer(_) | Self::OfBoth(_) | Self::None, _) => {}
        }
    }
}

/// Whether the program around the store gives a parameter its value.
fn is_given(store: &StoreState, name: &str) -> bool {
    store.config.parameters().iter().any(|(given, _)| *given == name)
}

/// All parameters, by their names in lower case. Those of the program replace those of the store that cannot be set.
pub(super) fn parameters<'a>(
    store: &'a StoreState,
    server: Option<&'a ServerStatus>,
) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let is_settable = move |name: &str| find(name).is_some_and(|parameter| parameter.is_settable(store, server));
    let mut given = store.config.parameters();
    let own = PARAMETERS.iter().filter(|own| !given.iter().any(|(name, _)| *name == own.name) || is_settable(own.name));
    let own: Vec<_> = own.collect();
    given.retain(|(name, _)| !is_settable(name));
    given.into_iter().chain(own.into_iter().filter_map(move |own| Some((own.name, own.read(store, server)?))))
}

/// The value of a parameter.
pub(in super::super) fn value_of(store: &StoreState, name: &str) -> Option<String> {
    parameters(store, None).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The parameters that CONFIG SET takes a value for.
pub(super) fn all_settable() -> impl Iterator<Item = SettableParameter> {
    let settable = |name, is_of_server, has_effect| Some(SettableParameter { name, is_of_server, has_effect });
    PARAMETERS.iter().filter_map(move |own| match own.value {
        Value::OfServer(..) | Value::OfBoth(..) => settable(own.name, true, true),
        Value::OfStore(..) | Value::Durable(..) | Value::Journal(_) | Value::Threshold(_) => {
            settable(own.name, false, true)
        }
        Value::Kept(..) | Value::Only(..) => settable(own.name, false, false),
        Value::Immutable(_) | Value::Alias(_) => None,
    })
}

/// The other names of a parameter.
pub(super) fn aliases(name: &str) -> impl Iterator<Item = &'static str> {
    PARAMETERS.iter().filter(move |own| matches!(own.value, Value::Alias(of) if of == name)).map(|own| own.name)
}

/// Checks a value of a parameter that can be set.
pub(super) fn check(name: &str, value: &[u8]) -> Result<(), String> {
    let Some(parameter) = find(name) else { return Ok(()) };
    parameter.parse(value, Some(&ServerStatus::default())).map(drop).map_err(Cow::into_owned)
}

/// The parameter with this name, if it can be set. Another name of it will do.
pub(super) fn settable(name: &str, store: &StoreState, server: Option<&ServerStatus>) -> Option<Settable> {
    let parameter = find(name).filter(|parameter| parameter.is_settable(store, server))?;
    match parameter.value {
        Value::Alias(name) => settable(name, store, server),
        _ => Some(Settable(parameter)),
    }
}

/// Why a parameter cannot be set.
pub(super) fn why_immutable(name: &str, store: &StoreState) -> &'static str {
    match find(name).map(|parameter| &parameter.value) {
        Some(Value::Durable(..)) => {
            "there is no directory: the server was started without a journal and without save points"
        }
        _ if store.config.is_fixed(name) => "can't set immutable config: it is set at the start only",
        _ if ["replicaof", "slaveof"].contains(&name) => "can't set immutable config: REPLICAOF sets it",
        _ => "can't set immutable config: it has no other value here",
    }
}

/// A parameter that can be set.
#[derive(Clone, Copy)]
pub(super) struct Settable(&'static Parameter);

impl Settable {
    pub(super) fn name(self) -> &'static str {
        self.0.name
    }

    /// Parses a value; an error says what is wrong with it.
    pub(super) fn parse(self, value: &[u8], server: Option<&ServerStatus>) -> Parsed<Change> {
        self.0.parse(value, server)
    }
}

pub(super) fn show_flag(is_on: bool) -> &'static str {
    if is_on { "yes" } else { "no" }
}

pub(super) fn yes_or_no(value: &[u8]) -> Parsed<bool> {
    match () {
        () if value.eq_ignore_ascii_case(b"yes") => Ok(true),
        () if value.eq_ignore_ascii_case(b"no") => Ok(false),
        () => Err("argument must be 'yes' or 'no'".into()),
    }
}

pub(super) fn number(value: &[u8], range: RangeInclusive<i64>) -> Parsed<i64> {
    let number = parse_integer(value).ok_or("argument couldn't be parsed into an integer")?;
    let outside = || format!("argument must be between {} and {} inclusive", range.start(), range.end()).into();
    range.contains(&number).then_some(number).ok_or_else(outside)
}

pub(super) fn bytes(value: &[u8]) -> Parsed<usize> {
    parse_bytes(value).ok_or_else(|| "argument must be a memory value".into())
}

pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
