use std::{hash::Hash, sync::Arc, time::Duration};

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::{
    RateLimit,
    key::RateLimitKey,
    limiter::{Limiter, RateLimitSettings},
    rate::Rate,
};

/// Limits how many commands come in a period, across all services that this layer and its clones make.
///
/// Clones share the counts, but each has its own answer to a command over the limit: `limit.clone().wait()` waits where
/// `limit` refuses. Every other setting makes a new limit, with counts of its own.
///
/// ```
/// use std::time::Duration;
///
/// use kvstore_middleware::RateLimitLayer;
/// use kvstore_protocol::Command;
///
/// // A command costs as much as it has arguments, and each tenant has its own limit. PING is free.
/// let limit = RateLimitLayer::new(10_000, Duration::from_secs(1))
///     .by(|command: &Command| command.arg_at(0).and_then(|key| key.split(|byte| *byte == b':').next()).map(<[u8]>::to_vec))
///     .cost(|command: &Command| if command.is("PING") { 0 } else { command.args().len() as u32 })
///     .wait_at_most(Duration::from_millis(100));
/// # drop(limit);
/// ```
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    limiter: Option<Arc<Limiter>>,
    max_wait: Duration,
}

impl RateLimitLayer {
    /// Allows `commands` in each period of `per`, counted for all clients together. All of them may come at once.
    ///
    /// # Panics
    /// If `commands` or `per` is 0.
    pub fn new(commands: u32, per: Duration) -> Self {
        let settings =
            RateLimitSettings { rate: Rate::new(commands, per), key: RateLimitKey::All, cost: None, max_keys: 100_000 };
        Self { limiter: Some(Arc::new(Limiter::new(settings))), max_wait: Duration::ZERO }
    }

    /// Limits nothing and counts nothing. For a program whose limit is a setting: the type of the stack stays the same.
    pub const fn unlimited() -> Self {
        Self { limiter: None, max_wait: Duration::ZERO }
    }

    /// Counts for each connection. Commands that come from no connection are counted together.
    #[must_use]
    pub fn per_connection(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::Connection)
    }

    /// Counts for each IP address, with IPv6 for each /64 network, since that is what one peer is given. Peers without
    /// an address (Unix sockets, pipes in this process) are counted together.
    #[must_use]
    pub fn per_peer_address(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::PeerAddress)
    }

    /// Counts for each user. Connections that have not authenticated are counted together.
    #[must_use]
    pub fn per_user(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::User)
    }

    /// Counts for each key that `key` returns. A command for which it returns `None` is not limited.
    #[must_use]
    pub fn by<K: Hash>(self, key: impl Fn(&Command) -> Option<K> + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.key = RateLimitKey::by(key))
    }

    /// How many commands may come at once, after a pause. By default as many as in a whole period.
    ///
    /// # Panics
    /// If `commands` is 0: no command would ever be answered.
    #[must_use]
    pub fn burst(self, commands: u32) -> Self {
        self.change(|settings| settings.rate = settings.rate.with_burst(commands))
    }

    /// The cost of a command: as how many it counts. By default 1; a command that costs 0 is not limited. A command
    /// that costs more than a burst waits for a full bucket, and the commands after it wait for the rest of its cost.
    #[must_use]
    pub fn cost(self, cost: impl Fn(&Command) -> u32 + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.cost = Some(Arc::new(cost)))
    }

    /// The number of keys that are remembered, at about 100 bytes each. By default 100,000. With 0 all keys share one
    /// bucket.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.change(|settings| settings.max_keys = keys)
    }

    /// Answers a command over the limit with `-RATELIMITED too many commands, try again in N ms`. The default.
    #[must_use]
    pub fn refuse(self) -> Self {
        Self { max_wait: Duration::ZERO, ..self }
    }

    /// Lets a command over the limit wait, with no time limit.
    #[must_use]
    pub fn wait(self) -> Self {
        Self { max_wait: Duration::MAX, ..self }
    }

    /// Lets a command over the limit wait, unless it would have to wait for longer than `limit`. That is known when it
    /// comes, so it is refused at once.
    #[must_use]
    pub fn wait_at_most(self, limit: Duration) -> Self {
        Self { max_wait: limit, ..self }
    }

    /// The number of keys that are remembered now.
    pub fn keys(&self) -> usize {
        self.limiter.as_ref().map_or(0, |limiter| limiter.keys())
    }

    fn change(self, change: impl FnOnce(&mut RateLimitSettings)) -> Self {
        let limiter = self.limiter.map(|limiter| {
            let mut settings = limiter.settings().clone();
            change(&mut settings);
            Arc::new(Limiter::new(settings))
        });
        Self { limiter, ..self }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit::new(inner, self.limiter.clone(), self.max_wait)
    }
}
