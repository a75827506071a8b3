//! Serialized values: those of other servers, hostile ones, and round trips; `streams` the same of streams.

mod hostile;
mod pinned;
mod round_trip;
mod streams;

use kvstore_protocol::Response;

use crate::store::testing::{TestStore, command};

/// The payload of a key.
#[track_caller]
fn dumped(store: &TestStore, key: &str) -> Vec<u8> {
    match store.answer_to(command("DUMP").arg(key)) {
        Response::Bulk(payload) => payload.to_vec(),
        other => panic!("{key} was dumped as {other}"),
    }
}

/// The answer of RESTORE, which replaces the key.
fn restored(store: &TestStore, key: &str, payload: Vec<u8>) -> String {
    store.answer_to(command("RESTORE").arg(key).arg("0").arg(payload).arg("REPLACE")).to_string()
}
