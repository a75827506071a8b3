//! The target of RESTORE.

use crc::{CRC_64_REDIS, Crc, Table};
use kvstore::{
    protocol::{Command, Response},
    store::Store,
};

use crate::LONGEST;

const CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// Payloads of RESTORE, given without their checksum: each is refused with an error, or the value can be dumped, and restored
/// again to one of the same length; but for a hash whose fields have all expired.
pub fn restore(data: &[u8]) {
    let store = Store::builder().threads(1).build();
    if restores(&store, "one", sealed(&data[..data.len().min(LONGEST)])) {
        let Some(payload) = dumped(&store, "one") else { return };
        assert!(restores(&store, "other", payload.clone()), "the payload is {}", payload.escape_ascii());
        assert_eq!(dumped(&store, "other").map(|dumped| dumped.len()), Some(payload.len()));
    }
}

/// A payload of RDB version 12, or of Valkey for the type that it alone has.
fn sealed(object: &[u8]) -> Vec<u8> {
    let version = if object.first() == Some(&22) { 80 } else { 12 };
    let mut payload = [object, &[version, 0]].concat();
    payload.extend_from_slice(&CRC.checksum(&payload).to_le_bytes());
    payload
}

fn restores(store: &Store, key: &str, payload: Vec<u8>) -> bool {
    let command = Command::new("RESTORE").with_args([key, "0"]).arg(payload);
    match store.execute(&command) {
        Response::Error(error) => {
            assert_eq!(&error[..], b"ERR Bad data format");
            false
        }
        response => response == Response::ok(),
    }
}

fn dumped(store: &Store, key: &str) -> Option<Vec<u8>> {
    match store.execute(&Command::new("DUMP").arg(key)) {
        Response::Bulk(payload) => Some(payload.to_vec()),
        Response::Null if key == "one" => None,
        other => panic!("{key} was dumped as {other}"),
    }
}
