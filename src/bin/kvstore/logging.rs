//! The log: lines on standard error, as text or as JSON.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt::format::FmtSpan};

/// The format of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[value(alias = "legacy")]
    Text,
    /// An object for each line.
    Json,
}

/// Starts to log what passes the filter.
///
/// # Errors
/// If the filter is none.
pub(crate) fn start(filter: &str, format: Format) -> Result<(), ParseError> {
    // The span of a command closes when it is answered, which logs the one line of the command.
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_span_events(FmtSpan::CLOSE);
    match format {
        Format::Text => log.init(),
        Format::Json => log.json().init(),
    }
    Ok(())
}
