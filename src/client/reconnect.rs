//! [`Reconnect`]: when to connect again, and [`Outage`]: the time without a connection.

use std::time::Duration;

use tokio::time::Instant;

use super::ConnectionError;

/// How a client connects again after its connection is lost: with exponential backoff and jitter.
///
/// The first attempt is made at once and the second after the first delay. Then the delay doubles up to the longest. Each
/// delay is shortened at random by up to a half, so that the clients of a server that comes back do not connect all at once.
/// Attempts go on as long as there is a handle of the client.
///
/// Calls wait for a connection up to the patience. After that, or once the server refuses the handshake, they fail at once
/// with the cause until there is a connection.
///
/// ```
/// use std::time::Duration;
/// use kvstore::client::{Client, Reconnect};
///
/// let patient = Reconnect::default().patience(Duration::from_secs(60));
/// let builder = Client::builder().reconnect(patient);
/// let builder = Client::builder().reconnect(None); // the first break is the end
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnect {
    first_delay: Duration,
    longest_delay: Duration,
    patience: Duration,
}

impl Reconnect {
    /// The delay before the second attempt: 100 ms by default.
    #[must_use]
    pub const fn first_delay(self, first_delay: Duration) -> Self {
        Self { first_delay, ..self }
    }

    /// The longest delay between two attempts: 10 s by default.
    #[must_use]
    pub const fn longest_delay(self, longest_delay: Duration) -> Self {
        Self { longest_delay, ..self }
    }

    /// How long calls wait for a connection, counted from the loss of the last one: 10 s by default.
    #[must_use]
    pub const fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The delay after this many failed attempts.
    fn delay(&self, failed: u32) -> Duration {
        let Some(doublings) = failed.checked_sub(1) else { return Duration::ZERO };
        let delay = self.first_delay.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest_delay);
        // A delay of zero must not make a busy loop.
        delay.max(Duration::from_millis(2)).mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            patience: Duration::from_secs(10),
        }
    }
}

/// The time since the last connection that worked.
#[derive(Debug)]
pub(super) struct Outage {
    policy: Reconnect,
    failed: u32,
    /// Until when calls wait; `None` once they fail at once.
    pub(super) calls_wait_until: Option<Instant>,
    pub(super) cause: ConnectionError,
}

impl Outage {
    /// An outage that begins now.
    pub(super) fn new(policy: Reconnect, cause: ConnectionError) -> Self {
        // An instant beyond what the clock can represent is taken as a year from now.
        let forever = Duration::from_secs(86400 * 365);
        Self { policy, failed: 0, calls_wait_until: Some(Instant::now() + policy.patience.min(forever)), cause }
    }

    /// Whether a connection that lasted this long has worked, even without an answer.
    pub(super) fn is_over_after(&self, lasted: Duration) -> bool {
        lasted >= self.policy.longest_delay
    }

    /// How long to wait before the next attempt.
    pub(super) fn delay(&self) -> Duration {
        self.policy.delay(self.failed)
    }

    /// Notes that an attempt failed, or that its connection was lost before it worked.
    pub(super) fn goes_on(&mut self, cause: ConnectionError) {
        self.failed = self.failed.saturating_add(1);
        if matches!(cause, ConnectionError::Handshake { .. }) {
            // The next attempts will be refused too, until the configuration changes.
            self.calls_wait_until = None;
        }
        self.cause = cause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_and_vary() {
        let policy = Reconnect::default();
        assert_eq!(policy.delay(0), Duration::ZERO);
        for (failed, full) in [(1, 100), (2, 200), (3, 400), (7, 6400), (8, 10_000), (40, 10_000), (u32::MAX, 10_000)] {
            let full = Duration::from_millis(full);
            for _ in 0..100 {
                let delay = policy.delay(failed);
                assert!(full / 2 <= delay && delay <= full, "{failed}: {delay:?}");
            }
        }
        let delays: Vec<_> = (0..10).map(|_| policy.delay(5)).collect();
        assert!(delays.iter().any(|delay| *delay != delays[0]), "{delays:?}");
    }
}
