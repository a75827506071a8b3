use std::{fmt, sync::Arc, time::Duration};

use kvstore_protocol::{Command, Response};
use tower_layer::Layer;

use super::{
    Tee,
    mirror::{Mirror, TeeSettings},
};

/// Mirrors the commands of all the services that this layer and its clones make to a second service.
///
/// Clones share the lanes and the count of what was dropped. Every setting makes a layer of its own, which shares nothing
/// with the one it was made from.
///
/// ```
/// use std::convert::Infallible;
///
/// use kvstore_middleware::TeeLayer;
/// use kvstore_protocol::{Command, Response};
/// use tower::service_fn;
///
/// let copy = service_fn(|_: Command| async { Ok::<_, Infallible>(Response::ok()) });
/// // Writes alone, at most eight at a time.
/// let tee = TeeLayer::new(copy).only(|command: &Command| command.is("SET") || command.is("DEL")).max_in_flight(8);
/// assert_eq!(tee.dropped(), 0);
/// ```
pub struct TeeLayer<T> {
    mirror: Arc<Mirror<T>>,
}

impl<T: Clone> TeeLayer<T> {
    /// Mirrors all commands to `second`, and ignores its answers. Its clones are called, each for one command at a time.
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

    /// Calls `compare` with the answers of the first and the second service to each command that both have answered, in a
    /// task that nobody waits for. An error of the second service is the answer that a client would read; where the first
    /// service fails there is nothing to compare.
    #[must_use]
    pub fn compare(self, compare: impl Fn(&Command, &Response, &Response) + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.compare = Some(Arc::new(compare)))
    }

    /// As [`TeeLayer::compare`], where the answers differ.
    #[must_use]
    pub fn on_difference(self, differ: impl Fn(&Command, &Response, &Response) + Send + Sync + 'static) -> Self {
        self.compare(move |command, first, second| {
            if first != second {
                differ(command, first, second);
            }
        })
    }

    /// How many commands the second service has to answer at a time, 64 unless this says otherwise. Those of one
    /// connection never are at the same time.
    ///
    /// # Panics
    /// When `max` is 0: nothing would be mirrored.
    #[must_use]
    pub fn max_in_flight(self, max: usize) -> Self {
        assert!(max > 0, "at least one command is mirrored at a time");
        self.change(|settings| settings.max_in_flight = max)
    }

    /// How many commands may wait for the second service or their comparison or be under way, and how many bytes they may
    /// have together; 10,000 and 64 MiB unless this says otherwise. More are dropped.
    #[must_use]
    pub fn max_pending(self, commands: usize, bytes: usize) -> Self {
        self.change(|settings| (settings.max_commands, settings.max_bytes) = (commands, bytes))
    }

    /// How long the second service has for each command, 10 seconds unless this says otherwise. One that takes longer is
    /// dropped.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        self.change(|settings| settings.timeout = limit)
    }

    /// How many commands the second service has not been given, for want of room or of a tokio runtime or since an
    /// argument of theirs is streamed, or has not answered in time.
    pub fn dropped(&self) -> u64 {
        self.mirror.capacity().dropped()
    }

    /// How many commands wait for the second service, are under way there, or wait to be compared.
    pub fn in_flight(&self) -> usize {
        self.mirror.capacity().in_use()
    }

    /// Waits for a moment at which nothing is [in flight](Self::in_flight): for tests, and for a program that ends. While
    /// more commands come than are done with, there may be none.
    ///
    /// # Cancel safety
    /// It only watches.
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
