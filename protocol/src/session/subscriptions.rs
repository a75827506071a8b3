//! [`Subscriptions`]: the channels and patterns that a connection is subscribed to.

use std::{fmt, sync::Arc};

/// The subscriptions of a connection, as the service that keeps them tells of them.
///
/// The numbers are read at any time, by any thread.
pub trait Subscribed: Send + Sync {
    /// Returns the number of channels.
    fn channels(&self) -> usize;

    /// Returns the number of patterns.
    fn patterns(&self) -> usize;

    /// Returns the number of shard channels.
    fn shard_channels(&self) -> usize;

    /// Whether there is a subscription.
    fn is_any(&self) -> bool {
        self.channels() | self.patterns() | self.shard_channels() != 0
    }

    /// Ends all subscriptions. Called once or more when the connection is reset or closed.
    fn end(&self);
}

/// The subscriptions of a connection. All snapshots of its session share them.
///
/// The service that answers SUBSCRIBE puts them into the session with the first subscription of the connection. There they
/// stay until RESET, or until the connection is closed: then they end. The transport restricts the commands of a RESP2
/// connection while there is [one](Self::is_any), and CLIENT LIST shows their numbers.
///
/// ```
/// use std::sync::Arc;
/// use kvstore_protocol::{Session, Subscribed, Subscriptions};
///
/// /// A connection that gets everything that is published.
/// struct Everything;
///
/// impl Subscribed for Everything {
///     fn channels(&self) -> usize {
///         0
///     }
///     fn patterns(&self) -> usize {
///         1
///     }
///     fn shard_channels(&self) -> usize {
///         0
///     }
///     fn end(&self) {
///         println!("nothing may be sent any more");
///     }
/// }
///
/// let mut session = Session::default();
/// session.set_subscriptions(Subscriptions::new(Arc::new(Everything)));
/// assert!(session.is_subscribed());
/// session.reset();
/// assert!(!session.is_subscribed());
/// ```
#[derive(Clone)]
pub struct Subscriptions(Arc<Ending>);

/// Ends the subscriptions when the last snapshot is dropped.
struct Ending(Arc<dyn Subscribed>);

impl Subscriptions {
    /// The subscriptions that `subscribed` tells of.
    pub fn new(subscribed: Arc<dyn Subscribed>) -> Self {
        Self(Arc::new(Ending(subscribed)))
    }

    /// Returns the number of channels.
    pub fn channels(&self) -> usize {
        self.0.0.channels()
    }

    /// Returns the number of patterns.
    pub fn patterns(&self) -> usize {
        self.0.0.patterns()
    }

    /// Returns the number of shard channels.
    pub fn shard_channels(&self) -> usize {
        self.0.0.shard_channels()
    }

    /// Whether there is a subscription.
    pub fn is_any(&self) -> bool {
        self.0.0.is_any()
    }

    /// Ends all subscriptions, as RESET does.
    pub fn end(&self) {
        self.0.0.end();
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions")
            .field("channels", &self.channels())
            .field("patterns", &self.patterns())
            .field("shard_channels", &self.shard_channels())
            .finish()
    }
}
