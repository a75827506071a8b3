//! Applies the commands of the master, and acknowledges them.

use std::{convert::Infallible, sync::Arc, time::Duration};

use kvstore_protocol::Command;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    LinkError, Position,
    link::{Link, Stream},
    state::Master,
};
use crate::store::{
    foreign::{CommandStream, Streamed, Tally},
    state::StoreState,
};

/// How often the commands are acknowledged.
const ACKNOWLEDGE: Duration = Duration::from_secs(1);

/// Commands, and the place behind them.
type Step = (Vec<(usize, Command)>, Position);

/// What came of some steps.
struct Applied {
    /// The place behind the last one that was applied.
    position: Option<Position>,
    tally: Tally,
    outcome: Result<(), LinkError>,
}

/// Follows a master from a position on, which is kept.
///
/// # Errors
/// When the link is lost, or a change is refused.
pub(super) async fn run(
    store: &Arc<StoreState>,
    master: &Master,
    link: &mut Link<impl Stream>,
    position: &mut Position,
) -> Result<Infallible, LinkError> {
    let mut stream = CommandStream::starting_at(position.offset, position.database);
    let mut acknowledgements = interval(ACKNOWLEDGE);
    acknowledgements.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tally = Tally::default();
    loop {
        let (steps, is_asked) = decode(&mut stream, link, position)?;
        if !steps.is_empty() {
            let applied = apply(store, master, steps, tally).await?;
            // Also before a refusal: what was applied is not asked for again.
            *position = applied.position.unwrap_or_else(|| position.clone());
            applied.outcome?;
            tally = applied.tally;
            link.note_heard();
        }
        // Behind commands of the replication itself there is nothing to apply.
        (position.offset, position.database) = stream.whole();
        store.replication.set_position(master, position);
        if is_asked {
            acknowledge(link, position).await?;
        }
        tokio::select! {
            biased;
            _ = acknowledgements.tick() => acknowledge(link, position).await?,
            read = link.read() => {
                read?;
                store.replication.note_heard(master);
            }
        }
    }
}

/// The commands that have come, and whether the master asks how far the replica is.
fn decode(
    stream: &mut CommandStream,
    link: &mut Link<impl Stream>,
    position: &Position,
) -> Result<(Vec<Step>, bool), LinkError> {
    let (mut steps, mut is_asked) = (Vec::new(), false);
    while let Some(streamed) = stream.decode(&mut link.input)? {
        match streamed {
            Streamed::Commands(commands) => {
                let (offset, database) = stream.whole();
                let position = Position { offset, database, ..position.clone() };
                steps.push((commands, position));
            }
            Streamed::Control(command) => {
                is_asked |= command.arg_at(0).is_some_and(|word| word.eq_ignore_ascii_case(b"GETACK"))
            }
        }
    }
    Ok((steps, is_asked))
}

/// Applies commands on a thread that may wait for locks and for the journal.
async fn apply(
    store: &Arc<StoreState>,
    master: &Master,
    steps: Vec<Step>,
    mut tally: Tally,
) -> Result<Applied, LinkError> {
    let (applying, master) = (Arc::clone(store), master.clone());
    let applied = store.run_elsewhere(move || {
        let mut last = None;
        let outcome = steps.into_iter().try_for_each(|(commands, position)| {
            let _turn = applying.replication.turn(&master).ok_or(LinkError::Replaced)?;
            applying.apply_commands(&commands, &mut tally).map_err(LinkError::NotApplied)?;
            last = Some(position);
            Ok(())
        });
        Applied { position: last, tally, outcome }
    });
    applied.await.map_err(|_| LinkError::Panicked)
}

async fn acknowledge(link: &mut Link<impl Stream>, position: &Position) -> Result<(), LinkError> {
    link.send(&Command::new("REPLCONF").arg("ACK").arg(position.offset)).await
}
