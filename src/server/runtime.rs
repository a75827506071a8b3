//! [`RuntimeState`]: the counts of a server, and the settings that can change while it runs.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use kvstore_protocol::Limits;
use tokio::sync::Notify;

use super::{
    Password,
    output_limit::OutputLimits,
    settings::MinSendRate,
    traffic::{RateMeter, TrafficCounts},
};

/// The counts of a server, and the settings that can change while it runs. The methods of [`Serve`](super::Serve) and
/// [`ServerStatus`](super::ServerStatus) with the same names document them. The defaults are here.
#[derive(Debug)]
pub(super) struct RuntimeState {
    pub(super) connections: AtomicU64,
    pub(super) refused: AtomicU64,
    /// Connections that were closed because they left too much unread.
    pub(super) overflows: AtomicU64,
    pub(super) output_limits: OutputLimits,
    pub(super) traffic: TrafficCounts,
    pub(super) rates: RateMeter,
    /// Told when the server is to stop.
    pub(super) stop: Notify,
    pub(super) max_connections: Setting,
    pub(super) query_buffer: Setting,
    pub(super) output_buffer: Setting,
    pub(super) limits: LimitSettings,
    /// In milliseconds. 0 if it is disabled.
    idle_timeout: AtomicU64,
    /// In milliseconds. 0 if it is disabled.
    slow_reader_timeout: AtomicU64,
    /// In milliseconds.
    grace_period: AtomicU64,
    /// The window in milliseconds, 0 if there is no limit.
    slow_sender: (Setting, AtomicU64),
    /// What was set while the server runs.
    chosen: RwLock<Chosen>,
}

/// The settings that are not numbers. What is `None` is as the server was built.
#[derive(Debug, Default)]
struct Chosen {
    password: Option<Arc<Password>>,
    protected_mode: Option<bool>,
    keepalive: Option<Option<Duration>>,
}

/// A number that can change at any time.
#[derive(Debug)]
pub(super) struct Setting(AtomicUsize);

impl Setting {
    #[inline]
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// The limits of requests, for all listeners; 0 for those of the listener.
#[derive(Debug)]
pub(super) struct LimitSettings {
    pub(super) bulk: Setting,
    pub(super) args: Setting,
    pub(super) inline: Setting,
    pub(super) request: Setting,
}

impl LimitSettings {
    /// The limits of a listener, with those that are set.
    pub(super) fn over(&self, limits: Limits) -> Limits {
        let or = |setting: &Setting, limit| if setting.get() == 0 { limit } else { setting.get() };
        limits
            .max_bulk(or(&self.bulk, limits.bulk()))
            .max_args(or(&self.args, limits.args()))
            .max_inline(or(&self.inline, limits.inline()))
            .max_request(or(&self.request, limits.request()))
    }
}

impl Default for RuntimeState {
    fn default() -> Self {
        let setting = |value| Setting(AtomicUsize::new(value));
        Self {
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            overflows: AtomicU64::new(0),
            output_limits: OutputLimits::default(),
            traffic: TrafficCounts::default(),
            rates: RateMeter::default(),
            stop: Notify::new(),
            max_connections: setting(10_000),
            query_buffer: setting(256 << 20),
            output_buffer: setting(64 << 20),
            limits: LimitSettings { bulk: setting(0), args: setting(0), inline: setting(0), request: setting(0) },
            idle_timeout: AtomicU64::new(0),
            slow_reader_timeout: AtomicU64::new(0),
            grace_period: AtomicU64::new(5000),
            slow_sender: (setting(0), AtomicU64::new(0)),
            chosen: RwLock::default(),
        }
    }
}

impl RuntimeState {
    #[inline]
    pub(super) fn idle_timeout(&self) -> Option<Duration> {
        duration(&self.idle_timeout)
    }

    pub(super) fn set_idle_timeout(&self, timeout: Option<Duration>) {
        set_duration(&self.idle_timeout, timeout);
    }

    pub(super) fn slow_reader_timeout(&self) -> Option<Duration> {
        duration(&self.slow_reader_timeout)
    }

    pub(super) fn set_slow_reader_timeout(&self, timeout: Option<Duration>) {
        set_duration(&self.slow_reader_timeout, timeout);
    }

    pub(super) fn grace_period(&self) -> Duration {
        duration(&self.grace_period).unwrap_or_default()
    }

    pub(super) fn set_grace_period(&self, grace: Duration) {
        set_duration(&self.grace_period, (!grace.is_zero()).then_some(grace));
    }

    pub(super) fn slow_sender(&self) -> Option<MinSendRate> {
        let window = duration(&self.slow_sender.1)?;
        Some(MinSendRate { bytes: self.slow_sender.0.get(), window })
    }

    pub(super) fn set_slow_sender(&self, rate: Option<MinSendRate>) {
        self.slow_sender.0.set(rate.map_or(0, |rate| rate.bytes));
        set_duration(&self.slow_sender.1, rate.map(|rate| rate.window));
    }

    pub(super) fn password(&self) -> Option<Arc<Password>> {
        self.read(|chosen| chosen.password.clone())
    }

    pub(super) fn set_password(&self, password: Option<Password>) {
        self.write(|chosen| chosen.password = password.map(Arc::new));
    }

    pub(super) fn protected_mode(&self) -> Option<bool> {
        self.read(|chosen| chosen.protected_mode)
    }

    pub(super) fn set_protected_mode(&self, is_on: bool) {
        self.write(|chosen| chosen.protected_mode = Some(is_on));
    }

    pub(super) fn keepalive(&self) -> Option<Option<Duration>> {
        self.read(|chosen| chosen.keepalive)
    }

    pub(super) fn set_keepalive(&self, silence: Option<Duration>) {
        self.write(|chosen| chosen.keepalive = Some(silence));
    }

    fn read<T>(&self, read: impl FnOnce(&Chosen) -> T) -> T {
        read(&self.chosen.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, write: impl FnOnce(&mut Chosen)) {
        write(&mut self.chosen.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[inline]
fn duration(milliseconds: &AtomicU64) -> Option<Duration> {
    match milliseconds.load(Ordering::Relaxed) {
        0 => None,
        milliseconds => Some(Duration::from_millis(milliseconds)),
    }
}

fn set_duration(setting: &AtomicU64, duration: Option<Duration>) {
    let milliseconds = duration.map_or(0, |duration| duration.as_millis().max(1));
    setting.store(u64::try_from(milliseconds).unwrap_or(u64::MAX), Ordering::Relaxed);
}
