//! The exit codes of the program, which are those of `sysexits.h`, and the errors that they are of.

use std::{error::Error, fmt, process::ExitCode};

use kvstore::store::{OpenError, RepairError};

use crate::{
    check,
    listen::CannotListen,
    logging::{self, Format},
};

/// The codes, for `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0   it was stopped, or --check has found nothing
  2   the command line has a flag that does not exist
  65  the data is damaged, or of another version
  69  an address or a socket cannot be listened on
  70  a command has failed while it changed the data; a start reads it as it was before
  74  a file of the data cannot be read or written
  75  another process uses the directory
  78  a setting is wrong
  1   anything else";

/// After a command has failed while it changed the data.
pub(crate) const DAMAGED: i32 = 70;

const DATA: u8 = 65;
const UNAVAILABLE: u8 = 69;
const DISK: u8 = 74;
const IN_USE: u8 = 75;
const SETTINGS: u8 = 78;

/// What is wrong with the settings, a line for each.
#[derive(Debug)]
pub(crate) struct InvalidSettings(pub(crate) Vec<String>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\nkvstore: "))
    }
}

impl Error for InvalidSettings {}

/// What is wrong with the data, for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DamagedData(pub(crate) String);

/// Says why the program could not start or go on: in JSON a line for each problem.
pub(crate) fn report(error: &(dyn Error + 'static), format: Format) {
    match (error.downcast_ref(), format) {
        (Some(InvalidSettings(problems)), Format::Json) => {
            problems.iter().for_each(|problem| logging::fatal(problem, format));
        }
        _ => logging::fatal(&format!("{error}{}", check::advice(error)), format),
    }
}

/// The exit code of a program that could not start or go on.
pub(crate) fn code_of(error: &(dyn Error + 'static)) -> ExitCode {
    if error.is::<InvalidSettings>() {
        return SETTINGS.into();
    }
    if error.is::<CannotListen>() {
        return UNAVAILABLE.into();
    }
    if error.is::<DamagedData>() {
        return DATA.into();
    }
    let opening = match error.downcast_ref() {
        Some(RepairError::Open(opening) | RepairError::NeedsBackup(opening)) => Some(opening),
        _ => error.downcast_ref(),
    };
    match opening {
        Some(OpenError::Damaged { .. } | OpenError::Version { .. }) => DATA.into(),
        Some(OpenError::Io { .. }) => DISK.into(),
        Some(OpenError::Locked { .. }) => IN_USE.into(),
        _ => ExitCode::FAILURE,
    }
}
