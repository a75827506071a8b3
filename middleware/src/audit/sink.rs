use super::AuditRecord;
use crate::redact::EscapedText;

/// Takes the records of an audit.
///
/// A sink is called before the client is answered. If it writes to something slow, let it hand the record to a task or
/// thread. If it panics, the record is lost, the panic is logged, and the command is answered as usual.
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

/// Writes each record as a [`tracing`] event at INFO with the target `audit`, by which a subscriber can route it.
///
/// The fields: `connection`, `peer`, `user`, `client`, `database`, `number`, `command`, `outcome`, `duration`,
/// `nested`.
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
