//! Files that were damaged while they lay on the disk.

use super::{open, read, write};
use crate::store::{
    Fsync,
    disk::{Disk, simulated::SimulatedDisk},
    journal::{
        Settings,
        format::HEADER_SIZE,
        recovery::OpenError,
        segment::{Segment, name_of},
    },
    testing::TestStore,
};

/// A journal of several segments, of whose last one all but the last group is known to be synced. Returns the number of its
/// segments.
fn journal(closes: bool) -> (SimulatedDisk, u64) {
    let disk = SimulatedDisk::new(1);
    let (_, mut writer) = open(&disk).unwrap();
    for group in 1..=11 {
        write(&mut writer, 1 + group % 3).unwrap();
        writer.sync().unwrap();
    }
    if closes {
        writer.close().unwrap();
    }
    disk.restart();
    let segments = disk.list().unwrap().len() as u64;
    assert!(segments > 2);
    (disk, segments)
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (disk, segments) = journal(true);
    let (count, _) = read(&disk).unwrap();
    for name in (1..=segments).map(name_of) {
        let bits = disk.content(&name).len() * 8;
        for bit in (0..bits).step_by(7) {
            disk.flip_bit(&name, bit);
            match read(&disk) {
                Err(OpenError::Damaged { path, offset, .. }) => {
                    assert_eq!(path, format!("simulated/{name}"));
                    assert!(offset <= bit as u64 / 8);
                }
                // The note that everything was synced holds no record.
                Ok((found, recovered)) => assert!(found == count && recovered.cut > 0, "{name}, bit {bit}"),
                Err(error) => panic!("{name}, bit {bit}: {error}"),
            }
            disk.flip_bit(&name, bit);
        }
    }
    assert_eq!(read(&disk).unwrap().0, count);
}

#[test]
fn an_incomplete_end_is_cut_and_counted() {
    let (disk, segments) = journal(false);
    let (count, whole) = read(&disk).unwrap();
    let name = name_of(segments);
    let (size, last_group) = (disk.content(&name).len(), whole.end.size as usize);
    assert_eq!(whole.cut, 0);
    for cut in last_group..size {
        disk.edit(&name, |content| content.truncate(cut));
        let (found, recovered) = read(&disk).unwrap();
        assert!(found <= count && recovered.cut < (size - last_group) as u64);
        // A file system may leave zeros, or noise.
        for noise in [0, 0xA5] {
            disk.edit(&name, |content| content.resize(size + 5000, noise));
            let (found_again, recovered) = read(&disk).unwrap();
            assert!(found_again == found && recovered.cut > 5000);
            disk.edit(&name, |content| content.truncate(cut));
        }
        let (disk, _) = journal(false);
        let whole = disk.content(&name);
        disk.edit(&name, |content| content.clone_from(&whole));
    }
}

#[test]
fn an_end_before_what_was_synced_is_no_incomplete_end() {
    let (disk, segments) = journal(true);
    let first = name_of(segments - 1);
    disk.edit(&first, |content| content.truncate(content.len() - 1));
    assert!(matches!(read(&disk), Err(OpenError::Damaged { path, .. }) if path == format!("simulated/{first}")));
}

#[test]
fn a_segment_that_is_missing_is_found() {
    for number in 1..3 {
        let (disk, _) = journal(true);
        disk.remove(&name_of(number)).unwrap();
        let error = read(&disk).unwrap_err().to_string();
        let expected = "is damaged at byte 0: it is missing, and the journal goes on after it";
        assert_eq!(error, format!("simulated/{} {expected}", name_of(number)));
    }
}

#[test]
fn segments_that_were_swapped_are_found() {
    let (disk, _) = journal(true);
    let (one, other) = (disk.content(&name_of(1)), disk.content(&name_of(2)));
    disk.edit(&name_of(1), |content| content.clone_from(&other));
    disk.edit(&name_of(2), |content| content.clone_from(&one));
    assert!(matches!(read(&disk), Err(OpenError::Damaged { reason: "it is another segment", .. })));
}

#[test]
fn a_short_read_is_no_end() {
    let (disk, _) = journal(true);
    let whole = read(&disk).unwrap();
    disk.read_short();
    assert_eq!(read(&disk).unwrap(), whole);
}

#[test]
fn a_read_that_fails_is_no_end() {
    let (disk, _) = journal(true);
    let before = disk.operations();
    read(&disk).unwrap();
    let reads = disk.operations() - before;
    for at in 1..reads {
        disk.crash_after(at);
        assert!(matches!(read(&disk), Err(OpenError::Io { .. })), "operation {at}");
        disk.restart();
    }
}

#[test]
fn a_length_that_is_damaged_is_no_frame() {
    let (disk, _) = journal(true);
    for length in [&[0xFF; 9][..], &[0xFE, 0xFF, 0xFF, 0xFF, 0x7F], &[0xFF; 20], &[0x80, 0x80, 0x01]] {
        let whole = disk.content(&name_of(1));
        disk.edit(&name_of(1), |content| content[HEADER_SIZE + 8..][..length.len()].copy_from_slice(length));
        let mut segment = Segment::open(&disk, &name_of(1)).unwrap();
        // It is not read, and no memory is taken for it.
        assert!(segment.next(segment.size).unwrap().is_none());
        assert_eq!(segment.offset, HEADER_SIZE as u64);
        assert!(matches!(read(&disk), Err(OpenError::Damaged { .. })));
        disk.edit(&name_of(1), |content| content.clone_from(&whole));
    }
}

#[test]
fn what_is_of_another_journal_is_not_taken_for_a_part_of_this_one() {
    let ((disk, _), (other, _)) = (journal(true), journal(true));
    let stale = other.content(&name_of(1));
    let size = disk.content(&name_of(1)).len();
    assert_eq!(size, stale.len());
    for block in [32, 64, 128] {
        for start in (HEADER_SIZE..size - block).step_by(block) {
            let whole = disk.content(&name_of(1));
            let range = start..start + block;
            disk.edit(&name_of(1), |content| content[range.clone()].copy_from_slice(&stale[range]));
            if disk.content(&name_of(1)) != whole {
                assert!(matches!(read(&disk), Err(OpenError::Damaged { .. })), "{block} bytes at {start}");
            }
            disk.edit(&name_of(1), |content| content.clone_from(&whole));
        }
    }
    disk.edit(&name_of(1), |content| content.clone_from(&stale));
    assert!(matches!(read(&disk), Err(OpenError::Damaged { .. })));
}

#[test]
fn writes_that_are_short_or_interrupted_are_repeated() {
    let disk = SimulatedDisk::new(1);
    disk.interrupt();
    let (_, mut writer) = open(&disk).unwrap();
    for _ in 0..20 {
        write(&mut writer, 3).unwrap();
        writer.sync().unwrap();
    }
    writer.close().unwrap();
    assert_eq!(read(&disk).unwrap().0, 60);
}

#[test]
fn a_sync_that_finds_the_disk_full_has_failed() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, Settings::new(Fsync::Always), 1).unwrap();
    store.check([("SET k 1", "+OK")]);
    disk.fail_syncs_for_want_of_room();
    assert!(store.answer("SET k 2").to_string().starts_with("-MISCONF The outcome of the command is unknown"));
    disk.heal();
    // Room alone does not help.
    let refused = store.answer("SET k 3").to_string();
    assert!(refused.contains("Writes are accepted again when a snapshot is saved in new files"), "{refused}");
}
