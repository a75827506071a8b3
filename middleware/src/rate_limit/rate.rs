//! The generic cell rate algorithm, as virtual scheduling (ITU-T recommendation I.371, annex A).
//!
//! An allowance is stored as the time at which it is full again. A command of cost `n` moves that time ahead by `n`
//! intervals between two commands. It may not be further ahead than a whole burst.

use std::time::Duration;

/// A rate. Times are counted in ticks, of which a nanosecond has as many as there are `commands`. So the interval
/// between two commands is a whole number of ticks, and only the reported wait is rounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    commands: u32,
    /// In nanoseconds. In ticks this is the interval between two commands.
    per: u64,
    burst: u32,
}

/// What is left to a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowance {
    /// In ticks.
    full_at: u128,
}

impl Rate {
    pub(super) fn new(commands: u32, per: Duration) -> Self {
        assert!(commands > 0 && !per.is_zero(), "a rate lets at least one command through in some time");
        Self { commands, per: u64::try_from(per.as_nanos()).unwrap_or(u64::MAX), burst: commands }
    }

    pub(super) fn with_burst(self, burst: u32) -> Self {
        assert!(burst > 0, "a burst has at least one command");
        Self { burst, ..self }
    }

    /// How long a command has to wait behind commands that cost `queued` together.
    ///
    /// A command that costs more than a burst waits for a full allowance, and leaves a debt.
    pub(super) fn wait(&self, allowance: Allowance, queued: u64, cost: u32, now: Duration) -> Duration {
        let now = self.ticks(now);
        let full_at = allowance.full_at.max(now).saturating_add(self.intervals(queued));
        let full_at = full_at.saturating_add(self.intervals(cost.min(self.burst).into()));
        let ticks = full_at.saturating_sub(self.intervals(self.burst.into())).saturating_sub(now);
        Duration::from_nanos(u64::try_from(ticks.div_ceil(self.commands.into())).unwrap_or(u64::MAX))
    }

    /// The allowance after a command has passed.
    pub(super) fn take(&self, allowance: Allowance, cost: u32, now: Duration) -> Allowance {
        let full_at = allowance.full_at.max(self.ticks(now));
        Allowance { full_at: full_at.saturating_add(self.intervals(cost.into())) }
    }

    /// Whether the allowance is as good as a new one.
    pub(super) fn is_full(&self, allowance: Allowance, now: Duration) -> bool {
        allowance.full_at <= self.ticks(now)
    }

    fn ticks(&self, time: Duration) -> u128 {
        time.as_nanos().saturating_mul(self.commands.into())
    }

    fn intervals(&self, commands: u64) -> u128 {
        u128::from(commands).saturating_mul(self.per.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets as many commands through as there is room for.
    fn take_all(rate: Rate, allowance: &mut Allowance, now: Duration) -> usize {
        let mut passed = 0;
        while rate.wait(*allowance, 0, 1, now).is_zero() {
            *allowance = rate.take(*allowance, 1, now);
            passed += 1;
        }
        passed
    }

    #[test]
    fn an_allowance_is_full_at_first_and_again_after_its_time() {
        for commands in [1, 3, 7, 1000] {
            let (rate, mut allowance) = (Rate::new(commands, SECOND), Allowance::default());
            for second in 0..3 {
                assert_eq!(take_all(rate, &mut allowance, SECOND * second), commands as usize);
            }
            assert!(!rate.is_full(allowance, SECOND * 3 - Duration::from_nanos(1)));
            assert!(rate.is_full(allowance, SECOND * 3));
        }
    }

    #[test]
    fn an_allowance_fills_up_evenly() {
        let (rate, mut allowance) = (Rate::new(4, SECOND), Allowance::default());
        assert_eq!(take_all(rate, &mut allowance, Duration::ZERO), 4);
        assert_eq!(rate.wait(allowance, 0, 1, Duration::ZERO), SECOND / 4);
        assert_eq!(rate.wait(allowance, 0, 3, Duration::ZERO), SECOND * 3 / 4);
        assert_eq!(take_all(rate, &mut allowance, SECOND / 2), 2);
    }

    #[test]
    fn no_time_in_which_nothing_comes_makes_a_burst_larger() {
        let (rate, mut allowance) = (Rate::new(10, SECOND).with_burst(2), Allowance::default());
        assert_eq!(take_all(rate, &mut allowance, SECOND * 1000), 2);
        assert_eq!(rate.wait(allowance, 0, 1, SECOND * 1000), SECOND / 10);
    }

    #[test]
    fn a_command_over_the_burst_waits_for_a_full_allowance_and_leaves_a_debt() {
        let (rate, mut allowance) = (Rate::new(1, SECOND).with_burst(3), Allowance::default());
        assert!(rate.wait(allowance, 0, 10, Duration::ZERO).is_zero());
        allowance = rate.take(allowance, 10, Duration::ZERO);
        assert_eq!(rate.wait(allowance, 0, 1, Duration::ZERO), SECOND * 8);
        assert_eq!(rate.wait(allowance, 0, 10, Duration::ZERO), SECOND * 10);
    }

    #[test]
    fn those_who_wait_in_front_make_the_wait_longer() {
        let (rate, mut allowance) = (Rate::new(1, SECOND), Allowance::default());
        allowance = rate.take(allowance, 1, Duration::ZERO);
        assert_eq!(rate.wait(allowance, 5, 1, Duration::ZERO), SECOND * 6);
    }

    #[test]
    fn no_number_is_too_large() {
        let rate = Rate::new(u32::MAX, Duration::MAX);
        let mut allowance = rate.take(Allowance::default(), u32::MAX, Duration::MAX);
        allowance = rate.take(allowance, u32::MAX, Duration::MAX);
        assert!(!rate.wait(allowance, u64::MAX, u32::MAX, Duration::ZERO).is_zero());
        let fast = Rate::new(u32::MAX, Duration::from_nanos(1)).with_burst(1);
        let allowance = fast.take(Allowance::default(), 1, Duration::ZERO);
        assert_eq!(fast.wait(allowance, 0, 1, Duration::ZERO), Duration::from_nanos(1));
    }
}
