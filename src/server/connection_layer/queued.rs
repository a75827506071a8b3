//! stub
use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Response, Session, catalog::Flags};

use super::table::find;

/// checks
pub fn queueable(command: &Command) -> Option<Result<(), CommandError>> {
    if !command.flags().has(Flags::CONNECTION) { return None }
    find(command).map(|_| Ok(()))
}

/// ran
#[derive(Debug)]
pub struct Queued {
    /// response
    pub response: Response,
    /// session
    pub session: Arc<Session>,
}

/// runs
pub fn run_queued(command: Command) -> Queued {
    let session = command.shared_session();
    let response = match find(&command).map(|found| found.answer(command)) {
        Some(super::Outcome::Answered(response)) => response,
        _ => Response::Null,
    };
    Queued { response, session }
}
