use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::store::{
    rdb::{AnyType, RdbFormat, payload::CRC},
    testing::TestStore,
    value::DataType,
};

/// What a file has, decoded from pieces of this length.
fn decoded(file: &[u8], piece: usize) -> Result<Vec<Decoded>, String> {
    let (mut decoder, mut buffer, mut found) = (FileDecoder::new(), BytesMut::new(), Vec::new());
    for piece in file.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        while let Some(decoded) = decoder.decode(&mut buffer).map_err(|error| error.to_string())? {
            let is_end = decoded == Decoded::End;
            found.push(decoded);
            if is_end {
                return Ok(found);
            }
        }
        assert!(decoder.needed() > buffer.len() as u64);
        assert!(decoder.offset() + buffer.len() as u64 <= file.len() as u64);
    }
    Ok(found)
}

/// A file with this body and a checksum.
fn file(header: &[u8], body: &[u8]) -> Vec<u8> {
    let mut file = [header, body, b"\xFF"].concat();
    file.extend_from_slice(&CRC.checksum(&file).to_le_bytes());
    file
}

fn keys(file: &[u8]) -> Vec<String> {
    let shown = |decoded: &Decoded| match decoded {
        Decoded::Key(key) => format!(
            "{} {} {} {:?} {:?} {}",
            key.database,
            key.key.escape_ascii(),
            key.type_name,
            key.expires_at,
            key.idle_time,
            key.object.escape_ascii()
        ),
        Decoded::Library(source) => format!("library {}", source.escape_ascii()),
        Decoded::Foreign(kind) => format!("- {kind}"),
        Decoded::End => "end".to_owned(),
    };
    decoded(file, usize::MAX).expect("it is valid").iter().map(shown).collect()
}

/// A file of a store with a key of every type and encoding.
fn exported(format: RdbFormat) -> Vec<u8> {
    let store = TestStore::new();
    let long = "x".repeat(100);
    for line in [
        "SET string value PX 100000",
        "SET number -12345",
        &format!("SET compressed {long}"),
        "RPUSH list a b 1 2 -70000",
        "SADD numbers 1 2 70000",
        "SADD set a b c",
        &format!("SADD large-set a {long}"),
        "HSET hash f v g 1",
        &format!("HSET large-hash f {long}"),
        "HSETEX expiring-hash PXAT 2000000000000 FIELDS 2 f v g 1",
        &format!("HSETEX large-expiring-hash PXAT 2000000000000 FIELDS 1 f {long}"),
        "ZADD sorted 1 a 2.5 b inf c",
        &format!("ZADD large-sorted 1 a -inf {long}"),
    ] {
        assert!(!store.answer(line).is_error(), "{line}");
    }
    let mut encoder = FileEncoder::start(Vec::new(), format, true, &[("name", "value")]).expect("a buffer takes it");
    encoder.library(b"#!lua name=l").expect("a buffer takes it");
    encoder.select(3, 13, 1).expect("a buffer takes it");
    let databases = &store.store().handle.databases;
    for index in databases.all_shards() {
        let shard = databases.lock_any(index);
        for entry in (0..shard.len()).filter_map(|number| shard.nth(number)) {
            let value = AnyType::read(entry).expect("a value of a type");
            encoder.key(entry.key(), value, entry.expires_at()).expect("a buffer takes it");
        }
    }
    encoder.finish().expect("a buffer takes it")
}

#[test]
fn versions_of_redis_and_valkey_are_read() {
    for header in ["REDIS0006", "REDIS0009", "REDIS0012", "VALKEY080"] {
        assert_eq!(
            keys(&file(header.as_bytes(), b"\0\x01k\x01v")),
            ["0 k string None None \\x00\\x01v", "end"],
            "{header}"
        );
    }
    for (header, error) in [
        ("REDIS0005", "version 5 of RDB files is not known"),
        ("REDIS0013", "version 13 of RDB files is not known"),
        ("VALKEY081", "version 81 of RDB files is not known"),
        ("VALKEY011", "version 11 of RDB files is not known"),
        ("REDIS00x1", "it has no version"),
        ("SIDER0011", "it is no RDB file"),
    ] {
        assert_eq!(decoded(&file(header.as_bytes(), b""), usize::MAX), Err(error.to_owned()));
    }
}

#[test]
fn what_is_said_of_a_key_is_for_the_next_one() {
    let body = b"\xFA\x03ver\x017\xFE\x02\xFB\x02\x01\xFC\x10\x27\0\0\0\0\0\0\xF8\x09\0\x01a\x01v\0\x01b\x01v\
        \xFD\x10\x27\0\0\xF9\x07\0\x01c\xC0\x0C\xF4\x01\x02\x03\xFE\0\0\x01d\x01v";
    let expected = [
        "2 a string Some(10000) Some(9) \\x00\\x01v",
        "2 b string None None \\x00\\x01v",
        "2 c string Some(10000000) None \\x00\\xc0\\x0c",
        "0 d string None None \\x00\\x01v",
        "end",
    ];
    assert_eq!(keys(&file(b"REDIS0011", body)), expected);
}

#[test]
fn a_stream_is_a_key_and_what_the_store_does_not_have_is_skipped_and_named() {
    let stream = b"\x15\x01s\x01\x10................\x03abc\x01\x05\x06\x01\x02\x03\x04\x05\
        \x01\x01g\x01\x02\x03\x01................tttttttt\x01\x01\x01csssssssssaaaaaaa\x01................";
    let module = b"\x07\x01m\x81\x10\x10\x10\x10\x10\x10\x10\x10\x02\x07\x01\x40\xFF\x03ffff\x04dddddddd\x05\x02ab\0";
    let auxiliary = b"\xF7\x81\x10\x10\x10\x10\x10\x10\x10\x10\x02\x01\x05\x01x\0";
    let function = b"\xF5\x05#!lua";
    let body = [&stream[..], module, auxiliary, function, b"\0\x01k\x01v"].concat();
    let expected = [
        concat!(
            "0 s stream None None \\x15\\x01\\x10................\\x03abc\\x01\\x05\\x06\\x01\\x02\\x03\\x04\\x05\\x01",
            "\\x01g\\x01\\x02\\x03\\x01................tttttttt\\x01\\x01\\x01csssssssssaaaaaaa\\x01................",
        ),
        "- value of module EBAQEBAQE",
        "- data of module EBAQEBAQE",
        "library #!lua",
        "0 k string None None \\x00\\x01v",
        "end",
    ];
    assert_eq!(keys(&file(b"REDIS0011", &body)), expected);
}

#[test]
fn a_function_of_a_pre_release_is_refused() {
    let file = file(b"REDIS0010", b"\xF6\x03lib\x03LUA\0\x05#!lua");
    assert_eq!(decoded(&file, usize::MAX), Err("Pre-release function format not supported".to_owned()));
}

#[test]
fn a_hash_with_expiring_fields_is_read_in_every_format_that_was_released() {
    let key = b"\0\x01k\x01v";
    for (header, hash, is_known) in [
        ("VALKEY080", &b"\x16\x01h\x02\x01f\x01veeeeeeee\x01g\x01veeeeeeee"[..], true),
        ("REDIS0012", b"\x16\x01h\x02\x05\x01f\x01v\0\x01g\x01v", false),
        ("REDIS0012", b"\x17\x01h\x05lpack", false),
        ("REDIS0012", b"\x18\x01heeeeeeee\x02\x05\x01f\x01v\0\x01g\x01v", true),
        ("REDIS0012", b"\x19\x01heeeeeeee\x05lpack", true),
    ] {
        let body = [hash, key].concat();
        let shown = format!("0 h hash None None {}{}", hash[..1].escape_ascii(), hash[3..].escape_ascii());
        let first = if is_known { &*shown } else { "- hash with expiring fields" };
        let expected = [first, "0 k string None None \\x00\\x01v", "end"];
        assert_eq!(keys(&file(header.as_bytes(), &body)), expected, "{}", hash.escape_ascii());
    }
}

#[test]
fn the_fields_of_a_hash_expire_in_the_payload_of_every_format() {
    let at = 2_000_000_000_000_u64.to_le_bytes();
    let valkey = [&b"\x16\x01h\x02\x01f\x01v"[..], &at, b"\x01g\x01w", &[0xFF; 8]].concat();
    let redis = [&b"\x18\x01h"[..], &at, b"\x02\x01\x01f\x01v\0\x01g\x01w"].concat();
    for (header, body) in [("VALKEY080", valkey), ("REDIS0012", redis)] {
        let store = TestStore::new();
        for found in decoded(&file(header.as_bytes(), &body), usize::MAX).expect("it is valid") {
            if let Decoded::Key(key) = found {
                store.store().handle.apply_key(key, false, &mut Default::default()).expect("a payload");
            }
        }
        store.check([
            ("HGETALL h", r#"{"f": "v", "g": "w"}"#),
            ("HPEXPIRETIME h FIELDS 2 f g", "[:2000000000000, :-1]"),
        ]);
    }
}

#[test]
fn a_file_is_the_same_in_any_pieces() {
    for (format, header) in [(RdbFormat::Redis, b"REDIS0012"), (RdbFormat::Valkey, b"VALKEY080")] {
        let file = exported(format);
        assert!(file.starts_with(header));
        let whole = decoded(&file, usize::MAX).expect("it is valid");
        assert_eq!(whole.len(), 15);
        assert_eq!(whole[0], Decoded::Library(b"#!lua name=l".to_vec()));
        for piece in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(decoded(&file, piece).as_ref(), Ok(&whole), "{piece}");
        }
    }
}

#[test]
fn the_type_of_a_hash_whose_fields_expire_is_that_of_the_format() {
    for (format, types) in [(RdbFormat::Redis, [25, 24]), (RdbFormat::Valkey, [22, 22])] {
        let found = decoded(&exported(format), usize::MAX).expect("it is valid");
        let type_of = |name: &[u8]| {
            found.iter().find_map(|found| match found {
                Decoded::Key(key) if key.key == name => key.object.first().copied(),
                _ => None,
            })
        };
        assert_eq!([type_of(b"expiring-hash"), type_of(b"large-expiring-hash")], types.map(Some), "{format}");
        let store = TestStore::new();
        for found in found {
            if let Decoded::Key(key) = found {
                let key = FileKey { database: 0, ..key };
                store.store().handle.apply_key(key, false, &mut Default::default()).expect("a payload");
            }
        }
        store.check([
            ("HMGET expiring-hash f g", r#"["v", "1"]"#),
            ("HPEXPIRETIME expiring-hash FIELDS 2 f g", "[:2000000000000, :2000000000000]"),
            ("HPEXPIRETIME large-expiring-hash FIELDS 1 f", "[:2000000000000]"),
        ]);
    }
}

#[test]
fn a_file_without_its_end_has_none() {
    let file = exported(RdbFormat::Redis);
    for len in 0..file.len() {
        let found = decoded(&file[..len], usize::MAX).expect("what is there is valid");
        assert!(!found.contains(&Decoded::End), "{len}");
    }
}

#[test]
fn a_file_with_a_wrong_bit_is_refused_or_has_no_end() {
    let file = exported(RdbFormat::Redis);
    for (at, bit) in (0..file.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut damaged = file.clone();
        damaged[at] ^= 1 << bit;
        if let Ok(found) = decoded(&damaged, usize::MAX) {
            assert!(!found.contains(&Decoded::End), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_file_may_have_no_checksum() {
    let mut file = exported(RdbFormat::Redis);
    let len = file.len();
    file[len - 8..].fill(0);
    assert!(decoded(&file, usize::MAX).expect("it is valid").contains(&Decoded::End));
}

#[test]
fn a_length_is_no_reason_to_allocate() {
    for body in [
        &b"\0\x01k\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"[..],
        b"\x01\x01k\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\0\x01k\xC3\x05\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFabcde",
        b"\x05\x01k\x80\xFF\xFF\xFF\xFF",
    ] {
        let file = file(b"REDIS0011", body);
        if let Ok(found) = decoded(&file, usize::MAX) {
            // A string that claims to be long when it is decompressed is checked when it is stored.
            assert!(found.len() <= 2, "{}", body.escape_ascii());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_a_reason_to_panic(
        body in prop::collection::vec(any::<u8>(), 0..300), header in 0_usize..2, piece in 1_usize..300,
    ) {
        let header = [&b"REDIS0011"[..], b"VALKEY080"][header];
        let _ = decoded(&[header, &body].concat(), piece);
    }

    #[test]
    fn a_file_that_was_changed_in_places_is_no_reason_to_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), piece in 1_usize..100,
    ) {
        let mut file = exported(RdbFormat::Redis);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let store = TestStore::new();
        for found in decoded(&file, piece).unwrap_or_default() {
            if let Decoded::Key(key) = found {
                let _ = store.store().handle.apply_key(key, true, &mut Default::default());
            }
        }
    }
}
