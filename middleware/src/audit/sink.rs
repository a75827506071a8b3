use super::AuditRecord;
use crate::redact::EscapedText;

/// Where records go.
///
/// A sink is called while the client waits for its answer: one that writes to something slow hands the record on. When it
/// panics the record is lost, the panic is logged, and the command is answered all the same.
pub trait AuditSink: Send + Sync + 'static {
    /// Takes a record.
    fn record(&self, record: &AuditRecord<'_>);
}

impl<F> AuditSink for F
where
    F: Fn(&AuditRecord<'_>) + Send + Sync + 'static,
{
    fn record(&self, record: &AuditRecord<'_>) {
        self(record);
    }
}

/// Writes each record as a [`tracing`] event at INFO with the target `audit`, so that a subscriber can route it by that.
///
/// Its fields: `connection`, `peer`, `user`, `client`, `database`, `number`, `command`, `outcome`, `duration`, `nested`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TracingSink;

impl AuditSink for TracingSink {
    fn record(&self, record: &AuditRecord<'_>) {
        tracing::info!(
            target: "audit",
            connection = record.connection(),
            peer = %record.peer(),
            user = record.user().map(|user| tracing::field::display(EscapedText(user.as_bytes()))),
            client = %EscapedText(record.client_name()),
            database = record.database(),
            number = record.number(),
            command = %record.command(),
            outcome = %record.outcome(),
            duration = ?record.duration(),
            nested = record.is_nested(),
        );
    }
}
