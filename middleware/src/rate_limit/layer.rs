use std::{hash::Hash, sync::Arc, time::Duration};

use kvstore_protocol::Command;
use tower_layer::Layer;

use super::{
    RateLimit,
    key::RateLimitKey,
    limiter::{Limiter, RateLimitSettings},
    rate::Rate,
};

/// Limits how many commands come in a time, in all the services that this layer and its clones make together.
///
/// Clones share what is counted, but not what to do when it is too much: `limit.clone().wait()` waits where `limit`
/// refuses. Every other setting makes a limit of its own, which shares nothing with the one it was made from.
///
/// ```
/// use std::time::Duration;
///
/// use kvstore_middleware::RateLimitLayer;
/// use kvstore_protocol::Command;
///
/// // A command counts once for each of its arguments, and each tenant has its own count; PING is free.
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
    /// `commands` in each `per`, for all together, of which all may come at once.
    ///
    /// # Panics
    /// When `commands` or `per` is 0: no command would ever be answered, or all at once.
    pub fn new(commands: u32, per: Duration) -> Self {
        let settings =
            RateLimitSettings { rate: Rate::new(commands, per), key: RateLimitKey::All, cost: None, max_keys: 100_000 };
        Self { limiter: Some(Arc::new(Limiter::new(settings))), max_wait: Duration::ZERO }
    }

    /// Nothing is limited, nor counted: the same type of stack for a program that was told not to limit.
    pub const fn unlimited() -> Self {
        Self { limiter: None, max_wait: Duration::ZERO }
    }

    /// Each connection has its own allowance. Commands that come from no connection share one.
    #[must_use]
    pub fn per_connection(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::Connection)
    }

    /// Each IP address has its own allowance; of IPv6 each network of 64 bits, since that is what one peer is given.
    /// Peers without an address, on a Unix socket or in this process, share one.
    #[must_use]
    pub fn per_peer_address(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::PeerAddress)
    }

    /// Each user has an own allowance. Those who are nobody yet share one.
    #[must_use]
    pub fn per_user(self) -> Self {
        self.change(|settings| settings.key = RateLimitKey::User)
    }

    /// Each key that `key` returns has its own allowance. A command without one is not limited.
    #[must_use]
    pub fn by<K: Hash>(self, key: impl Fn(&Command) -> Option<K> + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.key = RateLimitKey::by(key))
    }

    /// How many commands may come at once after a time in which none came. As many as come in the whole time, unless
    /// this says otherwise.
    ///
    /// # Panics
    /// When `commands` is 0: no command would ever be answered.
    #[must_use]
    pub fn burst(self, commands: u32) -> Self {
        self.change(|settings| settings.rate = settings.rate.with_burst(commands))
    }

    /// As how many commands one counts; 0 is not limited. One that counts for more than a burst waits for a whole
    /// burst, and those after it for the rest. Every command counts as one unless this says otherwise.
    #[must_use]
    pub fn cost(self, cost: impl Fn(&Command) -> u32 + Send + Sync + 'static) -> Self {
        self.change(|settings| settings.cost = Some(Arc::new(cost)))
    }

    /// How many keys are remembered, 100,000 unless this says otherwise; at about 100 bytes each. 0 lets all keys share
    /// one allowance.
    #[must_use]
    pub fn max_keys(self, keys: usize) -> Self {
        self.change(|settings| settings.max_keys = keys)
    }

    /// A command that is one too many is answered `-RATELIMITED too many commands, try again in N ms`. The default.
    #[must_use]
    pub fn refuse(self) -> Self {
        Self { max_wait: Duration::ZERO, ..self }
    }

    /// A command that is one too many waits, for as long as it takes.
    #[must_use]
    pub fn wait(self) -> Self {
        Self { max_wait: Duration::MAX, ..self }
    }

    /// A command that is one too many waits, unless it would have to for more than `limit`: that is known when it comes,
    /// so it is refused at once.
    #[must_use]
    pub fn wait_at_most(self, limit: Duration) -> Self {
        Self { max_wait: limit, ..self }
    }

    /// How many keys are remembered at the moment.
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
