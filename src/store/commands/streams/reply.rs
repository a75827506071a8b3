//! How entries are answered: `[id, [field, value, …]]`.

use kvstore_protocol::{Packed, Protocol, Response};

use crate::store::{
    call::Call,
    value::{StreamId, stream::Entry},
};

/// An identifier as a text.
pub(super) fn id_text(id: StreamId) -> Response {
    Response::from(&*id.text())
}

/// Streams with their entries: a map in RESP3, an array of pairs in RESP2.
pub(super) fn streams(call: &Call<'_>, found: Vec<(&[u8], Packed)>) -> Response {
    let found = found.into_iter().map(|(name, entries)| (Response::from(name), Response::from(entries)));
    match call.session().protocol() {
        Protocol::Resp3 => Response::Map(found.collect()),
        _ => Response::Array(found.map(|(name, entries)| Response::Array(vec![name, entries])).collect()),
    }
}

/// Adds an entry.
#[inline]
pub(super) fn push_entry(entries: &mut Packed, entry: Entry<'_>) {
    entries.push_array(2, |parts| push_parts(parts, entry));
}

/// Adds the identifier of an entry, and its fields and values.
#[inline]
pub(super) fn push_parts(parts: &mut Packed, entry: Entry<'_>) {
    parts.push(&entry.id().text());
    parts.push_array(2 * entry.len(), |pairs| {
        entry.for_each(|field, value| {
            pairs.push(&field.text());
            pairs.push(&value.text());
        });
    });
}
