//! Files that were damaged while they lay on the disk, or are missing.

use super::{ALWAYS, close, save};
use crate::store::{
    OpenError,
    disk::{Disk, simulated::SimulatedDisk},
    snapshot::format::{BLOCK_SIZE, BlockHead, HEADER_SIZE, Header, MAX_PAYLOAD},
    testing::TestStore,
};

const SNAPSHOT: &str = "snapshot-000000000001";

/// A store of a snapshot and a segment after it.
fn directory() -> SimulatedDisk {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
    for number in 0..20 {
        store.answer(&format!("SET key:{number} {}", "v".repeat(number * 10)));
    }
    save(&store).unwrap();
    store.check([("SET after 1", "+OK")]);
    close(store);
    disk.restart();
    disk
}

fn open(disk: &SimulatedDisk) -> Result<TestStore, OpenError> {
    disk.restart();
    TestStore::durable(disk, ALWAYS, 1)
}

/// Edits the payload of the first block, and computes its checksum again.
pub(in super::super::super) fn edit_block(disk: &SimulatedDisk, edit: impl FnOnce(&mut [u8])) {
    edit_first(disk, |head, payload| {
        edit(payload);
        head
    });
}

fn edit_first(disk: &SimulatedDisk, edit: impl FnOnce(BlockHead, &mut [u8]) -> BlockHead) {
    disk.edit(SNAPSHOT, |bytes| {
        let (_, id) = Header::decode(bytes.first_chunk().unwrap()).unwrap();
        let head = BlockHead::read(bytes[HEADER_SIZE..].first_chunk().unwrap()).unwrap();
        let block = &mut bytes[HEADER_SIZE..][..BLOCK_SIZE + head.stored];
        edit(head, &mut block[BLOCK_SIZE..]).write(block, id, 0);
    });
}

#[test]
fn a_compression_that_is_not_known_is_named() {
    let disk = directory();
    edit_first(&disk, |head, _| BlockHead { compression: None, ..head });
    let refused = open(&disk).unwrap_err();
    assert!(matches!(refused, OpenError::Unsupported { .. }));
    assert!(
        refused.to_string().starts_with("simulated/snapshot-000000000001: it is compressed in a way that this program")
    );
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let disk = directory();
    for name in [SNAPSHOT, "manifest"] {
        for bit in (0..disk.content(name).len() * 8).step_by(5) {
            disk.flip_bit(name, bit);
            match open(&disk).unwrap_err() {
                OpenError::Damaged { path, offset, .. } => {
                    assert!(path == format!("simulated/{name}") && offset <= bit as u64 / 8, "{path} {bit}");
                }
                error => panic!("{name}, bit {bit}: {error}"),
            }
            disk.flip_bit(name, bit);
        }
    }
    open(&disk).unwrap().check([("DBSIZE", ":21")]);
}

#[test]
fn a_snapshot_that_was_cut_or_grew_is_refused() {
    let disk = directory();
    let whole = disk.content(SNAPSHOT);
    for size in (0..whole.len()).chain([whole.len() + 1]) {
        disk.edit(SNAPSHOT, |content| content.resize(size, 0));
        assert!(matches!(open(&disk), Err(OpenError::Damaged { .. })), "{size}");
        disk.edit(SNAPSHOT, |content| content.clone_from(&whole));
    }
    assert!(open(&disk).is_ok());
}

#[test]
fn a_file_that_is_missing_is_named() {
    for (name, reason) in [
        (SNAPSHOT, "it is missing, and the manifest names it: bring it back from a backup of the directory"),
        ("manifest", "it is missing, and there is a snapshot: `kvstore repair` makes it anew"),
    ] {
        let disk = directory();
        disk.remove(name).unwrap();
        let error = open(&disk).unwrap_err().to_string();
        assert_eq!(error, format!("simulated/{name} is damaged at byte 0: {reason}"));
    }
    let disk = directory();
    let segments: Vec<_> = disk.list().unwrap().into_iter().filter(|name| name.starts_with("journal-")).collect();
    segments.iter().for_each(|name| disk.remove(name).unwrap());
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.starts_with(&format!("simulated/{} is damaged at byte 0: it is missing", segments[0])), "{error}");
}

#[test]
fn an_older_snapshot_is_not_taken_for_the_one_that_the_manifest_names() {
    let disk = directory();
    let old = disk.content(SNAPSHOT);
    let store = open(&disk).unwrap();
    save(&store).unwrap();
    close(store);
    let new = "snapshot-000000000002";
    disk.edit(new, |content| content.clone_from(&old));
    let error = open(&disk).unwrap_err().to_string();
    assert_eq!(error, format!("simulated/{new} is damaged at byte 0: it is another snapshot than the manifest names"));
}

#[test]
fn a_snapshot_of_more_databases_than_the_store_has_is_refused() {
    let disk = SimulatedDisk::new(1);
    let mut store = TestStore::durable(&disk, None, 1).unwrap();
    store.select(5);
    store.check([("SET k v", "+OK")]);
    save(&store).unwrap();
    close(store);
    disk.restart();
    let refused = crate::store::Store::builder().databases(5).open_on(std::sync::Arc::new(disk), None).unwrap_err();
    assert!(refused.to_string().ends_with("an entry is of a database that the store does not have"), "{refused}");
}

#[test]
fn a_block_of_another_place_or_file_is_refused() {
    let disk = SimulatedDisk::new(1);
    let store = TestStore::durable(&disk, ALWAYS, 1).unwrap();
    for number in 0..4000 {
        store.answer(&format!("SET key:{number} {}", "v".repeat(100)));
    }
    store.check([("CONFIG SET snapshot-compression none", "+OK")]);
    save(&store).unwrap();
    let old = disk.content(SNAPSHOT);
    save(&store).unwrap();
    close(store);
    let new = "snapshot-000000000002";
    let whole = disk.content(new);
    let mut starts = vec![HEADER_SIZE];
    while let Some(head) = whole[starts[starts.len() - 1]..].first_chunk() {
        starts.push(starts[starts.len() - 1] + BLOCK_SIZE + BlockHead::read(head).unwrap().stored);
    }
    let blocks: Vec<_> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    assert!(blocks.len() > 3 && old.len() == whole.len());
    let refuse = |change: &dyn Fn(&mut Vec<u8>)| {
        disk.edit(new, change);
        assert!(matches!(open(&disk), Err(OpenError::Damaged { reason: "the checksum of a block is wrong", .. })));
        disk.edit(new, |content| content.clone_from(&whole));
    };
    refuse(&|content| content[blocks[1].clone()].copy_from_slice(&old[blocks[1].clone()]));
    refuse(&|content| *content = [&whole[..starts[1]], &whole[starts[2]..]].concat());
    refuse(&|content| {
        *content =
            [&whole[..starts[0]], &whole[blocks[1].clone()], &whole[blocks[0].clone()], &whole[starts[2]..]].concat();
    });
    assert!(open(&disk).is_ok());
}

#[test]
fn the_sizes_of_a_block_are_bounded_before_anything_is_allocated() {
    let disk = directory();
    let head: [u8; BLOCK_SIZE] = *disk.content(SNAPSHOT)[HEADER_SIZE..].first_chunk().unwrap();
    assert!(BlockHead::read(&head).is_some());
    for at in [8, 12] {
        let mut damaged = head;
        damaged[at..at + 4].copy_from_slice(&(2 * MAX_PAYLOAD as u32 + 1).to_le_bytes());
        assert!(BlockHead::read(&damaged).is_none());
    }
}

#[test]
fn other_versions_of_the_files_are_refused() {
    use xxhash_rust::xxh3::xxh3_64_with_seed;
    for (name, size) in [(SNAPSHOT, 48), ("manifest", 56)] {
        let disk = directory();
        disk.edit(name, |bytes| {
            bytes[8] = 9;
            let checksum = xxh3_64_with_seed(&bytes[..size], 0);
            bytes[size..size + 8].copy_from_slice(&checksum.to_le_bytes());
        });
        let refused = open(&disk).unwrap_err();
        assert!(matches!(refused, OpenError::Version { version: 9, .. }));
        assert_eq!(
            refused.to_string(),
            format!("simulated/{name} has version 9 of its format, which this program does not read")
        );
    }
}
