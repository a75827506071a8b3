use std::{sync::Arc, time::Duration};

use kvstore_protocol::{Command, CommandError, Session, nested::Inspect};

use super::{limiter::Limiter, refusal::refusal};

/// Counts the commands that a script runs, with the session of the script.
#[derive(Debug)]
struct Nested {
    limiter: Arc<Limiter>,
    session: Arc<Session>,
    number: u64,
}

/// Lets the limit count the commands that a script runs.
#[cold]
pub(super) fn with_inspector(script: Command, limiter: &Arc<Limiter>) -> Command {
    let (session, number) = (script.shared_session(), script.number());
    script.inspected_by(|| Arc::new(Nested { limiter: Arc::clone(limiter), session, number }))
}

impl Inspect for Nested {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        let nested = nested.clone().in_session(Arc::clone(&self.session), self.number);
        // A script is refused and never waits: it holds locks that other commands need.
        match self.limiter.count(&nested, Duration::ZERO) {
            Some(Err(wait)) => Err(refusal(wait)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}
