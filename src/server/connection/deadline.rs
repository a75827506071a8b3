//! [`Deadline`]: one timer for all time limits of a connection.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use kvstore_protocol::Codec;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Connection, Lifecycle};
use crate::server::{CutReason, make_service::MakeService, settings::MinSendRate};

/// A timer that is armed only when it is needed: most connections never have one.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When output could first not be written.
    stalled_since: Option<Instant>,
    /// Since when more is unread than the soft limit.
    over_soft_limit_since: Option<Instant>,
    /// Whether the registry shows that a request is incomplete, or that replies are unread.
    is_shown_incomplete: bool,
}

impl Deadline {
    /// Waits until `at`. A later time does not move the timer before it fires.
    pub(super) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        loop {
            std::task::ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }

    /// Records that more is unread than the soft limit.
    pub(super) fn mark_over_soft_limit(&mut self) {
        self.over_soft_limit_since.get_or_insert_with(Instant::now);
    }

    /// Records that no more is unread than the soft limit.
    pub(super) fn clear_over_soft_limit(&mut self) {
        self.over_soft_limit_since = None;
    }

    /// Records that output was written.
    pub(super) fn clear_stall(&mut self) {
        self.stalled_since = None;
    }

    /// Records that output could not be written.
    pub(super) fn mark_stalled(&mut self) {
        self.stalled_since.get_or_insert_with(Instant::now);
    }

    /// Returns when output could first not be written; `None` if the last write succeeded.
    pub(super) fn stalled_since(&self) -> Option<Instant> {
        self.stalled_since
    }
}

impl<M: MakeService, C: Codec> Connection<M, C> {
    /// Waits until the peer has exceeded a time limit. Returns which.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<CutReason> {
        let is_incomplete = self.deadline.stalled_since().is_some() || self.reader.input.is_unfinished();
        if is_incomplete != self.deadline.is_shown_incomplete {
            self.show_incomplete(is_incomplete);
        }
        if is_incomplete || self.may_have_deadline() { self.poll_limits(cx) } else { Poll::Pending }
    }

    #[cold]
    fn show_incomplete(&mut self, is_incomplete: bool) {
        self.deadline.is_shown_incomplete = is_incomplete;
        let now = self.client.shared().registry.uptime();
        self.client.registration.entry.set_incomplete_since(is_incomplete.then_some(now));
    }

    /// The rate at which the client must send a request that it has begun.
    fn least_rate(&self) -> Option<MinSendRate> {
        let shared = self.client.shared();
        let of_stranger = (!self.client.is_authenticated()).then_some(shared.settings.unauthenticated_sender);
        shared.runtime.slow_sender().or(of_stranger)
    }

    /// For how long the client may leave all its replies unread.
    fn reading_timeout(&self) -> Option<Duration> {
        let shared = self.client.shared();
        let of_full = self.fills_query_buffer().then_some(shared.settings.query_buffer_timeout);
        shared.runtime.slow_reader_timeout().or(of_full)
    }

    /// Whether a time limit may apply to a client whose requests are complete, and that reads its replies. Mostly none does.
    fn may_have_deadline(&self) -> bool {
        self.deadline.over_soft_limit_since.is_some()
            || !self.client.is_authenticated()
            || self.client.shared().runtime.idle_timeout().is_some()
    }

    /// Each limit has its condition in [`poll_deadline`](Self::poll_deadline) or [`may_have_deadline`](Self::may_have_deadline).
    #[inline(never)]
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<CutReason> {
        if self.deadline.over_soft_limit_since.is_some() {
            self.check_output_limit();
        }
        let (settings, soft_for) = (&self.client.shared().settings, self.output_limit().soft_for);
        let (least_rate, reading_timeout) = (self.least_rate(), self.reading_timeout());
        let unread = if self.fills_query_buffer() { CutReason::QueryBuffer } else { CutReason::SlowReader };
        loop {
            let is_idle = !self.is_busy() && !self.writer.is_full() && self.lifecycle == Lifecycle::Open;
            let last_active = self
                .reader
                .input
                .last_active(self.client.registration.entry.silence(self.client.shared().registry.uptime()));
            let reads = self.wants_input() && (is_idle || self.awaits_argument());
            let is_unauthenticated = is_idle && !self.client.is_authenticated();
            let silence = self.client.shared().runtime.idle_timeout().filter(|_| is_idle);
            // A time that cannot be represented is never.
            let limits = [
                (
                    self.deadline
                        .stalled_since()
                        .zip(reading_timeout)
                        .and_then(|(since, most)| since.checked_add(most)),
                    unread,
                ),
                (
                    self.deadline.over_soft_limit_since.and_then(|since| since.checked_add(soft_for)),
                    CutReason::OutputLimit,
                ),
                (least_rate.and_then(|rate| self.reader.input.window_end(reads, rate)), CutReason::SlowSender),
                (
                    is_unauthenticated.then(|| last_active.checked_add(settings.unauthenticated_timeout)).flatten(),
                    CutReason::Unauthenticated,
                ),
                (silence.and_then(|timeout| last_active.checked_add(timeout)), CutReason::Idle),
            ];
            let first = limits.into_iter().filter_map(|(at, reason)| Some((at?, reason))).min_by_key(|(at, _)| *at);
            let Some((at, reason)) = first else { return Poll::Pending };
            std::task::ready!(self.deadline.poll(at, cx));
            if !least_rate.is_some_and(|rate| self.reader.input.renew_window(rate)) {
                return Poll::Ready(reason);
            }
        }
    }
}
