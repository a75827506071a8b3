//! Connections write the journal before they write their answers.

use std::{
    io,
    task::{Poll, Waker},
    time::Duration,
};

use kvstore_protocol::release::{Release, hold};

use super::{
    Fsync, Journal,
    shared::{NOWHERE, Shared},
};

/// How long a connection waits for another one that writes, before it serves its client later. A write takes a few microseconds, unless
/// the disk is slow.
const PATIENCE: Duration = Duration::from_micros(100);

impl Journal {
    /// Holds back the answers of the connection that this thread serves until a commit is written, unless they wait for the disk anyway.
    /// Returns whether the connection is about to write it.
    #[inline]
    pub(in super::super) fn hold_answers(&self, number: u64) -> bool {
        self.policy() != Fsync::Always && hold(&self.shared, number)
    }
}

impl Release for Shared {
    fn poll_released(&self, number: u64, place: &mut Option<u64>, waker: &Waker) -> Poll<io::Result<()>> {
        if self.written() >= number {
            return Poll::Ready(Ok(()));
        }
        let Some(place) = place else {
            // The other connections that have input are served first, and one writes for all.
            *place = Some(NOWHERE);
            waker.wake_by_ref();
            return Poll::Pending;
        };
        self.write_now();
        if self.written() >= number { Poll::Ready(Ok(())) } else { self.poll_written(number, place, waker) }
    }
}

impl Shared {
    /// Writes what has come, unless that takes longer.
    fn write_now(&self) {
        let Some(mut tail) = self.try_lock_tail(PATIENCE) else { return };
        if self.is_halted() {
            return;
        }
        self.take(&mut tail);
        match tail.write(self) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tail.leave(error),
        }
        self.call_thread();
    }
}
