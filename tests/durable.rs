//! A server whose store is on disk.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use kvstore::{
    protocol::{Command, Response},
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
async fn a_pipeline_is_on_disk_when_it_is_answered() {
    let directory = Temporary::new("pipeline");
    let server = Server::start(open(&directory.0, Fsync::Always).unwrap());
    let client = server.client();
    let pushes = (0..200).map(|number| client.execute(Command::new("RPUSH").arg("list").arg(number)));
    for (push, length) in pushes.collect::<Vec<_>>().into_iter().zip(1..) {
        assert_eq!(push.await.unwrap(), Response::from(length));
    }
    // As it would be there if the process were killed now.
    let copy = Temporary::new("pipeline-copy");
    fs::create_dir(&copy.0).unwrap();
    for entry in fs::read_dir(&directory.0).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), copy.0.join(entry.file_name())).unwrap();
    }
    let store = open(&copy.0, Fsync::No).unwrap();
    assert_eq!(store.execute(&Command::new("LLEN").arg("list")), Response::from(200));
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
