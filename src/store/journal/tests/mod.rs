//! Tests of the journal on a [`SimulatedDisk`]: what is recovered is a prefix of what was written, and has all that was acknowledged.

mod crashes;
mod damage;
mod loading;
mod policy;
mod replay;
mod store;

use std::sync::Arc;

use kvstore_protocol::Command;

use super::{
    recovery::{OpenError, Recovered, recover},
    writer::{Payload, WriteError, Writer},
};
use crate::store::{Record, disk::simulated::SimulatedDisk, testing::START};

/// Small, so that a short run has several segments.
const SEGMENT: u64 = 600;

/// The record with this number.
fn record(number: u64) -> Record {
    let value = "v".repeat(number as usize * 37 % 200);
    let command = Command::new("SET").arg("key").arg(format!("{number}:{value}"));
    Record::new(std::time::Duration::from_millis(START + number), vec![(0, command)])
}

/// The numbers of the records of a journal, and what else was found.
fn read(disk: &SimulatedDisk) -> Result<(u64, Recovered), OpenError> {
    let mut count = 0;
    let recovered = recover(disk, 1, |found| {
        count += 1;
        assert_eq!(*found, record(count));
        Ok(())
    })?;
    assert_eq!(recovered.sequence, count);
    Ok((count, recovered))
}

/// Opens a journal: the number of its records, and its writer.
fn open(disk: &SimulatedDisk) -> Option<(u64, Writer)> {
    let (count, recovered) = match read(disk) {
        Ok(read) => read,
        Err(OpenError::Io { .. }) if disk.has_crashed() => return None,
        Err(error) => panic!("{error}"),
    };
    match Writer::start(Arc::new(disk.clone()), recovered, SEGMENT) {
        Ok(writer) => Some((count, writer)),
        Err(WriteError::Failed(_)) if disk.has_crashed() => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// Writes the next `count` records of a journal in one group.
fn write(writer: &mut Writer, count: u64) -> Result<(), WriteError> {
    if writer.is_segment_full() {
        writer.rotate()?;
    }
    let next = writer.sequence() + 1;
    let records: Vec<_> = (next..next + count).map(record).collect();
    assert_eq!(writer.write(records.iter().map(Payload::Record))?, count as usize);
    Ok(())
}
