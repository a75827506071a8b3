use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Session, nested::Inspect};

use super::{AuditRecord, layer::AuditSettings};

/// Records the commands that a script runs, with the session of the script.
#[derive(Debug)]
struct Nested {
    settings: Arc<AuditSettings>,
    session: Arc<Session>,
    number: u64,
}

/// Lets the audit record the commands that a script runs.
pub(super) fn with_inspector(script: Command, settings: &Arc<AuditSettings>) -> Command {
    let (session, number) = (script.shared_session(), script.number());
    script.inspected_by(|| Arc::new(Nested { settings: Arc::clone(settings), session, number }))
}

impl Inspect for Nested {
    fn inspect(&self, nested: &Command) -> Result<(), CommandError> {
        let nested = nested.clone().in_session(Arc::clone(&self.session), self.number);
        if self.settings.wants(&nested) {
            self.settings.record(&AuditRecord::nested(&nested, self.settings.redact()));
        }
        Ok(())
    }
}
