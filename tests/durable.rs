//! A server whose store is on disk.

use std::{
    env, fs,
    future::IntoFuture,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use kvstore::{
    client::Client,
    protocol::{Command, Response},
    standalone::{self, StackSettings},
    store::{Fsync, OpenError, Store},
    testing::Server,
};

/// A directory that is removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("kvstore-durable-{}-{name}", std::process::id())))
    }

    /// The last file of the journal that has a record in it.
    fn last_file(&self) -> PathBuf {
        let files = fs::read_dir(&self.0).expect("a directory").map(|entry| entry.expect("a file").path());
        let has_records = |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() > 200);
        files.filter(has_records).max().expect("a file of the journal")
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path, fsync: Fsync) -> Result<Store, OpenError> {
    Store::builder().durable(directory, fsync).open()
}

fn get(store: &Store, key: &str) -> Response {
    store.execute(&Command::new("GET").arg(key))
}

#[tokio::test]
async fn a_pipeline_is_written_when_it_is_answered() {
    for fsync in [Fsync::Always, Fsync::EverySec, Fsync::No] {
        let directory = Temporary::new(&format!("pipeline-{fsync}"));
        let server = Server::start(open(&directory.0, fsync).unwrap());
        let client = server.client();
        let pushes = (0..200).map(|number| client.execute(Command::new("RPUSH").arg("list").arg(number)));
        for (push, length) in pushes.collect::<Vec<_>>().into_iter().zip(1..) {
            assert_eq!(push.await.unwrap(), Response::from(length));
        }
        // As it would be there if the process were killed now.
        let copy = Temporary::new(&format!("pipeline-copy-{fsync}"));
        copy_files(&directory.0, &copy.0);
        let store = open(&copy.0, Fsync::No).unwrap();
        assert_eq!(store.execute(&Command::new("LLEN").arg("list")), Response::from(200));
    }
}

#[tokio::test]
async fn a_directory_is_used_by_one_store_until_that_is_closed() {
    let directory = Temporary::new("lock");
    let store = open(&directory.0, Fsync::EverySec).unwrap();
    store.execute(&Command::new("SET").with_args(["key", "value"]));
    let refused = open(&directory.0, Fsync::EverySec).unwrap_err();
    assert!(refused.to_string().ends_with("another process uses the directory"), "{refused}");
    store.close().await.unwrap();
    assert_eq!(get(&open(&directory.0, Fsync::EverySec).unwrap(), "key"), Response::from("value"));
}

#[test]
fn damage_is_named_and_an_incomplete_end_is_left_out() {
    let directory = Temporary::new("damage");
    let store = open(&directory.0, Fsync::Always).unwrap();
    for number in 0..10 {
        store.execute(&Command::new("SET").arg(number).arg("value"));
    }
    drop(store);
    let path = directory.last_file();
    let whole = fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[300] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let refused = open(&directory.0, Fsync::Always).unwrap_err().to_string();
    assert!(refused.contains(&path.display().to_string()) && refused.contains("at byte 2"), "{refused}");
    fs::write(&path, [&whole[..], &[0; 100]].concat()).unwrap();
    assert_eq!(get(&open(&directory.0, Fsync::Always).unwrap(), "9"), Response::from("value"));
}

fn push(store: &Store, number: usize) -> Response {
    store.execute(&Command::new("RPUSH").arg("list").arg(number))
}

/// The number of elements of the list, which are the numbers from 0 on.
fn pushed(store: &Store) -> usize {
    let list = store.execute(&Command::new("LRANGE").with_args(["list", "0", "-1"])).unpacked();
    let Response::Array(elements) = list else { panic!("{list}") };
    assert!(
        elements.iter().zip(0..).all(|(element, number)| element.to_string() == format!("\"{number}\"")),
        "{elements:?}"
    );
    elements.len()
}

fn copy_files(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").map(|entry| entry.expect("a file")) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn a_byte_that_was_flipped_is_never_served() {
    const PUSHES: usize = 120;
    let (directory, damaged) = (Temporary::new("flips"), Temporary::new("flips-copy"));
    for first in (0..PUSHES).step_by(PUSHES / 3) {
        let store = open(&directory.0, Fsync::No).unwrap();
        (first..first + PUSHES / 3).for_each(|number| _ = push(&store, number));
    }
    let (mut refused, mut files) = (0, 0);
    for name in fs::read_dir(&directory.0).unwrap().map(|entry| entry.unwrap().file_name()) {
        let whole = fs::read(directory.0.join(&name)).unwrap();
        files += usize::from(!whole.is_empty());
        for place in (0..100).map(|part| part * whole.len() / 100).filter(|_| !whole.is_empty()) {
            copy_files(&directory.0, &damaged.0);
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << fastrand::u32(0..8);
            fs::write(damaged.0.join(&name), bytes).unwrap();
            match open(&damaged.0, Fsync::No) {
                Ok(store) => assert!(pushed(&store) <= PUSHES, "{name:?} at {place}"),
                Err(error) => {
                    assert!(error.to_string().contains(name.to_str().unwrap()), "{error}");
                    refused += 1;
                }
            }
        }
    }
    // What follows the last sync may be left out, which is little.
    assert!(files > 2 && refused > files * 90, "{refused} of {files} files");
}

/// A file system in memory, of so many bytes. Unmounted at the end.
struct Mounted(PathBuf);

impl Mounted {
    fn new(directory: &Path, bytes: usize) -> Result<Self, String> {
        fs::create_dir_all(directory).expect("a directory");
        let size = format!("size={bytes}");
        let mount = process::Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(directory.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let directory = Temporary::new("full");
    let mounted = match Mounted::new(&directory.0, 256 * 1024) {
        Ok(mounted) => mounted,
        Err(reason) => return eprintln!("not tested, since no file system can be mounted: {reason}"),
    };
    let ballast = mounted.0.join("ballast");
    fs::write(&ballast, vec![0; 128 * 1024]).unwrap();
    let store = open(&mounted.0, Fsync::EverySec).unwrap();
    let refusal = (0..).map(|number| (number, push(&store, number))).find(|(_, answer)| answer.is_error());
    let (accepted, refusal) = refusal.expect("the disk is full at some time");
    assert!(refusal.to_string().starts_with("-MISCONF Errors writing to the AOF file: "), "{refusal}");
    assert_eq!(pushed(&store), accepted);
    fs::remove_file(&ballast).unwrap();
    while push(&store, accepted).is_error() {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(store);
    assert_eq!(pushed(&open(&mounted.0, Fsync::EverySec).unwrap()), accepted + 1);
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_what_to_do() {
    let directory = Temporary::new("place");
    fs::write(&directory.0, "a file").unwrap();
    let refused = open(&directory.0.join("data"), Fsync::No).unwrap_err().to_string();
    assert!(refused.starts_with(&directory.0.display().to_string()), "{refused}");
    assert!(refused.ends_with(": choose another directory"), "{refused}");
    fs::remove_file(&directory.0).unwrap();
}

#[tokio::test]
async fn a_server_answers_while_its_store_is_loaded() {
    let directory = Temporary::new("loading");
    open(&directory.0, Fsync::Always).unwrap().execute(&Command::new("SET").with_args(["key", "value"]));
    let loader = Store::builder().durable(&directory.0, Fsync::Always).start().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = standalone::server(&loader.store(), &StackSettings::default()).listen(listener);
    let serving = tokio::spawn(server.into_future());
    let client = Client::connect(address.to_string()).await.unwrap();
    let answer = async |name: &'static str, args: &[&str]| {
        let answer = client.execute(Command::new(name).with_args(args.iter().copied())).await;
        answer.map_or_else(|error| error.to_string(), |response| response.to_string())
    };
    for (name, args) in [("PING", &[][..]), ("GET", &["key"])] {
        assert!(answer(name, args).await.contains("LOADING Redis is loading the dataset in memory"), "{name}");
    }
    assert!(answer("INFO", &["persistence"]).await.contains("loading:1"));
    let _store = tokio::task::spawn_blocking(|| loader.load()).await.unwrap().unwrap();
    assert_eq!(
        (answer("PING", &[]).await, answer("GET", &["key"]).await),
        ("+PONG".to_owned(), "\"value\"".to_owned())
    );
    serving.abort();
}
