//! [`Disk`]: the files of one directory, as the durable parts of the store use them.
//!
//! - [`RealDisk`] a directory of the operating system
//! - `simulated` a disk in memory for tests, which fails and crashes on demand

mod real;
#[cfg(test)]
pub(super) mod simulated;

use std::{fmt, io};

pub(super) use real::{LOCK, RealDisk};

/// Whether an error says that there is no room: on the disk, or for this user.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A directory of files.
///
/// What was written may be lost in a crash, wholly or in parts, until it was synced: the content of a file by
/// [`DiskFile::sync_data`], the names of files by [`sync_directory`](Self::sync_directory).
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Creates a file, in the place of one with the same name, which is gone for good before.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file to read it.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file another name. A file that had this name is removed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are, and their names.
    fn sync_directory(&self) -> io::Result<()>;

    /// Locks the directory until the lock is dropped.
    ///
    /// # Errors
    /// `WouldBlock` if another process has locked it, or another part of this one.
    fn lock(&self) -> io::Result<Box<dyn DirectoryLock>>;

    /// The name of a file for messages: its path.
    fn path_of(&self, name: &str) -> String;
}

/// An open file. Whoever writes it knows the offsets, so that a write that failed is repeated in the same place.
pub(super) trait DiskFile: fmt::Debug + Send + Sync {
    fn size(&self) -> io::Result<u64>;

    /// Reads up to as many bytes as fit. Returns 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes some of the bytes, and returns how many.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes the content durable. After an error nobody knows what is durable, and a repetition proves nothing: the system may
    /// have dropped what it could not write.
    fn sync_data(&self) -> io::Result<()>;

    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Fills the buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all bytes.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The lock of a directory, which ends when this is dropped.
pub(super) trait DirectoryLock: fmt::Debug + Send + Sync {}
