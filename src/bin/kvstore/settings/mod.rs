//! The settings of the program: from flags, environment variables and a file, in this order of precedence.
//!
//! `flags` defines them, `values` parses them, `given` is one with its place, `file` reads a file of them, in `toml` or
//! as a `redis_conf`; `environment` knows the variables that are no settings; `parameters` is what CONFIG has of them. `check` shows
//! them, with the `obstacles` of a start, and `rewrite` writes those that have changed.

mod check;
mod environment;
mod file;
mod flags;
mod given;
mod obstacles;
mod parameters;
mod redis_conf;
mod rewrite;
mod toml;
mod values;

use std::{ffi::OsString, path::Path};

use clap::{ArgMatches, Command, FromArgMatches, ValueEnum, builder::ValueParser};
use kvstore::store::SettableParameter;

use crate::{
    logging::{self, Format},
    transfer::Transfer,
};
use given::Given;

pub(crate) use check::Report;
pub(crate) use flags::{Arguments, Flags};
pub(crate) use rewrite::Rewriter;
pub(crate) use values::{Master, Port, RequestLimits};

/// What the program is asked to do.
pub(crate) enum Task {
    Serve(Box<Settings>),
    Check(Report),
    Transfer(Transfer),
}

/// The settings of the server.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) flags: Flags,
    /// What CONFIG SET sets at the start.
    pub(crate) parameters: Vec<(SettableParameter, String)>,
    /// What CONFIG GET shows, beside the parameters that the store and the server have.
    pub(crate) shown: Vec<(String, String)>,
    /// What the operator should know.
    pub(crate) notices: Vec<String>,
}

/// Reads the command line, the environment and the file. Ends the program after `--help` and after a flag that it does not have.
///
/// # Errors
/// All that is wrong, each with its place, and the format of the log.
pub(crate) fn read() -> Result<(Task, Format), (Vec<String>, Format)> {
    let command = flags::command();
    let matches = untyped(command.clone()).try_get_matches().unwrap_or_else(|error| end(&error));
    if matches.subcommand_name().is_some() {
        let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());
        if let Some(transfer) = arguments.transfer {
            return Ok((Task::Transfer(transfer), Format::Text));
        }
        return Err((Vec::new(), Format::Text));
    }
    let sources = Sources::new(command, &matches);
    if matches.get_flag("check") {
        return Ok((Task::Check(Report::new(sources)), Format::Text));
    }
    let format = sources.log_format();
    match sources.settings() {
        Ok(settings) => Ok((Task::Serve(Box::new(settings)), format)),
        Err(problems) => Err((problems, format)),
    }
}

/// Ends the program after `--help`, or with what is wrong with the command line.
fn end(error: &clap::Error) -> ! {
    if error.use_stderr() && logging::given_format() == Format::Json {
        logging::fatal(&given::in_one_line(error), Format::Json);
        std::process::exit(error.exit_code());
    }
    error.exit()
}

/// The command line with any text as a value, so that all mistakes are found and not only the first.
fn untyped(command: Command) -> Command {
    command.mut_args(|arg| match arg.get_action().takes_values() {
        true => arg.value_parser(ValueParser::os_string()),
        false => arg,
    })
}

/// All that is given, and what is wrong with it.
struct Sources {
    command: Command,
    given: Vec<Given>,
    notices: Vec<String>,
    problems: Vec<String>,
}

impl Sources {
    fn new(command: Command, matches: &ArgMatches) -> Self {
        let given: Vec<_> = command.get_arguments().filter_map(|arg| Given::from_matches(arg, matches)).collect();
        let (skipped, given) = given.into_iter().partition(environment::is_of_kubernetes);
        let mut sources = Self { command, given, notices: Vec::new(), problems: Vec::new() };
        sources.notices.extend(skipped.iter().map(environment::note_skipped));
        sources.notices.extend(environment::note_unknown(&sources.command));
        if let Some(path) = matches.get_raw("config").and_then(|mut paths| paths.next()) {
            sources.read_file(Path::new(path));
        }
        sources.check();
        sources
    }

    fn read_file(&mut self, path: &Path) {
        let contents = file::read(path, &self.command, &mut self.problems);
        self.given.extend(contents.given);
        if !contents.without_meaning.is_empty() {
            let mut names = contents.without_meaning;
            names.sort();
            names.dedup();
            self.notices.push(format!("{}: these have no meaning here: {}", path.display(), names.join(", ")));
        }
    }

    fn check(&mut self) {
        let problems = self.given.iter().filter_map(|given| given.check(&self.command).err());
        self.problems.extend(problems);
    }

    /// What holds: of each setting that of the highest precedence.
    fn effective(&self) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(|given| {
            !self.given.iter().any(|other| other.flag == given.flag && other.source.rank() > given.source.rank())
        })
    }

    /// The format of the log, also if something else is wrong.
    fn log_format(&self) -> Format {
        let given = self.effective().filter(|given| given.flag == "log-format").last();
        let name = given.and_then(|given| given.values.last()).map(|value| value.to_string_lossy());
        name.and_then(|name| Format::from_str(&name, false).ok()).unwrap_or(Format::Text)
    }

    fn settings(self) -> Result<Settings, Vec<String>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let typed = self.command.clone().mut_args(|arg| arg.env(None)).args_override_self(true);
        let words = [OsString::from("kvstore")].into_iter().chain(self.effective().flat_map(Given::words));
        let matches = typed.try_get_matches_from(words).map_err(|error| vec![given::in_one_line(&error)])?;
        let arguments = Arguments::from_arg_matches(&matches).map_err(|error| vec![given::in_one_line(&error)])?;
        Ok(Settings {
            flags: arguments.flags,
            parameters: parameters::to_set(&self.command, &matches),
            shown: parameters::to_show(&self.command, &matches),
            notices: self.notices,
        })
    }
}
