//! [`FileEncoder`]: writes a file.

use std::{
    fmt,
    io::{self, Write},
};

use crc::{Digest, Table};

use super::super::{
    AnyRef, RdbFormat, format::Version, libraries::LIBRARY, lzf::Compressor, payload::CRC, write::Writer,
};

const AUX: u8 = 250;
const RESIZE: u8 = 251;
const EXPIRY_MILLISECONDS: u8 = 252;
const SELECT: u8 = 254;
const END: u8 = 255;

/// Writes a file that Redis 7.0 and Valkey 7.2 and their later versions load; if fields of hashes expire, the servers of its format.
pub(crate) struct FileEncoder<W> {
    output: W,
    digest: Digest<'static, u64, Table<16>>,
    compressor: Compressor,
    version: Version,
}

impl<W: Write> FileEncoder<W> {
    /// Begins a file, with the version of the first server that loads it, and facts about it. `has_expiring_fields` says whether there
    /// are hashes whose fields expire.
    ///
    /// # Errors
    /// If the output fails.
    pub(crate) fn start(
        output: W,
        format: RdbFormat,
        has_expiring_fields: bool,
        facts: &[(&str, &str)],
    ) -> io::Result<Self> {
        let version = if has_expiring_fields { format.into() } else { Version::Redis7_0 };
        let (header, server) = match version {
            Version::Redis7_0 => (b"REDIS0010", ("redis-ver", "7.0.15")),
            Version::Redis7_4 => (b"REDIS0012", ("redis-ver", "7.4.0")),
            Version::Valkey9 => (b"VALKEY080", ("valkey-ver", "9.0.0")),
        };
        let mut encoder = Self { output, digest: CRC.digest(), compressor: Compressor::default(), version };
        encoder.write(header)?;
        for (name, value) in [&server].into_iter().chain(facts) {
            encoder.write_with(&[AUX], |writer| {
                writer.string(name.as_bytes());
                writer.string(value.as_bytes());
            })?;
        }
        Ok(encoder)
    }

    /// Writes the source of a library of functions. Servers expect them in front of the keys.
    ///
    /// # Errors
    /// If the output fails.
    pub(crate) fn library(&mut self, source: &[u8]) -> io::Result<()> {
        self.write_with(&[LIBRARY], |writer| writer.string(source))
    }

    /// Begins a database of so many keys, of which so many have an expiry.
    ///
    /// # Errors
    /// If the output fails.
    pub(crate) fn select(&mut self, database: usize, keys: usize, expiring: usize) -> io::Result<()> {
        self.write_with(&[SELECT], |writer| writer.length(database))?;
        self.write_with(&[RESIZE], |writer| {
            writer.length(keys);
            writer.length(expiring);
        })
    }

    /// Writes a key. The expiry is in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// If the output fails.
    pub(crate) fn key(&mut self, key: &[u8], value: AnyRef<'_>, expires_at: Option<u64>) -> io::Result<()> {
        if let Some(expires_at) = expires_at {
            self.write(&[EXPIRY_MILLISECONDS])?;
            self.write(&expires_at.to_le_bytes())?;
        }
        let mut writer = Writer::new(&mut self.compressor, self.version);
        writer.object(value);
        let object = writer.into_bytes();
        let (value_type, value) = object.split_at(1);
        self.write_with(value_type, |writer| writer.string(key))?;
        self.write(value)
    }

    /// Ends the file, and returns the output. It is not flushed.
    ///
    /// # Errors
    /// If the output fails.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.write(&[END])?;
        let checksum = self.digest.clone().finalize();
        self.output.write_all(&checksum.to_le_bytes())?;
        Ok(self.output)
    }

    /// Writes bytes, and what `write` adds to them.
    fn write_with(&mut self, first: &[u8], write: impl FnOnce(&mut Writer<'_>)) -> io::Result<()> {
        self.write(first)?;
        let mut writer = Writer::new(&mut self.compressor, self.version);
        write(&mut writer);
        let bytes = writer.into_bytes();
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.output.write_all(bytes)
    }
}

impl<W> fmt::Debug for FileEncoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileEncoder").finish_non_exhaustive()
    }
}
