//! [`RealDisk`]: a directory of the operating system.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{DirectoryLock, Disk, DiskFile};

/// The file that is locked for the directory. It stays: a lock on a file that is removed excludes nobody.
pub(in super::super) const LOCK: &str = "lock";

/// A directory of the operating system.
#[derive(Clone, Debug)]
pub(in super::super) struct RealDisk(PathBuf);

impl RealDisk {
    /// Opens a directory. It is created, with those around it, if it is missing.
    pub(in super::super) fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        create_durably(&path)?;
        Ok(Self(path))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// Creates a directory. Its name is durable then.
fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_durably(parent)?;
    match fs::create_dir(path) {
        // Another process may create it at the same time.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        created => created,
    }?;
    sync_directory(parent)
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file, and the file system takes care of its entries.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let path = self.path(name);
        // A new file: a sync of the old one may have failed. Its name is gone for good before that of the new one is there.
        match fs::remove_file(&path) {
            Ok(()) => self.sync_directory()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Box::new(RealFile(OpenOptions::new().read(true).write(true).create_new(true).open(path)?)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(File::open(self.path(name))?)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        // Files with other names are not ours.
        names.filter_map(Result::transpose).collect()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        sync_directory(&self.0)
    }

    fn lock(&self) -> io::Result<Box<dyn DirectoryLock>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.path(LOCK))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(LockedFile(file))),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn path_of(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// The system releases the lock when the file is closed, also when the process is killed.
#[derive(Debug)]
struct LockedFile(#[expect(dead_code, reason = "it is held")] File);

impl DirectoryLock for LockedFile {}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.0, buffer, offset)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.0, bytes, offset)
    }

    #[cfg(windows)]
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is removed at the end.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("kvstore-disk-{}-{name}", std::process::id())))
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_written_renamed_and_read() {
        let directory = Temporary::new("files");
        let disk = RealDisk::open(directory.0.join("a/b")).unwrap();
        let file = disk.create("one").unwrap();
        file.write_all_at(b"hello world", 0).unwrap();
        file.truncate(5).unwrap();
        file.sync_data().unwrap();
        disk.rename("one", "two").unwrap();
        disk.sync_directory().unwrap();
        assert_eq!(disk.list().unwrap(), ["two"]);
        let (file, mut read) = (disk.open("two").unwrap(), [0; 4]);
        file.read_exact_at(&mut read, 1).unwrap();
        assert_eq!((&read, file.size().unwrap()), (b"ello", 5));
        let end = file.read_exact_at(&mut read, 2).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        disk.remove("two").unwrap();
        assert_eq!(disk.open("two").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_directory_is_locked_once_until_the_lock_is_dropped() {
        let directory = Temporary::new("lock");
        let disk = RealDisk::open(&directory.0).unwrap();
        let lock = disk.lock().unwrap();
        assert_eq!(RealDisk::open(&directory.0).unwrap().lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(lock);
        assert!(disk.lock().is_ok());
    }
}
