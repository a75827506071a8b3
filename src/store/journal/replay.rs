//! [`Replay`]: applies the records of a journal on a thread of its own, while the next ones are read and decoded.

use std::{
    panic::resume_unwind,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{
    recovery::{OpenError, damaged},
    segment::name_of,
};
use crate::store::{Record, disk::Disk};

/// The records from which on a batch is handed over, and about their bytes.
const BATCH: usize = 256;
const BATCH_SIZE: usize = 1 << 20;

/// The batches that may wait to be applied.
const AHEAD: usize = 4;

/// The records that were read.
#[derive(Debug)]
pub(super) struct Replay {
    sender: SyncSender<Vec<Located>>,
    batch: Vec<Located>,
    size: usize,
}

/// A record, and the place from which it was read.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) record: Record,
    /// The number of the segment.
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// Why a record cannot be applied, and where it is.
#[derive(Debug)]
struct Refused {
    segment: u64,
    offset: u64,
    reason: &'static str,
}

/// Reads records, and applies them in their order meanwhile.
///
/// # Errors
/// If one cannot be applied, or that of `read`.
pub(super) fn replay<T>(
    disk: &dyn Disk,
    apply: impl FnMut(&Record) -> Result<(), &'static str> + Send,
    read: impl FnOnce(&mut Replay) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let (sender, receiver) = sync_channel(AHEAD);
    thread::scope(|scope| {
        let applying = scope.spawn(move || apply_all(&receiver, apply));
        let mut replay = Replay { sender, batch: Vec::new(), size: 0 };
        let read = read(&mut replay);
        replay.send();
        drop(replay);
        match applying.join() {
            Ok(Ok(())) => read,
            // It is before what was read last.
            Ok(Err(Refused { segment, offset, reason })) => Err(damaged(disk, &name_of(segment), offset, reason)),
            Err(panic) => resume_unwind(panic),
        }
    })
}

fn apply_all(
    batches: &Receiver<Vec<Located>>,
    mut apply: impl FnMut(&Record) -> Result<(), &'static str>,
) -> Result<(), Refused> {
    batches.iter().flatten().try_for_each(|Located { record, segment, offset }| {
        apply(&record).map_err(|reason| Refused { segment, offset, reason })
    })
}

impl Replay {
    /// Applies a record of so many bytes. Returns whether those before it could be applied, as far as that is known.
    pub(super) fn push(&mut self, located: Located, size: usize) -> bool {
        self.batch.push(located);
        self.size += size;
        self.batch.len() < BATCH && self.size < BATCH_SIZE || self.send()
    }

    fn send(&mut self) -> bool {
        self.size = 0;
        self.sender.send(std::mem::take(&mut self.batch)).is_ok()
    }
}
