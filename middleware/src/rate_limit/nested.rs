use std::{sync::Arc, time::Duration};

use kvstore_protocol::{Command, CommandError, Session, nested::Inspect};

use super::{bucket::Arrival, limiter::Limiter, refusal::refusal};

/// Counts what a script runs for whoever sent the script.
#[derive(Debug)]
struct Nested {
    limiter: Arc<Limiter>,
    session: Arc<Session>,
    number: u64,
}

/// Lets the limit see what a script runs.
#[cold]
pub(super) fn with_inspector(script: Command, limiter: &Arc<Limiter>) -> Command {
    let (session, number) = (script.shared_session(), script.number());
    script.inspected_by(|| Arc::new(Nested { limiter: Arc::clone(limiter), session, number }))
}

impl Inspect for Nested {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        let nested = nested.clone().in_session(Arc::clone(&self.session), self.number);
        let Some((mut bucket_id, cost)) = self.limiter.bucket_and_cost(&nested) else { return Ok(()) };
        // A script holds what it works on, and others would wait for it.
        match self.limiter.arrive(&mut bucket_id, cost, Duration::ZERO) {
            Arrival::Refused(wait) => Err(refusal(wait)),
            Arrival::Passed | Arrival::Queued(_) => Ok(()),
        }
    }
}
