//! CONFIG: the parameters of the store, of the server in front of it, and of the program around both.

mod bytes;
mod output_limits;
mod parameters;
mod settable;

use kvstore_protocol::{CommandError, Pattern, Response};

use crate::{
    server::ServerStatus,
    store::{
        args::Args,
        call::Call,
        journal::Journal,
        shard::Statistics,
        spec::{Answer, Hold::InTurn, Scope, Spec},
        state::{RewriteConfig, StoreState},
    },
};
use parameters::{Settable, parameters, settable};

pub use bytes::parse_bytes;
pub(super) use parameters::value_of;
pub use settable::{SettableParameter, settable_parameters};

pub(super) const SPECS: &[Spec] = &[CONFIG];

/// `CONFIG GET | SET | RESETSTAT | REWRITE`: the configuration, and the statistics of INFO.
const CONFIG: Spec = Spec::family(
    "CONFIG",
    &[
        Spec::new("GET", get),
        // Over all shards for the settings of the journal.
        Spec::new("SET", set).over(Scope::All(InTurn)).long_if(sets_journal),
        Spec::new("RESETSTAT", resetstat).over(Scope::All(InTurn)),
        Spec::new("REWRITE", rewrite),
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

/// `CONFIG GET parameter [parameter …]`: the parameters with these names, or that match these patterns.
fn get(call: &mut Call<'_>) -> Answer {
    let queries: Vec<_> = call.args().from(1).map(Query::new).collect();
    let found = parameters(call.store(), call.session().extensions().get()).filter_map(|(name, value)| {
        let shown = queries.iter().find_map(|query| query.shown(name))?;
        Some((shown, value.into()))
    });
    Ok(Response::Map(found.collect()))
}

/// An argument of CONFIG GET.
enum Query<'a> {
    Name(&'a [u8]),
    /// In lower case.
    Pattern(Pattern<'static>),
}

impl<'a> Query<'a> {
    fn new(word: &'a [u8]) -> Self {
        match word.iter().any(|byte| b"[*?".contains(byte)) {
            true => Self::Pattern(Pattern::new(word.to_ascii_lowercase())),
            false => Self::Name(word),
        }
    }

    /// The name of a parameter as it is answered, if this asks for it: in the spelling of the client, or for a pattern in
    /// lower case.
    fn shown(&self, name: &str) -> Option<Response> {
        match self {
            Self::Name(word) => word.eq_ignore_ascii_case(name.as_bytes()).then(|| (*word).into()),
            Self::Pattern(pattern) => pattern.matches(name.as_bytes()).then(|| name.into()),
        }
    }
}

/// `CONFIG SET parameter value [parameter value …]`: sets all of the parameters, or none. An immutable parameter can be set
/// to the value that it has.
fn set(call: &mut Call<'_>) -> Answer {
    let server = call.session().extensions().get::<ServerStatus>();
    let assignments = Assignment::parse(&call.args(), call.store(), server)?;
    let mut changes = Vec::new();
    for Assignment { name, value, settable } in &assignments {
        if let Some(settable) = settable {
            changes.push(settable.parse(value).map_err(|reason| set_failed(name, reason))?);
        }
    }
    let settled = settles(call.store());
    if let Some(is_on) = changes.iter().find_map(|change| change.journal()) {
        set_journal(call, is_on).map_err(|reason| set_failed("appendonly", &reason))?;
    }
    changes.into_iter().for_each(|change| change.apply(call.store(), server));
    if settles(call.store()) && !settled {
        settle_before(call);
    }
    Ok(Response::ok())
}

/// Whether CONFIG SET sets `appendonly`: that waits for the disk.
fn sets_journal(args: &Args<'_>) -> bool {
    args.from(1).step_by(2).any(|name| name.eq_ignore_ascii_case(b"appendonly"))
}

fn set_journal(call: &Call<'_>, is_on: bool) -> Result<(), String> {
    match call.holds_shards() {
        true if call.store().journal().is_some() != is_on => Err(IN_TRANSACTION.to_owned()),
        _ => call.store().set_journal(is_on),
    }
}

const IN_TRANSACTION: &str = "it waits for the disk, and cannot be set inside of MULTI or a script";

/// Whether answers wait for the disk.
fn settles(store: &StoreState) -> bool {
    store.journal().is_some_and(Journal::settles)
}

/// Lets answers wait for the disk from now on: that of this command for all that was committed before.
fn settle_before(call: &mut Call<'_>) {
    // Whoever did not know has committed when its locks are free.
    for database in 0..call.store().databases.len() {
        call.for_each_shard(database, |_| {});
    }
    if let Some(journal) = call.store().journal() {
        journal.settle_before(call.store().last_commit());
    }
}

/// A parameter, and the value that CONFIG SET gives it.
struct Assignment<'a> {
    /// In lower case.
    name: String,
    value: &'a [u8],
    /// `None` for an immutable parameter that has this value already.
    settable: Option<Settable>,
}

impl<'a> Assignment<'a> {
    fn parse(args: &Args<'a>, store: &StoreState, server: Option<&ServerStatus>) -> Result<Vec<Self>, CommandError> {
        let words: Vec<_> = args.from(1).collect();
        if words.len() % 2 == 1 {
            return Err(CommandError::SYNTAX);
        }
        let mut assignments = Vec::<Self>::new();
        for pair in words.chunks_exact(2) {
            let assignment = Self::new(pair[0], pair[1], store, server)?;
            if assignments.iter().any(|other| other.name == assignment.name) {
                return Err(set_failed(&String::from_utf8_lossy(pair[0]), "duplicate parameter"));
            }
            assignments.push(assignment);
        }
        Ok(assignments)
    }

    fn new(
        word: &[u8],
        value: &'a [u8],
        store: &StoreState,
        server: Option<&ServerStatus>,
    ) -> Result<Self, CommandError> {
        let asked = String::from_utf8_lossy(word);
        let name = asked.to_ascii_lowercase();
        if let Some(settable) = settable(&name, store, server) {
            return Ok(Self { name, value, settable: Some(settable) });
        }
        match parameters(store, server).find(|(known, _)| *known == name) {
            // Programs set what they rely on, such as `save ""`, without asking first.
            Some((_, current)) if current.as_bytes() == value => Ok(Self { name, value, settable: None }),
            Some(_) => Err(set_failed(&asked, "can't set immutable config")),
            None => {
                let text = format!("Unknown option or number of arguments for CONFIG SET - '{asked}'");
                Err(CommandError::err(text))
            }
        }
    }
}

fn set_failed(name: &str, reason: &str) -> CommandError {
    CommandError::err(format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}

/// `CONFIG RESETSTAT`: resets the statistics of INFO, including those of the server that the command came through.
fn resetstat(call: &mut Call<'_>) -> Answer {
    for database in 0..call.store().databases.len() {
        call.for_each_shard(database, |shard| shard.set_statistics(Statistics::default()));
    }
    if let Some(server) = call.session().extensions().get::<ServerStatus>() {
        server.reset_counts();
    }
    Ok(Response::ok())
}

/// `CONFIG REWRITE`: writes the parameters to the file that they came from.
fn rewrite(call: &mut Call<'_>) -> Answer {
    let Some(RewriteConfig(rewrite)) = call.store().rewrite.get() else {
        return Err(CommandError::err("The server is running without a config file"));
    };
    let parameters = parameters(call.store(), call.session().extensions().get());
    let parameters: Vec<_> = parameters.map(|(name, value)| (name.to_owned(), value)).collect();
    match rewrite(&parameters) {
        Ok(()) => Ok(Response::ok()),
        Err(error) => Err(CommandError::err(format!("Rewriting config file: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Store, testing::TestStore};

    #[test]
    fn parameters_are_found_by_name_and_by_pattern() {
        TestStore::new().check([
            ("CONFIG GET save", "{\"save\": \"\"}"),
            ("CONFIG GET appendonly databases", "{\"databases\": \"16\", \"appendonly\": \"no\"}"),
            ("CONFIG GET maxmemory*", "{\"maxmemory\": \"0\", \"maxmemory-policy\": \"noeviction\"}"),
            ("CONFIG GET nosuch", "{}"),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
        ]);
    }

    #[test]
    fn a_name_is_answered_as_it_was_spelled_first_and_a_pattern_with_the_lower_case_name() {
        TestStore::new().check([
            ("CONFIG GET SAVE", "{\"SAVE\": \"\"}"),
            ("CONFIG GET Save SAVE", "{\"Save\": \"\"}"),
            ("CONFIG GET SAV*", "{\"save\": \"\"}"),
            ("CONFIG GET sav? SAVE", "{\"save\": \"\"}"),
            ("CONFIG GET SAVE sav?", "{\"SAVE\": \"\"}"),
            ("CONFIG GET PORT", "{\"PORT\": \"7000\"}"),
            ("CONFIG GET sav\\e", "{}"),
        ]);
    }

    #[test]
    fn a_parameter_is_set_once_in_a_command() {
        let duplicate = |name: &str| {
            format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - duplicate parameter")
        };
        TestStore::new().check([
            ("CONFIG SET save '' save ''", &*duplicate("save")),
            ("CONFIG SET save '' appendonly no SAVE ''", &*duplicate("SAVE")),
            ("CONFIG SET save '' save '' nosuch 1", &*duplicate("save")),
            (
                "CONFIG SET nosuch 1 save '' save ''",
                "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
            ),
        ]);
    }

    #[test]
    fn the_program_around_the_store_adds_and_replaces_parameters() {
        TestStore::new().check([("CONFIG GET p?rt", "{\"port\": \"7000\"}")]);
        let store = Store::builder().config("save", "60 1").config("SAVE", "").config("databases", "x").build();
        let answer = store.execute(&kvstore_protocol::Command::new("CONFIG").with_args(["GET", "[sd]a*"]));
        assert_eq!(answer.to_string(), "{\"save\": \"\", \"databases\": \"x\"}");
    }

    #[test]
    fn an_immutable_parameter_is_refused() {
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
    fn an_immutable_parameter_can_be_set_to_its_value() {
        TestStore::new().check([
            ("CONFIG SET save ''", "+OK"),
            ("CONFIG SET appendonly no maxmemory 0 Maxmemory-Policy noeviction", "+OK"),
            ("CONFIG SET PORT 7000", "+OK"),
        ]);
    }

    #[test]
    fn the_compression_of_lists_can_be_set() {
        TestStore::new().check([
            ("CONFIG GET list-compress-depth", "{\"list-compress-depth\": \"0\"}"),
            ("CONFIG SET list-compress-depth 2", "+OK"),
            ("CONFIG GET list-compress-depth", "{\"list-compress-depth\": \"2\"}"),
        ]);
    }

    #[test]
    fn rewrite_gives_the_parameters_to_the_program() {
        let store = Store::new();
        let rewrite = || store.execute(&"CONFIG REWRITE".parse().expect("a command")).to_string();
        assert_eq!(rewrite(), "-ERR The server is running without a config file");
        store.on_config_rewrite(|parameters| {
            let (_, databases) = parameters.iter().find(|(name, _)| name == "databases").expect("a parameter");
            Err(std::io::Error::other(format!("no room for {databases}")))
        });
        assert_eq!(rewrite(), "-ERR Rewriting config file: no room for 16");
    }

    #[test]
    fn resetstat_resets_the_statistics() {
        let store = TestStore::new();
        store.answer("GET missing");
        assert!(store.answer("INFO stats").to_string().contains("keyspace_misses:1"));
        store.check([("CONFIG RESETSTAT", "+OK")]);
        assert!(store.answer("INFO stats").to_string().contains("keyspace_misses:0"));
    }
}
