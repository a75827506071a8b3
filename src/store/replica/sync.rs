//! The full synchronization: all data of the master, as an RDB file.

use std::sync::Arc;

use tokio::time::{Duration, interval};

use super::{
    LinkError,
    link::{Link, Stream},
    state::Master,
};
use crate::store::{
    foreign::{Tally, is_refusal},
    rdb::{Decoded, FileDecoder, FileError, FileKey},
    state::StoreState,
};

/// The length of the mark at the end of a file of unknown length.
const MARK: usize = 40;

/// How often the master is told that the replica is there while it loads.
const LIFE_SIGN: Duration = Duration::from_secs(1);

/// What is in a file.
#[derive(Debug, Default)]
struct Dataset {
    libraries: Vec<Vec<u8>>,
    keys: Vec<FileKey>,
}

/// Receives all data, and puts it in the place of what the store has.
///
/// # Errors
/// If the link is lost or the file is not valid, or a library of functions in it: then the data stays as it was. If a change is refused:
/// then only some of the data is there.
pub(super) async fn receive(
    store: &Arc<StoreState>,
    master: &Master,
    link: &mut Link<impl Stream>,
) -> Result<(), LinkError> {
    let mut tally = Tally::default();
    let dataset = receive_file(store, master, link, &mut tally).await?;
    store.replication.set_loading(true);
    let loaded = {
        let (loading, master) = (Arc::clone(store), master.clone());
        let mut loaded = store.run_elsewhere(move || loading.load_dataset(&master, dataset, tally));
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

/// Receives the file, and keeps what is in it until it is whole.
async fn receive_file(
    store: &StoreState,
    master: &Master,
    link: &mut Link<impl Stream>,
    tally: &mut Tally,
) -> Result<Dataset, LinkError> {
    let head = link.line().await?;
    let announced = head.strip_prefix('$').ok_or_else(|| LinkError::Refused(head.clone()))?;
    let mark = announced.strip_prefix("EOF:");
    let total = match mark {
        Some(_) => None,
        None => Some(announced.parse::<u64>().map_err(|_| LinkError::Refused(head.clone()))?),
    };
    let (mut decoder, mut dataset) = (FileDecoder::new(), Dataset::default());
    loop {
        match decoder.decode(&mut link.input)? {
            Some(Decoded::Key(key)) => dataset.keys.push(key),
            Some(Decoded::Library(source)) => dataset.libraries.push(source),
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
        _ => Ok(dataset),
    }
}

impl StoreState {
    /// Replaces all data by that of a file.
    fn load_dataset(&self, master: &Master, dataset: Dataset, mut tally: Tally) -> Result<Tally, LinkError> {
        let Dataset { libraries, keys } = dataset;
        {
            let _turn = self.replication.turn(master).ok_or(LinkError::Replaced)?;
            self.apply_libraries_alone(&libraries, &mut tally).map_err(|error| match is_refusal(&error) {
                true => LinkError::NotApplied(error),
                false => FileError::new(error.text().to_owned()).into(),
            })?;
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

fn report(tally: &Tally) {
    let keys: u64 = tally.keys().map(|(_, count)| count).sum();
    tracing::info!(keys, libraries = tally.libraries(), "all data of the master is loaded");
    for (kind, count) in tally.skipped() {
        tracing::warn!(kind, count, "something of the master is not supported, and was left out");
    }
}
