//! The log: lines on standard error, as text or as JSON. CONFIG SET changes its level.

use std::{
    env, fmt,
    io::{self, IsTerminal},
    sync::Arc,
};

use clap::ValueEnum;
use kvstore::store::{ParameterChange, ProgramParameters};
use parking_lot::Mutex;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default, with_default};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt::format::FmtSpan};

/// The format of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[value(alias = "legacy")]
    Text,
    /// An object for each line.
    Json,
}

/// What is wrong with the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(transparent)]
    Filter(#[from] ParseError),
    #[error(transparent)]
    Started(#[from] SetGlobalDefaultError),
}

/// Starts to log what passes the filter.
///
/// # Errors
/// If the filter is none.
pub(crate) fn start(filter: &str, format: Format) -> Result<LogLevel, LogError> {
    // The span of a command closes when it is answered, which logs the one line of the command.
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_span_events(FmtSpan::CLOSE);
    let parsed = EnvFilter::try_new(filter)?;
    let replace: Replace = match format {
        Format::Text => {
            let log = log.with_env_filter(parsed).with_filter_reloading();
            let handle = log.reload_handle();
            set_global_default(log.finish())?;
            Box::new(move |filter| _ = handle.reload(filter))
        }
        Format::Json => {
            let log = log.json().with_env_filter(parsed).with_filter_reloading();
            let handle = log.reload_handle();
            set_global_default(log.finish())?;
            Box::new(move |filter| _ = handle.reload(filter))
        }
    };
    Ok(LogLevel(Arc::new(Shared { filter: Mutex::new(filter.to_owned()), replace })))
}

/// Logs why the program ends, whether the log was started or not, and whatever it leaves out.
pub(crate) fn fatal(text: &str, format: Format) {
    match format {
        #[expect(clippy::print_stderr, reason = "the error of a program that could not start")]
        Format::Text => eprintln!("kvstore: {text}"),
        Format::Json => {
            let log = tracing_subscriber::fmt().json().with_writer(io::stderr).finish();
            with_default(log, || tracing::error!("{text}"));
        }
    }
}

/// The format that the command line or the environment names, for an error in one of these.
pub(crate) fn given_format() -> Format {
    let words: Vec<_> = env::args().collect();
    let flag = words.iter().rev().find_map(|word| word.strip_prefix("--log-format="));
    let flag = flag.or_else(|| words.windows(2).rev().find(|pair| pair[0] == "--log-format").map(|pair| &*pair[1]));
    let given = flag.map(str::to_owned).or_else(|| env::var("KVSTORE_LOG_FORMAT").ok());
    given.and_then(|name| Format::from_str(&name, false).ok()).unwrap_or(Format::Text)
}

/// The level of the log, which CONFIG reads and sets.
#[derive(Clone, Debug)]
pub(crate) struct LogLevel(Arc<Shared>);

struct Shared {
    filter: Mutex<String>,
    replace: Replace,
}

type Replace = Box<dyn Fn(EnvFilter) + Send + Sync>;

impl ProgramParameters for LogLevel {
    fn get(&self) -> Vec<(&'static str, String)> {
        vec![("loglevel", name_of(&self.0.filter.lock()).to_owned())]
    }

    fn set(&self, values: &[(&str, &str)]) -> Result<ParameterChange, String> {
        let Some((_, value)) = values.first() else { return Ok(Box::new(|| ())) };
        let filter = filter_of(value)?;
        let (parsed, shared) = (EnvFilter::try_new(&filter).map_err(|error| error.to_string())?, self.0.clone());
        Ok(Box::new(move || {
            *shared.filter.lock() = filter;
            (shared.replace)(parsed);
        }))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// The levels of Redis, and the filters that they are.
const LEVELS: [(&str, &str); 5] =
    [("debug", "debug"), ("verbose", "info"), ("notice", "info"), ("warning", "warn"), ("nothing", "off")];

/// The filter of a level by the name that Redis has for it, or a filter.
///
/// # Errors
/// If it is neither.
pub(crate) fn filter_of(text: &str) -> Result<String, String> {
    let level = LEVELS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    let filter = level.map_or(text, |(_, filter)| filter);
    EnvFilter::try_new(filter).map(|_| filter.to_owned()).map_err(|error| error.to_string())
}

/// The name that Redis has for a filter, if it has one.
fn name_of(filter: &str) -> &str {
    LEVELS.iter().rev().find(|(_, known)| *known == filter).map_or(filter, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_the_names_of_redis_too() {
        let filters = ["notice", "WARNING", "debug", "nothing", "kvstore=debug"].map(|text| filter_of(text).unwrap());
        assert_eq!(filters, ["info", "warn", "debug", "off", "kvstore=debug"]);
        assert_eq!(
            ["info", "warn", "debug", "off", "error"].map(name_of),
            ["notice", "warning", "debug", "nothing", "error"]
        );
        assert!(filter_of("kvstore=loud").is_err());
    }
}
