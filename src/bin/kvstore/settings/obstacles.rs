//! What would keep the server from starting on this machine. All of it is tried as the start does it, and undone: nothing stays.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::{fs::FileTypeExt, net::UnixStream},
    path::Path,
};

use super::{Flags, Port};
use crate::{
    listen::{CannotListen, bind, bind_unix},
    tls::Tls,
};

/// All that is wrong.
pub(super) fn obstacles(flags: &Flags) -> Vec<String> {
    let mut found = Tls::new(&flags.tls).err().unwrap_or_default();
    if let Some(path) = flags.import.as_ref().filter(|path| !path.exists()) {
        found.push(format!("import: there is no {}", path.display()));
    }
    if flags.is_durable() {
        let problem = try_directory(&flags.dir).and_then(|()| try_lock(&flags.dir)).err();
        found.extend(problem.map(|error| format!("dir: {}: {error}", flags.dir.display())));
    }
    found.extend(addresses(flags));
    found
}

/// Listens for a moment.
fn addresses(flags: &Flags) -> Vec<String> {
    let of_socket = flags.unixsocket().map(|path| try_socket(path, flags.unixsocketperm));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (count, mut problems) = match runtime {
        Ok(runtime) => runtime.block_on(ports(flags)),
        Err(error) => (0, vec![error.to_string()]),
    };
    if count == 0 && problems.is_empty() && of_socket.is_none() {
        problems.push("port, tls-port, unixsocket: there is no address to listen on".to_owned());
    }
    problems.extend(of_socket.and_then(Result::err).map(|CannotListen(problem)| problem));
    problems
}

/// Returns how many addresses can be listened on, and why others cannot.
async fn ports(flags: &Flags) -> (usize, Vec<String>) {
    let (mut listeners, mut problems) = (Vec::new(), Vec::new());
    let Port(port) = flags.port;
    for port in port.into_iter().chain(flags.tls.port()) {
        for address in flags.addresses() {
            match bind(address, port, flags.tcp_backlog).await {
                Ok(listener) => listeners.extend(listener),
                Err(CannotListen(problem)) => problems.push(problem),
            }
        }
    }
    (listeners.len(), problems)
}

/// A socket that is there stays, be it of a server that no longer runs.
fn try_socket(path: &Path, permissions: Option<u32>) -> Result<(), CannotListen> {
    let is_dead = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    match (is_dead, path.parent()) {
        (true, Some(directory)) => {
            try_file(directory).map_err(|error| CannotListen(format!("cannot listen on {}: {error}", path.display())))
        }
        _ => bind_unix(path, permissions).map(drop),
    }
}

/// Creates what is missing of a directory, and a file in it.
fn try_directory(path: &Path) -> io::Result<()> {
    let is_missing = |directory: &&Path| !directory.as_os_str().is_empty() && !directory.exists();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    let mut created = Vec::new();
    let result = missing.iter().rev().try_for_each(|directory| {
        fs::create_dir(directory)?;
        created.push(directory);
        Ok(())
    });
    let result = result.and_then(|()| try_file(path));
    created.iter().rev().for_each(|directory| _ = fs::remove_dir(directory));
    result
}

fn try_file(directory: &Path) -> io::Result<()> {
    // An empty path is that of the current directory.
    let path = Path::new(".").join(directory).join(format!(".kvstore-check-{}", std::process::id()));
    File::create_new(&path)?;
    fs::remove_file(&path)
}

/// Finds a server that runs. The file of the lock is there if one ever did.
fn try_lock(directory: &Path) -> io::Result<()> {
    let Ok(file) = File::open(directory.join("lock")) else { return Ok(()) };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::Error::other("another process uses the directory")),
        _ => Ok(()),
    }
}
