//! CONFIG: the parameters of the store, of the server in front of it, and of the program around both.

mod bytes;
mod output_limits;
mod parameter;
mod settable;
mod table;

use std::borrow::Cow;

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
use parameter::{Settable, parameters, settable, why_immutable};

pub use bytes::parse_bytes;
pub(super) use parameter::value_of;
pub use settable::{SettableParameter, is_parameter, settable_parameters};

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
    for Assignment { name, value, target } in &assignments {
        if let Target::Parameter(settable) = target {
            changes.push(settable.parse(value, server).map_err(|reason| set_failed(name, &reason))?);
        }
    }
    let of_program: Vec<_> = assignments.iter().filter_map(Assignment::of_program).collect();
    let of_program: Vec<_> = of_program.iter().map(|(name, value)| (&**name, &**value)).collect();
    let change_of_program = call.store().config.set(&of_program);
    let change_of_program = change_of_program.map_err(|reason| set_failed(of_program[0].0, &reason))?;
    let settled = settles(call.store());
    if let Some(is_on) = changes.iter().find_map(|change| change.journal()) {
        set_journal(call, is_on).map_err(|reason| set_failed("appendonly", &reason))?;
    }
    let apply = |call: &mut Call<'_>| {
        changes.into_iter().for_each(|change| change.apply(call.store(), server));
        change_of_program();
        if settles(call.store()) && !settled {
            settle_before(call.store());
        }
    };
    match assignments.iter().any(|assignment| OF_JOURNAL.contains(&&*assignment.name)) {
        // Whoever does not know that answers wait has committed before.
        true => call.under_all_locks(apply)?,
        false => apply(call),
    }
    Ok(Response::ok())
}

/// The parameters that say whether answers wait for the disk.
const OF_JOURNAL: [&str; 2] = ["appendonly", "appendfsync"];

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
fn settle_before(store: &StoreState) {
    if let Some(journal) = store.journal() {
        journal.settle_before(store.last_commit());
    }
}

/// A parameter, and the value that CONFIG SET gives it.
struct Assignment<'a> {
    /// In lower case.
    name: String,
    value: &'a [u8],
    target: Target,
}

/// What CONFIG SET gives a value.
enum Target {
    Parameter(Settable),
    /// A parameter of the program around the store.
    OfProgram,
    /// A parameter that cannot be set, and has this value already.
    Unchanged,
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
        if store.config.is_settable(&name) {
            return Ok(Self { name, value, target: Target::OfProgram });
        }
        if let Some(settable) = settable(&name, store, server) {
            let name = settable.name().to_owned();
            return Ok(Self { name, value, target: Target::Parameter(settable) });
        }
        match parameters(store, server).find(|(known, _)| *known == name) {
            // Programs set what they rely on, such as `save ""`, without asking first.
            Some((_, current)) if current.as_bytes() == value => Ok(Self { name, value, target: Target::Unchanged }),
            Some(_) => Err(set_failed(&asked, why_immutable(&name, store))),
            None => {
                let text = format!("Unknown option or number of arguments for CONFIG SET - '{asked}'");
                Err(CommandError::err(text))
            }
        }
    }
}

impl Assignment<'_> {
    /// The name and the value, for a parameter of the program.
    fn of_program(&self) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
        let is_of_program = matches!(self.target, Target::OfProgram);
        is_of_program.then(|| (Cow::from(&self.name), String::from_utf8_lossy(self.value)))
    }
}

fn set_failed(name: &str, reason: &str) -> CommandError {
    CommandError::err(format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}

/// `CONFIG RESETSTAT`: resets the statistics of INFO, including those of the server that the command came through.
fn resetstat(call: &mut Call<'_>) -> Answer {
    for database in 0..call.store().databases.len() {
        call.try_for_each_shard(database, |shard| {
            shard.set_statistics(Statistics::default());
            Ok(())
        })?;
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
    use std::sync::Arc;

    use parking_lot::Mutex;

    use crate::store::{ParameterChange, ProgramParameters, Store, testing::TestStore};

    #[test]
    fn parameters_are_found_by_name_and_by_pattern() {
        TestStore::new().check([
            ("CONFIG GET save", "{\"save\": \"\"}"),
            ("CONFIG GET appendonly databases", "{\"databases\": \"16\", \"appendonly\": \"no\"}"),
            ("CONFIG GET maxmemory-p*", "{\"maxmemory-policy\": \"noeviction\"}"),
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
        let answer = store.execute(&kvstore_protocol::Command::new("CONFIG").with_args(["GET", "[sd]a[vt]*"]));
        assert_eq!(answer.to_string(), "{\"save\": \"\", \"databases\": \"x\"}");
    }

    /// Parameters of which the values must be equal.
    #[derive(Debug)]
    struct Pair(Arc<Mutex<(String, String)>>);

    impl ProgramParameters for Pair {
        fn get(&self) -> Vec<(&'static str, String)> {
            let (one, two) = self.0.lock().clone();
            vec![("one", one), ("two", two)]
        }

        fn set(&self, values: &[(&str, &str)]) -> Result<ParameterChange, String> {
            let value = |name| values.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
            match (value("one"), value("two"), self.0.clone()) {
                (Some(one), Some(two), pair) if one == two => Ok(Box::new(move || *pair.lock() = (one, two))),
                _ => Err("they are not equal".to_owned()),
            }
        }
    }

    #[test]
    fn parameters_of_the_program_are_set_together_or_not_at_all() {
        let store = Store::builder().config("one", "fixed").parameters(Pair(Arc::default())).build();
        let ask = |text: &str| store.execute(&text.parse().expect("a command")).to_string();
        let refusal = "-ERR CONFIG SET failed (possibly related to argument 'two') - they are not equal";
        assert_eq!(ask("CONFIG SET one a TWO a list-compress-depth 1"), "+OK");
        assert_eq!(ask("CONFIG SET list-compress-depth 2 two b one c"), refusal);
        assert_eq!(ask("CONFIG SET two b"), refusal);
        let all = "{\"one\": \"a\", \"two\": \"a\", \"list-compress-depth\": \"1\"}";
        assert_eq!(ask("CONFIG GET one two list-compress-depth"), all);
    }

    #[test]
    fn an_immutable_parameter_is_refused() {
        const IMMUTABLE: &str = "-ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable \
                                 config: it is set at the start only";
        TestStore::new().check([
            ("CONFIG SET port 1", IMMUTABLE),
            ("CONFIG SET save '' port 7000 port 1", IMMUTABLE),
            ("CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"),
            ("CONFIG SET port", "-ERR wrong number of arguments for 'config|set' command"),
            ("CONFIG SET port 1 save", "-ERR syntax error"),
            (
                "CONFIG SET dbfilename x",
                "-ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set immutable config: it has \
                 no other value here",
            ),
            (
                "CONFIG SET save 60",
                "-ERR CONFIG SET failed (possibly related to argument 'save') - there is no directory: the server was \
                 started without a journal and without save points",
            ),
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
    fn a_value_that_nothing_depends_on_is_kept() {
        let form = |reason: &str| format!("-ERR CONFIG SET failed (possibly related to argument 'hz') - {reason}");
        TestStore::new().check([
            ("CONFIG GET hz activerehashing", "{\"activerehashing\": \"yes\", \"hz\": \"10\"}"),
            ("CONFIG SET hz 100 activerehashing NO loglevel DEBUG", "+OK"),
            (
                "CONFIG GET hz loglevel activerehashing",
                "{\"activerehashing\": \"no\", \"loglevel\": \"debug\", \"hz\": \"100\"}",
            ),
            ("CONFIG SET hz 1000", &*form("argument must be between 1 and 500 inclusive")),
            ("CONFIG SET hz many", &*form("argument couldn't be parsed into an integer")),
            (
                "CONFIG SET loglevel loud",
                "-ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be one of the following: \
                 debug, verbose, notice, warning, nothing",
            ),
        ]);
    }

    #[test]
    fn what_is_not_there_is_refused_in_words() {
        TestStore::new().check([
            ("CONFIG SET aof-timestamp-enabled no", "+OK"),
            (
                "CONFIG SET aof-timestamp-enabled yes",
                "-ERR CONFIG SET failed (possibly related to argument 'aof-timestamp-enabled') - the records of the journal \
                 have times already, in another form",
            ),
            // All or nothing.
            (
                "CONFIG SET hz 100 maxmemory 1gb",
                "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - a limit of the memory, and eviction, are \
                 not available",
            ),
            ("CONFIG GET hz", "{\"hz\": \"10\"}"),
        ]);
    }

    #[test]
    fn commands_write_while_all_are_logged_as_slow() {
        TestStore::new().check([
            ("CONFIG SET slowlog-log-slower-than 0", "+OK"),
            ("SET k 1", "+OK"),
            ("GET k", "\"1\""),
        ]);
    }

    #[test]
    fn a_parameter_has_other_names() {
        TestStore::new().check([
            ("CONFIG SET slave-read-only no", "+OK"),
            ("CONFIG GET replica-read-only", "{\"replica-read-only\": \"no\"}"),
            ("CONFIG GET slave-read-only", "{\"slave-read-only\": \"no\"}"),
            (
                "CONFIG SET slave-read-only no replica-read-only no",
                "-ERR CONFIG SET failed (possibly related to argument 'replica-read-only') - duplicate parameter",
            ),
            ("CONFIG SET hash-max-ziplist-entries 5", "+OK"),
            ("CONFIG GET hash-max-listpack-entries", "{\"hash-max-listpack-entries\": \"5\"}"),
        ]);
    }

    #[test]
    fn what_the_program_tells_of_itself_cannot_be_set() {
        let store = Store::builder().config("tcp-backlog", "7").config("hz", "7").build();
        let config =
            |words: &[&str]| store.execute(&kvstore_protocol::Command::new("CONFIG").with_args(words)).to_string();
        assert_eq!(config(&["GET", "hz", "tcp-backlog"]), "{\"tcp-backlog\": \"7\", \"hz\": \"7\"}");
        assert!(config(&["SET", "hz", "8"]).contains("immutable"));
        assert_eq!(config(&["SET", "hz", "7"]), "+OK");
    }

    #[test]
    fn every_parameter_can_be_set_to_the_value_that_it_has() {
        let store = TestStore::new();
        let kvstore_protocol::Response::Map(all) = store.answer("CONFIG GET *") else { panic!("a map") };
        assert!(all.len() > 150, "{}", all.len());
        for (name, value) in &all {
            let [name, value] = [name, value].map(|word| word.as_bytes().expect("text"));
            let set = kvstore_protocol::Command::new("CONFIG").with_args([b"SET", name, value]);
            assert_eq!(store.answer_to(set).to_string(), "+OK", "{}", name.escape_ascii());
        }
        let names: std::collections::HashSet<_> = all.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names.len(), all.len());
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
