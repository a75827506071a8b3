//! [`Cut`]: cuts a journal before its damage.

use std::{fmt, io};

use super::files::{copy, free_name};
use crate::store::{
    disk::Disk,
    journal::{OpenError, io_error, segment_name, segment_number, sequences_of},
    snapshot::Manifest,
};

/// A journal that is to be cut.
#[derive(Debug)]
pub(super) struct Cut {
    manifest: Manifest,
    /// The damaged segment, and where its damage begins.
    number: u64,
    offset: u64,
    /// The segments from the damaged one on that are there.
    segments: Vec<u64>,
    pub(super) bytes: u64,
    /// The records that are known to be lost.
    pub(super) records: u64,
}

impl Cut {
    pub(super) fn plan(
        disk: &dyn Disk,
        manifest: Manifest,
        (number, offset): (u64, u64),
        kept: u64,
    ) -> Result<Self, OpenError> {
        let failed = |error| io_error(disk, "", error);
        let names = disk.list().map_err(failed)?;
        let mut segments: Vec<_> =
            names.iter().filter_map(|name| segment_number(name)).filter(|found| *found >= number).collect();
        segments.sort_unstable();
        let sizes = segments.iter().map(|number| disk.open(&segment_name(*number))?.size());
        let bytes = sizes.sum::<io::Result<u64>>().map_err(failed)?.saturating_sub(offset);
        let records = lost(disk, manifest.first_segment, &segments, kept).map_err(failed)?;
        Ok(Self { manifest, number, offset, segments, bytes, records })
    }

    /// The file that is cut.
    pub(super) fn name(&self) -> String {
        segment_name(self.number)
    }

    /// What is lost, in words.
    pub(super) fn describe(&self, disk: &dyn Disk, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, offset) = (disk.path_of(&self.name()), self.offset);
        writeln!(f, "the journal will end at byte {offset} of {path}")?;
        writeln!(f, "{} bytes are lost, in which at least {} records are known to be", self.bytes, self.records)?;
        write!(f, "the files that are cut stay beside the others: their names end with .damaged")
    }

    pub(super) fn run(&self, disk: &dyn Disk) -> io::Result<()> {
        let first_is_lost = self.number == self.manifest.first_segment && self.offset == 0;
        // The last one first: there is never a gap before segments that are left.
        for number in self.segments.iter().rev().filter(|number| **number > self.number || self.offset == 0) {
            let name = segment_name(*number);
            if first_is_lost && *number == self.number {
                self.expect_no_journal(disk)?;
            }
            disk.rename(&name, &free_name(disk, &name)?)?;
            disk.sync_directory()?;
        }
        if first_is_lost && !self.segments.contains(&self.number) {
            self.expect_no_journal(disk)?;
        }
        if self.offset > 0 { self.cut_segment(disk) } else { Ok(()) }
    }

    fn expect_no_journal(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut manifest = self.manifest;
        manifest.has_journal = false;
        manifest.store(disk)
    }

    /// Replaces the damaged segment by what is before its damage.
    fn cut_segment(&self, disk: &dyn Disk) -> io::Result<()> {
        let name = segment_name(self.number);
        let size = disk.open(&name)?.size()?;
        copy(disk, &name, &free_name(disk, &name)?, size)?;
        copy(disk, &name, &name, self.offset)
    }
}

/// The records after those that are kept, as far as the segments from the damaged one on know of them.
fn lost(disk: &dyn Disk, first: u64, segments: &[u64], kept: u64) -> io::Result<u64> {
    let before = match disk.list()?.contains(&segment_name(first)) {
        true => sequences_of(disk, first)?.map_or(0, |(before, _)| before),
        false => 0,
    };
    let mut highest = 0;
    for number in segments {
        highest = highest.max(sequences_of(disk, *number)?.map_or(0, |(_, highest)| highest));
    }
    Ok(highest.saturating_sub(before + kept))
}
