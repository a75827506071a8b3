//! Libraries of functions, in RDB files and in payloads of FUNCTION DUMP: each is its code and its source.

use bytes::Bytes;

use super::{
    format::Version,
    lzf::Compressor,
    payload::{VERSION, open, seal},
    read::Reader,
    write::Writer,
};

/// The code of a library, and that of a function before the first release of Redis 7.
pub(super) const LIBRARY: u8 = 245;
pub(super) const PRE_RELEASE: u8 = 246;

/// Why a payload has no libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LibrariesError {
    /// The version is not known, or the checksum is wrong.
    Footer,
    /// A function is in a format that was never released.
    PreRelease,
    /// Something else than a library.
    Other,
    /// The source cannot be read.
    Source,
}

/// The payload of libraries with these sources.
pub(crate) fn dump_libraries<'a>(sources: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut compressor = Compressor::default();
    let mut payload = Vec::new();
    for source in sources {
        let mut writer = Writer::new(&mut compressor, Version::Redis7_4);
        writer.string(source);
        payload.push(LIBRARY);
        payload.extend_from_slice(&writer.into_bytes());
    }
    seal(payload, VERSION)
}

/// The sources of the libraries in a payload.
///
/// # Errors
/// If it is not valid, or has something else.
pub(crate) fn restore_libraries(payload: &[u8]) -> Result<Vec<Bytes>, LibrariesError> {
    let mut reader = Reader::new(open(payload).ok_or(LibrariesError::Footer)?.0);
    let mut sources = Vec::new();
    while let Some(code) = reader.byte() {
        match code {
            LIBRARY => sources.push(reader.string().ok_or(LibrariesError::Source)?.into_owned().into()),
            PRE_RELEASE => return Err(LibrariesError::PreRelease),
            _ => return Err(LibrariesError::Other),
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dumped_is_restored_and_nothing_else() {
        let long = "-- a line\n".repeat(100);
        let sources: [&[u8]; 3] = [b"#!lua name=a\n", long.as_bytes(), b""];
        let payload = dump_libraries(sources.into_iter());
        let restored = restore_libraries(&payload).expect("it is valid");
        assert_eq!(restored, sources);
        assert_eq!(restore_libraries(&dump_libraries([].into_iter())), Ok(Vec::new()));
        for (payload, error) in [
            (payload[1..].to_vec(), LibrariesError::Footer),
            (seal(b"\0\x01v".to_vec(), VERSION), LibrariesError::Other),
            (seal(vec![LIBRARY, 200], VERSION), LibrariesError::Source),
            (seal(vec![LIBRARY, 1, b'x', PRE_RELEASE], VERSION), LibrariesError::PreRelease),
        ] {
            assert_eq!(restore_libraries(&payload), Err(error));
        }
    }
}
