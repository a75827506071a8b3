//! Libraries of functions, in RDB files and in payloads of FUNCTION DUMP: each is its code and its source.

use bytes::Bytes;

use super::{
    lzf::Compressor,
    payload::{VERSION, open, seal},
    read::Reader,
    write::Writer,
};

/// The code of a library.
pub(super) const LIBRARY: u8 = 245;

/// The payload of libraries with these sources.
pub(crate) fn dump_libraries<'a>(sources: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut compressor = Compressor::default();
    let mut payload = Vec::new();
    for source in sources {
        let mut writer = Writer::new(&mut compressor);
        writer.string(source);
        payload.push(LIBRARY);
        payload.extend_from_slice(&writer.into_bytes());
    }
    seal(payload, VERSION)
}

/// The sources of the libraries in a payload. `None` if its checksum is wrong, or its version is not known; `Some(None)` if it has
/// something else.
pub(crate) fn restore_libraries(payload: &[u8]) -> Option<Option<Vec<Bytes>>> {
    let mut reader = Reader::new(open(payload)?.0);
    let mut sources = Vec::new();
    while reader.len() > 0 {
        match (reader.byte(), reader.string()) {
            (Some(LIBRARY), Some(source)) => sources.push(source.into_owned().into()),
            _ => return Some(None),
        }
    }
    Some(Some(sources))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dumped_is_restored_and_nothing_else() {
        let long = "-- a line\n".repeat(100);
        let sources: [&[u8]; 3] = [b"#!lua name=a\n", long.as_bytes(), b""];
        let payload = dump_libraries(sources.into_iter());
        let restored = restore_libraries(&payload).flatten().expect("it is valid");
        assert_eq!(restored, sources);
        assert_eq!(restore_libraries(&dump_libraries([].into_iter())), Some(Some(Vec::new())));
        assert_eq!(restore_libraries(&payload[1..]), None);
        assert_eq!(restore_libraries(&seal(b"\0\x01v".to_vec(), VERSION)), Some(None));
        assert_eq!(restore_libraries(&seal(vec![LIBRARY, 200], VERSION)), Some(None));
    }
}
