//! The full synchronization: all data of the master, as an RDB file.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError};
use tokio::time::{Duration, interval};

use super::{
    LinkError,
    link::{Link, Stream},
    state::Master,
};
use crate::store::{
    foreign::Tally,
    rdb::{Decoded, FileDecoder, FileError, FileKey},
    state::StoreState,
};

/// The length of the mark at the end of a file of unknown length.
const MARK: usize = 40;

/// How often the master is told that the replica is there while it loads.
const LIFE_SIGN: Duration = Duration::from_secs(1);

/// Receives all data, and puts it in the place of what the store has.
///
/// # Errors
/// If the link is lost or the file is not valid: then the data stays as it was. If a change is refused: then only some of the data is
/// there.
pub(super) async fn receive(
    store: &Arc<StoreState>,
    master: &Master,
    link: &mut Link<impl Stream>,
) -> Result<(), LinkError> {
    let mut tally = Tally::default();
    let keys = receive_keys(store, master, link, &mut tally).await?;
    store.replication.set_loading(true);
    let loaded = {
        let (loading, master) = (Arc::clone(store), master.clone());
        let mut loaded = store.run_elsewhere(move || loading.load_keys(&master, keys, tally));
        let mut life_signs = interval(LIFE_SIGN);
        loop {
            tokio::select! {
                biased;
                loaded = &mut loaded => break loaded.unwrap_or(Err(LinkError::Panicked)),
                _ = life_signs.tick() => {
                    // The loading goes on: what becomes of the link is seen after it.
                    let _ = link.send_bytes(b"\n").await;
                }
            }
        }
    };
    store.replication.set_loading(false);
    link.note_heard();
    report(&loaded?);
    Ok(())
}

/// Receives the file, and keeps its keys until it is whole.
async fn receive_keys(
    store: &StoreState,
    master: &Master,
    link: &mut Link<impl Stream>,
    tally: &mut Tally,
) -> Result<Vec<FileKey>, LinkError> {
    let head = link.line().await?;
    let announced = head.strip_prefix('$').ok_or_else(|| LinkError::Refused(head.clone()))?;
    let mark = announced.strip_prefix("EOF:");
    let total = match mark {
        Some(_) => None,
        None => Some(announced.parse::<u64>().map_err(|_| LinkError::Refused(head.clone()))?),
    };
    let (mut decoder, mut keys) = (FileDecoder::new(), Vec::new());
    loop {
        match decoder.decode(&mut link.input)? {
            Some(Decoded::Key(key)) => keys.push(key),
            Some(Decoded::Foreign(kind)) => _ = tally.skip(kind),
            Some(Decoded::End) => break,
            None => {
                link.read().await?;
                store.replication.note_heard(master);
                store.replication.note_received(master, decoder.offset(), total);
            }
        }
        if total.is_some_and(|total| decoder.offset() > total) {
            return Err(FileError::from("the file is longer than it was announced").into());
        }
    }
    match mark {
        Some(mark) if link.take(MARK).await? != mark.as_bytes() => {
            Err(FileError::from("the mark behind the file is another one").into())
        }
        None if total != Some(decoder.offset()) => {
            Err(FileError::from("the file is shorter than it was announced").into())
        }
        _ => Ok(keys),
    }
}

impl StoreState {
    /// Replaces all data by these keys.
    fn load_keys(&self, master: &Master, keys: Vec<FileKey>, mut tally: Tally) -> Result<Tally, LinkError> {
        {
            let _turn = self.replication.turn(master).ok_or(LinkError::Replaced)?;
            self.apply_commands(&[(0, Command::new("FLUSHALL"))], &mut tally).map_err(LinkError::NotApplied)?;
        }
        for key in keys {
            let _turn = self.replication.turn(master).ok_or(LinkError::Replaced)?;
            let name = key.key.escape_ascii().to_string();
            match self.apply_key(key, true, &mut tally) {
                Err(error) if is_refusal(&error) => return Err(LinkError::NotApplied(error)),
                Err(error) => tracing::error!(key = name, error = error.text(), "a key of the master cannot be loaded"),
                Ok(()) => {}
            }
        }
        Ok(tally)
    }
}

/// Whether the journal takes no changes.
fn is_refusal(error: &CommandError) -> bool {
    error.code() == "MISCONF"
}

fn report(tally: &Tally) {
    let keys: u64 = tally.keys().map(|(_, count)| count).sum();
    tracing::info!(keys, "all data of the master is loaded");
    for (kind, count) in tally.skipped() {
        tracing::warn!(kind, count, "something of the master is not supported, and was left out");
    }
}
