use std::{fmt, sync::Arc, time::Duration};

use kvstore_protocol::{Command, Response};
use tower_layer::Layer;

use super::{
    Tee,
    mirror::{Mirror, TeeSettings},
};

/// Mirrors commands to a second service, from all services that this layer and its clones make.
///
/// Clones share the queues and the counts. Every setting makes a new layer, which shares nothing with the one before.
///
/// ```
/// use std::convert::Infallible;
///
/// use kvstore_middleware::TeeLayer;
/// use kvstore_protocol::{Command, Response};
/// use tower::service_fn;
///
/// let copy = service_fn(|_: Command| async { Ok::<_, Infallible>(Response::ok()) });
/// // Only writes, at most eight at a time.
/// let tee = TeeLayer::new(copy).only(|command: &Command| command.is("SET") || command.is("DEL")).max_in_flight(8);
/// assert_eq!(tee.dropped(), 0);
/// ```
pub struct TeeLayer<T> {
    mirror: Arc<Mirror<T>>,
}

impl<T: Clone> TeeLayer<T> {
    /// Mirrors all commands to clones of `second`, and ignores its responses.
    pub fn new(second: T) -> Self {
        let settings = TeeSettings {
            only: None,
            compare: None,
            max_in_flight: 64,
            max_commands: 10_000,
            max_bytes: 64 * 1024 * 1024,
            timeout: Duration::from_secs(10),
        };
        Self { mirror: Arc::new(Mirror::new(second, settings)) }
    }

    /// Mirrors only commands for which `only` is true.
    #[must_use]
    pub fn only(self, only: impl Fn(&Command) -> bool + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.only = Some(Arc::new(only)))
    }

    /// Calls `compare` with the responses of the first and the second service to each command that both have answered.
    /// It runs in a task of its own. An error of the second service is compared as the response that a client would
    /// read. If the first service returns an error, nothing is compared.
    #[must_use]
    pub fn compare(self, compare: impl Fn(&Command, &Response, &Response) + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.compare = Some(Arc::new(compare)))
    }

    /// As [`TeeLayer::compare`], but only for responses that differ.
    #[must_use]
    pub fn on_difference(self, differ: impl Fn(&Command, &Response, &Response) + Send + Sync + 'static) -> Self {
        self.compare(move |command, first, second| {
            if first != second {
                differ(command, first, second);
            }
        })
    }

    /// How many commands are in flight to the second service at a time. By default 64. One connection has one at a
    /// time.
    ///
    /// # Panics
    /// If `max` is 0: nothing would be mirrored.
    #[must_use]
    pub fn max_in_flight(self, max: usize) -> Self {
        assert!(max > 0, "at least one command is mirrored at a time");
        self.change(|settings| settings.max_in_flight = max)
    }

    /// How many commands, and how many bytes of them, may be in flight, or wait for the second service or for their
    /// comparison. By default 10,000 commands and 64 MiB. More are dropped.
    #[must_use]
    pub fn max_pending(self, commands: usize, bytes: usize) -> Self {
        self.change(|settings| (settings.max_commands, settings.max_bytes) = (commands, bytes))
    }

    /// How long the second service may take for a command. By default 10 seconds. A command that takes longer is
    /// dropped.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|settings| settings.timeout = limit)
    }

    /// The number of commands that were dropped: for lack of capacity or of a tokio runtime, because an argument is
    /// streamed, or because the second service did not answer in time.
    pub fn dropped(&self) -> u64 {
        self.mirror.capacity().dropped()
    }

    /// The number of commands that are in flight, or wait for the second service or to be compared.
    pub fn in_flight(&self) -> usize {
        self.mirror.capacity().in_use()
    }

    /// Waits for a moment at which nothing is [in flight](Self::in_flight): for tests, and before a program ends. Under
    /// constant load there may be none.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    pub async fn idle(&self) {
        self.mirror.capacity().empty().await;
    }

    fn change(self, change: impl FnOnce(&mut TeeSettings)) -> Self {
        let mut settings = self.mirror.settings().clone();
        change(&mut settings);
        Self { mirror: Arc::new(Mirror::new(self.mirror.second(), settings)) }
    }
}

impl<T> Clone for TeeLayer<T> {
    fn clone(&self) -> Self {
        Self { mirror: Arc::clone(&self.mirror) }
    }
}

impl<T> fmt::Debug for TeeLayer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeeLayer").field("mirror", &self.mirror).finish()
    }
}

impl<S, T> Layer<S> for TeeLayer<T> {
    type Service = Tee<S, T>;

    fn layer(&self, inner: S) -> Tee<S, T> {
        Tee::new(inner, Arc::clone(&self.mirror))
    }
}
