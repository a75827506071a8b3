use std::{fmt, sync::Arc};

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::{Audit, AuditRecord, AuditSink, TracingSink};
use crate::{failure::catch, redact::Redact};

/// Records each command, for all the services that this layer and its clones make.
///
/// ```
/// use kvstore_middleware::{AuditLayer, Redact};
/// use kvstore_protocol::Command;
///
/// // All commands but reads, as `tracing` events with the target `audit`.
/// let audit = AuditLayer::tracing()
///     .redact(Redact::new().hide_values())
///     .only(|command: &Command| !["GET", "MGET", "EXISTS"].iter().any(|name| command.is(name)));
/// # drop(audit);
/// ```
#[derive(Clone, Debug)]
pub struct AuditLayer {
    settings: Arc<AuditSettings>,
}

type Only = dyn Fn(&Command) -> bool + Send + Sync;

#[derive(Clone)]
pub(super) struct AuditSettings {
    sink: Arc<dyn AuditSink>,
    redact: Redact,
    only: Option<Arc<Only>>,
}

impl AuditLayer {
    /// Records all commands in `sink`. Arguments that carry passwords are hidden ([`Redact::new`]).
    pub fn new(sink: impl AuditSink) -> Self {
        Self { settings: Arc::new(AuditSettings { sink: Arc::new(sink), redact: Redact::new(), only: None }) }
    }

    /// Records all commands as [`tracing`] events with the target `audit`: see [`TracingSink`].
    pub fn tracing() -> Self {
        Self::new(TracingSink)
    }

    /// Which arguments are hidden.
    #[must_use]
    pub fn redact(self, redact: Redact) -> Self {
        self.change(|settings| settings.redact = redact)
    }

    /// Records only commands for which `only` is true. It is called for each nested command as well, whatever it
    /// returns for the script.
    #[must_use]
    pub fn only(self, only: impl Fn(&Command) -> bool + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.only = Some(Arc::new(only)))
    }

    fn change(self, change: impl FnOnce(&mut AuditSettings)) -> Self {
        let mut settings = Arc::unwrap_or_clone(self.settings);
        change(&mut settings);
        Self { settings: Arc::new(settings) }
    }
}

impl AuditSettings {
    #[inline]
    pub(super) fn wants(&self, command: &Command) -> bool {
        self.only.as_ref().is_none_or(|only| only(command))
    }

    pub(super) fn redact(&self) -> &Redact {
        &self.redact
    }

    /// Hands a record to the sink. A panic of the sink is caught.
    pub(super) fn record(&self, record: &AuditRecord<'_>) {
        let _ = catch(|| self.sink.record(record));
    }
}

impl fmt::Debug for AuditSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut settings = f.debug_struct("AuditSettings");
        settings.field("redact", &self.redact).field("has_filter", &self.only.is_some()).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Audit<S> {
        Audit::new(inner, Arc::clone(&self.settings))
    }
}
