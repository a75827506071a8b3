//! Connections write their answers when the journal is written, or synced.

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
    /// Holds back the answers of the connection that this thread serves until a commit is written, and with `always` until it is on
    /// disk. Returns false if it serves none: then the answer is to [settle](super::Settled).
    #[inline]
    pub(in super::super) fn hold_answers(&self, number: u64) -> bool {
        hold(&self.shared, number)
    }

    /// The same for an answer that only tells of commits of others, with `always`. When the disk has failed, reads go on.
    pub(in super::super) fn hold_answers_of_read(&self, number: u64) {
        if !self.is_synced(number) && !self.has_failed() {
            self.hold_answers(number);
        }
    }
}

impl Release for Shared {
    fn poll_released(&self, number: u64, place: &mut Option<u64>, waker: &Waker) -> Poll<io::Result<()>> {
        if self.is_released(number) {
            return Poll::Ready(Ok(()));
        }
        if self.policy() == Fsync::Always {
            let place = place.get_or_insert(NOWHERE);
            return self.poll_synced(number, place, waker).map_err(|lost| self.never_released(&lost.0));
        }
        let Some(place) = place else {
            // The other connections that have input are served first, and one writes for all.
            *place = Some(NOWHERE);
            waker.wake_by_ref();
            return Poll::Pending;
        };
        self.write_now();
        if self.is_released(number) { Poll::Ready(Ok(())) } else { self.poll_written(number, place, waker) }
    }

    fn give_up(&self, _: u64) {
        self.call_thread();
    }
}

impl Shared {
    /// Whether answers that tell of a commit may leave.
    fn is_released(&self, number: u64) -> bool {
        if self.policy() == Fsync::Always { self.is_synced(number) } else { self.written() >= number }
    }

    /// The error of answers that never leave.
    pub(super) fn never_released(&self, reason: &str) -> io::Error {
        io::Error::other(format!("the journal has failed: {reason}"))
    }

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
