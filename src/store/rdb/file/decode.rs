//! [`FileDecoder`]: reads a file as it comes in.

use std::{borrow::Cow, fmt, mem};

use bytes::{Buf, BytesMut};
use crc::{Digest, Table};

use super::{
    super::{payload::CRC, read::Reader},
    layout::{self, Code, KEY, Part, ValueType},
    walk::{Stop, Walk},
};

/// The lengths of the first bytes of a file, and the versions that are read.
const HEADER: usize = 9;
const REDIS: (&[u8], std::ops::RangeInclusive<u32>) = (b"REDIS", 6..=12);
const VALKEY: (&[u8], std::ops::RangeInclusive<u32>) = (b"VALKEY", 80..=80);

/// The most bytes of one item: a string or a packed collection has at most 4 GiB.
const MAX_ITEM: u64 = 1 << 36;

/// A key of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileKey {
    pub(crate) database: usize,
    pub(crate) key: Vec<u8>,
    /// The name of the type, and the serialized value.
    pub(crate) type_name: &'static str,
    pub(crate) object: Vec<u8>,
    /// In milliseconds since the Unix epoch.
    pub(crate) expires_at: Option<u64>,
    /// The seconds since the last access.
    pub(crate) idle_time: Option<u64>,
}

/// The next thing in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Key(FileKey),
    /// The source of a library of functions.
    Library(Vec<u8>),
    /// Something that the store does not have, by the name of its kind.
    Foreign(Cow<'static, str>),
    /// The end, with a checksum that is right, or none.
    End,
}

/// Why a file is not read any further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileError(Cow<'static, str>);

impl FileError {
    pub(crate) fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for FileError {
    fn from(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }
}

/// Reads a file from a buffer to which bytes are appended.
pub(crate) struct FileDecoder {
    is_valkey: bool,
    has_header: bool,
    digest: Digest<'static, u64, Table<16>>,
    /// The number of bytes that were taken.
    offset: u64,
    /// There is nothing to do with fewer bytes in the buffer.
    needed: u64,
    item: Option<(Code, Walk)>,
    database: usize,
    /// What the file says of the next key.
    expires_at: Option<u64>,
    idle_time: Option<u64>,
}

impl FileDecoder {
    pub(crate) fn new() -> Self {
        Self {
            is_valkey: false,
            has_header: false,
            digest: CRC.digest(),
            offset: 0,
            needed: HEADER as u64,
            item: None,
            database: 0,
            expires_at: None,
            idle_time: None,
        }
    }

    /// The number of bytes that were taken off the buffer. After an error, this is where what is wrong begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes must be in the buffer before there is something new in it.
    pub(crate) fn needed(&self) -> u64 {
        self.needed
    }

    /// Whether bytes begin as a file does.
    pub(crate) fn is_file(bytes: &[u8]) -> bool {
        bytes.starts_with(REDIS.0) || bytes.starts_with(VALKEY.0)
    }

    /// Takes the next thing off the buffer. `None` if there is none as a whole.
    ///
    /// # Errors
    /// If the file is not valid. It is not read any further then.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Decoded>, FileError> {
        while self.needed <= buffer.len() as u64 {
            if !self.has_header {
                self.read_header(buffer)?;
                continue;
            }
            let end = match self.find_end(buffer) {
                Ok(end) => end,
                Err(Stop::Invalid(reason)) => return Err(reason.into()),
                Err(Stop::More(needed)) if needed > MAX_ITEM => return Err("a value is too large".into()),
                Err(Stop::More(needed)) => {
                    self.needed = needed;
                    return Ok(None);
                }
            };
            self.needed = 1;
            if let Some(decoded) = self.take_item(buffer, end)? {
                return Ok(Some(decoded));
            }
        }
        Ok(None)
    }

    fn read_header(&mut self, buffer: &mut BytesMut) -> Result<(), FileError> {
        let header = &buffer[..HEADER];
        let (magic, versions) =
            [REDIS, VALKEY].into_iter().find(|(magic, _)| header.starts_with(magic)).ok_or("it is no RDB file")?;
        let digits = &header[magic.len()..];
        let version =
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or("it has no version")?;
        if !versions.contains(&version) {
            return Err(FileError::new(format!("version {version} of RDB files is not known")));
        }
        self.is_valkey = magic == VALKEY.0;
        self.digest.update(header);
        buffer.advance(HEADER);
        (self.has_header, self.offset, self.needed) = (true, HEADER as u64, 1);
        Ok(())
    }

    /// Where the item ends that begins the buffer.
    fn find_end(&mut self, buffer: &[u8]) -> Result<usize, Stop> {
        let (_, walk) = match &mut self.item {
            Some(item) => item,
            none => {
                let found = layout::find(buffer[0], self.is_valkey);
                let (code, parts) = found.ok_or(Stop::Invalid("the type of a value is not known"))?;
                none.insert((code, Walk::of(code, parts)))
            }
        };
        walk.find_end(buffer)
    }

    fn take_item(&mut self, buffer: &mut BytesMut, end: usize) -> Result<Option<Decoded>, FileError> {
        let Some((code, _)) = self.item.take() else { return Ok(None) };
        let item = &buffer[1..end];
        match code {
            Code::End => self.check(item)?,
            Code::PreReleaseFunction => return Err("Pre-release function format not supported".into()),
            _ => {}
        }
        let decoded = self.read_item(code, buffer[0], &buffer[1..end]).ok_or("it is not valid")?;
        self.digest.update(&buffer[..end]);
        buffer.advance(end);
        self.offset += end as u64;
        Ok(decoded)
    }

    /// Checks the checksum. A file may have none.
    fn check(&self, checksum: &[u8]) -> Result<(), FileError> {
        let expected = checksum.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let mut digest = self.digest.clone();
        digest.update(&[0xFF]);
        if expected == 0 || digest.finalize() == expected { Ok(()) } else { Err("the checksum is wrong".into()) }
    }

    fn read_item(&mut self, code: Code, byte: u8, item: &[u8]) -> Option<Option<Decoded>> {
        let mut reader = Reader::new(item);
        match code {
            Code::Aux | Code::Resize | Code::SlotInfo | Code::Frequency | Code::PreReleaseFunction => {}
            Code::Idle => self.idle_time = Some(reader.length()?),
            Code::ExpiryMilliseconds => self.expires_at = Some(u64::from_le_bytes(reader.array()?)),
            Code::ExpirySeconds => self.expires_at = Some(u64::from(u32::from_le_bytes(reader.array()?)) * 1000),
            Code::Select => self.database = usize::try_from(reader.length()?).ok()?,
            Code::Library => return Some(Some(Decoded::Library(reader.string()?.into_owned()))),
            Code::ModuleAux => {
                let name = format!("data of module {}", module_name(reader.length()?));
                return Some(Some(Decoded::Foreign(name.into())));
            }
            Code::Key(value_type) => return self.read_key(value_type, byte, reader).map(Some),
            Code::End => return Some(Some(Decoded::End)),
        }
        Some(None)
    }

    fn read_key(&mut self, value_type: ValueType, byte: u8, mut reader: Reader<'_>) -> Option<Decoded> {
        let key = reader.string()?.into_owned();
        let (expires_at, idle_time) = (mem::take(&mut self.expires_at), mem::take(&mut self.idle_time));
        let type_name = match value_type {
            ValueType::Known(name) => name,
            ValueType::Foreign(name) => return Some(Decoded::Foreign(name.into())),
            ValueType::Module => {
                return Some(Decoded::Foreign(format!("value of module {}", module_name(reader.length()?)).into()));
            }
        };
        let value = reader.rest();
        let mut object = Vec::with_capacity(1 + value.len());
        object.push(byte);
        object.extend_from_slice(value);
        Some(Decoded::Key(FileKey { database: self.database, key, type_name, object, expires_at, idle_time }))
    }
}

impl Walk {
    /// A walk over what belongs to a code, behind the byte of the code.
    fn of(code: Code, parts: &'static [Part]) -> Self {
        match code {
            Code::Key(_) => Self::over([KEY, parts], 1),
            _ => Self::new(parts, 1),
        }
    }
}

/// The name of a module in its identifier: nine characters of six bits, and a version of ten.
fn module_name(identifier: u64) -> String {
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|at| char::from(CHARACTERS[(identifier >> (58 - 6 * at)) as usize & 0x3F])).collect()
}

impl fmt::Debug for FileDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDecoder").field("offset", &self.offset).finish_non_exhaustive()
    }
}
