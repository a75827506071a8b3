//! CONFIG: the settings of the store, and those that the program around it told it of.

use kvstore_protocol::{CommandError, Response};

use super::strings;
use crate::store::{
    Shared,
    args::{Args, SYNTAX},
    context::Context,
    engine::Keyspace,
    glob,
    spec::{ADMIN, Answer, Arity, DANGEROUS, Spec},
};

pub(super) const SPECS: &[Spec] = &[CONFIG];

/// `CONFIG GET | SET | RESETSTAT | REWRITE`: settings and statistics.
const CONFIG: Spec = Spec::family(
    "CONFIG",
    &[
        Spec::over_store("GET", Arity::at_least(3), ADMIN.and(DANGEROUS), get),
        Spec::over_store("SET", Arity::at_least(4), ADMIN.and(DANGEROUS), set),
        Spec::over_store("RESETSTAT", Arity::exactly(2), ADMIN.and(DANGEROUS), resetstat),
        Spec::over_store("REWRITE", Arity::exactly(2), ADMIN.and(DANGEROUS), rewrite),
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
);

/// A setting of the store.
#[derive(Clone, Copy, Debug)]
struct Parameter {
    name: &'static str,
    read: fn(&Shared) -> String,
}

const fn parameter(name: &'static str, read: fn(&Shared) -> String) -> Parameter {
    Parameter { name, read }
}

/// The settings of the store. None changes while it runs.
static PARAMETERS: &[Parameter] = &[
    parameter("databases", |store| store.keyspaces().count().to_string()),
    parameter("proto-max-bulk-len", |_| strings::LONGEST.to_string()),
    // Nothing is written to disk, and nothing is evicted.
    parameter("save", |_| String::new()),
    parameter("appendonly", |_| "no".to_owned()),
    parameter("maxmemory", |_| "0".to_owned()),
    parameter("maxmemory-policy", |_| "noeviction".to_owned()),
];

/// Every setting by its name in lower case. What the program told goes before what the store says itself.
fn parameters(store: &Shared) -> impl Iterator<Item = (&str, String)> {
    let told = store.config.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let is_told = |name: &str| store.config.iter().any(|(told, _)| told == name);
    let own = PARAMETERS.iter().filter(move |parameter| !is_told(parameter.name));
    told.chain(own.map(|parameter| (parameter.name, (parameter.read)(store))))
}

/// The value of a setting.
pub(super) fn value_of(store: &Shared, name: &str) -> Option<String> {
    parameters(store).find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// `CONFIG GET pattern [pattern …]`: the settings whose name matches one.
fn get(_: &Context<'_>, args: &Args<'_>, store: &Shared) -> Answer {
    let patterns: Vec<_> = args.from(1).map(<[u8]>::to_ascii_lowercase).collect();
    let is_meant = |name: &str| patterns.iter().any(|pattern| glob::matches(pattern, name.as_bytes()));
    let found = parameters(store).filter(|(name, _)| is_meant(name));
    Ok(Response::Map(found.map(|(name, value)| (name.into(), value.into())).collect()))
}

/// `CONFIG SET name value [name value …]`: refused, whatever the setting.
fn set(_: &Context<'_>, args: &Args<'_>, store: &Shared) -> Answer {
    if args.len().is_multiple_of(2) {
        return Err(SYNTAX);
    }
    let name = String::from_utf8_lossy(args.bytes(1));
    Err(CommandError::err(match value_of(store, &name.to_ascii_lowercase()) {
        Some(_) => format!("CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config"),
        None => format!("Unknown option or number of arguments for CONFIG SET - '{name}'"),
    }))
}

/// `CONFIG RESETSTAT`: the counts of INFO start from 0.
fn resetstat(_: &Context<'_>, _: &Args<'_>, store: &Shared) -> Answer {
    store.keyspaces().for_each(Keyspace::reset_statistics);
    Ok(Response::ok())
}

/// `CONFIG REWRITE`: refused, since no setting changes.
fn rewrite(_: &Context<'_>, _: &Args<'_>, _: &Shared) -> Answer {
    Err(CommandError::err("The server is running without a config file"))
}

#[cfg(test)]
mod tests {
    use crate::store::{Store, testing::Bench};

    #[test]
    fn settings_are_found_by_patterns() {
        Bench::new().check([
            ("CONFIG GET save", "{\"save\": \"\"}"),
            ("CONFIG GET appendonly DATABASES", "{\"databases\": \"16\", \"appendonly\": \"no\"}"),
            ("CONFIG GET maxmemory*", "{\"maxmemory\": \"0\", \"maxmemory-policy\": \"noeviction\"}"),
            ("CONFIG GET nosuch", "{}"),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
        ]);
    }

    #[test]
    fn the_program_around_the_store_adds_settings_and_replaces_them() {
        Bench::new().check([("CONFIG GET p?rt", "{\"port\": \"7000\"}")]);
        let store = Store::builder().config("save", "60 1").config("SAVE", "").config("databases", "x").build();
        let answer = store.execute(&kvstore_protocol::Command::new("CONFIG").with_args(["GET", "[sd]a*"]));
        assert_eq!(answer.to_string(), "{\"save\": \"\", \"databases\": \"x\"}");
    }

    #[test]
    fn no_setting_can_be_set() {
        const IMMUTABLE: &str =
            "-ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config";
        Bench::new().check([
            ("CONFIG SET port 1", IMMUTABLE),
            ("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("CONFIG SET port", "-ERR wrong number of arguments for 'config|set' command"),
            ("CONFIG SET port 1 save", "-ERR syntax error"),
            ("CONFIG REWRITE", "-ERR The server is running without a config file"),
        ]);
    }

    #[test]
    fn resetstat_counts_from_zero_again() {
        let bench = Bench::new();
        bench.answer("GET missing");
        assert!(bench.answer("INFO stats").to_string().contains("keyspace_misses:1"));
        bench.check([("CONFIG RESETSTAT", "+OK")]);
        assert!(bench.answer("INFO stats").to_string().contains("keyspace_misses:0"));
    }
}
