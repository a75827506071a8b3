//! CONFIG: the settings of the store, and those that the program around it told it of.

use std::{ops::RangeInclusive, time::Duration};

use kvstore_protocol::{CommandError, Pattern, Response, parse_integer};

use super::strings;
use crate::{
    server::ServerStatus,
    store::{
        args::Args,
        context::Context,
        database::Database,
        spec::{ADMIN, Answer, Arity, DANGEROUS, Spec},
        state::StoreState,
    },
};

pub(super) const SPECS: &[Spec] = &[CONFIG];

/// `CONFIG GET | SET | RESETSTAT | REWRITE`: settings and statistics.
const CONFIG: Spec = Spec::family(
    "CONFIG",
    &[
        Spec::over_store("GET", Arity::at_least(3), ADMIN.and(DANGEROUS), get)
            .about("Returns the settings whose names match a pattern.", "2.0.0"),
        Spec::over_store("SET", Arity::at_least(4), ADMIN.and(DANGEROUS), set)
            .about("Sets settings while the server runs.", "2.0.0"),
        Spec::over_store("RESETSTAT", Arity::exactly(2), ADMIN.and(DANGEROUS), resetstat)
            .about("Lets the counts of INFO start from 0.", "2.0.0"),
        Spec::over_store("REWRITE", Arity::exactly(2), ADMIN.and(DANGEROUS), rewrite)
            .about("Writes the settings to the configuration file.", "2.8.0"),
        Spec::help(&[
            "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "GET <pattern>",
            "    Return parameters matching the glob-like <pattern> and their values.",
            "SET <directive> <value>",
            "    Set the configuration <directive> to <value>.",
            "RESETSTAT",
            "    Reset statistics reported by the INFO command.",
            "REWRITE",
            "    Rewrite the configuration file.",
        ]),
    ],
)
.about("Settings and counts of the server.", "2.0.0");

/// A setting: how it is read, and how it is set where that is possible.
#[derive(Clone, Copy)]
struct Parameter {
    name: &'static str,
    /// `None` where there is nothing that has the setting: a store without a server has no clients.
    read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>,
    set: Option<SetParameter>,
}

/// Checks a value, and comes back with what sets it.
type SetParameter = fn(&[u8]) -> Result<Apply, &'static str>;
type Apply = Box<dyn FnOnce(&ServerStatus)>;

const fn fixed(name: &'static str, read: fn(&StoreState, Option<&ServerStatus>) -> Option<String>) -> Parameter {
    Parameter { name, read, set: None }
}

/// The settings of the store, and of the server in front of it that can be set.
static PARAMETERS: &[Parameter] = &[
    fixed("databases", |store, _| Some(store.databases.len().to_string())),
    fixed("proto-max-bulk-len", |_, _| Some(strings::MAX_LENGTH.to_string())),
    // Nothing is written to disk, and nothing is evicted.
    fixed("save", |_, _| Some(String::new())),
    fixed("appendonly", |_, _| Some("no".to_owned())),
    fixed("maxmemory", |_, _| Some("0".to_owned())),
    fixed("maxmemory-policy", |_, _| Some("noeviction".to_owned())),
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

/// Every setting by its name in lower case. What the program told goes before what the store says itself.
fn parameters<'a>(
    store: &'a StoreState,
    server: Option<&'a ServerStatus>,
) -> impl Iterator<Item = (&'a str, String)> + use<'a> {
    let told = store.config.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let is_told = |name: &str| store.config.iter().any(|(told, _)| told == name);
    let own = PARAMETERS.iter().filter(move |parameter| !is_told(parameter.name));
    told.chain(own.filter_map(move |parameter| Some((parameter.name, (parameter.read)(store, server)?))))
}

/// The value of a setting.
pub(super) fn value_of(store: &StoreState, name: &str) -> Option<String> {
    parameters(store, None).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// `CONFIG GET pattern [pattern …]`: the settings whose name matches one.
fn get(context: &Context<'_>, args: &Args<'_>, store: &StoreState) -> Answer {
    let patterns: Vec<_> = args.from(1).map(<[u8]>::to_ascii_lowercase).collect();
    let patterns: Vec<_> = patterns.iter().map(|pattern| Pattern::new(&**pattern)).collect();
    let is_meant = |name: &str| patterns.iter().any(|pattern| pattern.matches(name.as_bytes()));
    let found = parameters(store, context.session().get()).filter(|(name, _)| is_meant(name));
    Ok(Response::Map(found.map(|(name, value)| (name.into(), value.into())).collect()))
}

/// `CONFIG SET name value [name value …]`: all of them, or none. A setting that is fixed can be set to what it is.
fn set(context: &Context<'_>, args: &Args<'_>, store: &StoreState) -> Answer {
    if args.len().is_multiple_of(2) {
        return Err(CommandError::SYNTAX);
    }
    let server = context.session().get::<ServerStatus>();
    let words: Vec<_> = args.from(1).collect();
    let mut changes = Vec::new();
    for pair in words.chunks_exact(2) {
        let name = String::from_utf8_lossy(pair[0]).to_ascii_lowercase();
        let failed =
            |reason| CommandError::err(format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"));
        let known = PARAMETERS.iter().find(|parameter| parameter.name == name);
        if let Some((set, _)) = known.and_then(|parameter| parameter.set).zip(server) {
            changes.push(set(pair[1]).map_err(failed)?);
            continue;
        }
        match parameters(store, server).find(|(known, _)| *known == name) {
            // Programs set what they rely on, `save ""` say, without asking first.
            Some((_, value)) if value.as_bytes() == pair[1] => {}
            Some(_) => return Err(failed("can't set immutable config")),
            None => {
                let asked = String::from_utf8_lossy(pair[0]);
                let text = format!("Unknown option or number of arguments for CONFIG SET - '{asked}'");
                return Err(CommandError::err(text));
            }
        }
    }
    if let Some(server) = server {
        changes.into_iter().for_each(|change| change(server));
    }
    Ok(Response::ok())
}

/// `CONFIG RESETSTAT`: the counts of INFO start from 0, those of the server that the command came through included.
fn resetstat(context: &Context<'_>, _: &Args<'_>, store: &StoreState) -> Answer {
    store.databases.iter().for_each(Database::reset_statistics);
    if let Some(server) = context.session().get::<ServerStatus>() {
        server.reset_counts();
    }
    Ok(Response::ok())
}

/// `CONFIG REWRITE`: refused, since the store has no file to write to.
fn rewrite(_: &Context<'_>, _: &Args<'_>, _: &StoreState) -> Answer {
    Err(CommandError::err("The server is running without a config file"))
}

#[cfg(test)]
mod tests {
    use crate::store::{Store, testing::TestStore};

    #[test]
    fn settings_are_found_by_patterns() {
        TestStore::new().check([
            ("CONFIG GET save", "{\"save\": \"\"}"),
            ("CONFIG GET appendonly DATABASES", "{\"databases\": \"16\", \"appendonly\": \"no\"}"),
            ("CONFIG GET maxmemory*", "{\"maxmemory\": \"0\", \"maxmemory-policy\": \"noeviction\"}"),
            ("CONFIG GET nosuch", "{}"),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
        ]);
    }

    #[test]
    fn the_program_around_the_store_adds_settings_and_replaces_them() {
        TestStore::new().check([("CONFIG GET p?rt", "{\"port\": \"7000\"}")]);
        let store = Store::builder().config("save", "60 1").config("SAVE", "").config("databases", "x").build();
        let answer = store.execute(&kvstore_protocol::Command::new("CONFIG").with_args(["GET", "[sd]a*"]));
        assert_eq!(answer.to_string(), "{\"save\": \"\", \"databases\": \"x\"}");
    }

    #[test]
    fn a_setting_that_is_fixed_is_refused() {
        const IMMUTABLE: &str =
            "-ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config";
        TestStore::new().check([
            ("CONFIG SET port 1", IMMUTABLE),
            ("CONFIG SET save '' port 7000 port 1", IMMUTABLE),
            ("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("CONFIG SET port", "-ERR wrong number of arguments for 'config|set' command"),
            ("CONFIG SET port 1 save", "-ERR syntax error"),
            ("CONFIG REWRITE", "-ERR The server is running without a config file"),
        ]);
    }

    #[test]
    fn a_setting_that_is_fixed_can_be_set_to_what_it_is() {
        TestStore::new().check([
            ("CONFIG SET save ''", "+OK"),
            ("CONFIG SET appendonly no maxmemory 0 Maxmemory-Policy noeviction", "+OK"),
            ("CONFIG SET PORT 7000", "+OK"),
        ]);
    }

    #[test]
    fn resetstat_counts_from_zero_again() {
        let store = TestStore::new();
        store.answer("GET missing");
        assert!(store.answer("INFO stats").to_string().contains("keyspace_misses:1"));
        store.check([("CONFIG RESETSTAT", "+OK")]);
        assert!(store.answer("INFO stats").to_string().contains("keyspace_misses:0"));
    }
}
