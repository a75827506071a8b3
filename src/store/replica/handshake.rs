//! The handshake of a replica with its master.

use kvstore_protocol::Command;

use super::{
    LinkError,
    link::{Link, Stream},
};
use crate::store::state::StoreState;

/// The version that a master is told. Valkey sends older ones a file in an older format, if that has all that is needed.
const VERSION: &str = "9.0.0";

/// A place in the commands of a master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The identifier of the data of the master.
    pub(super) id: String,
    /// Up to where the commands were applied, in bytes.
    pub(super) offset: u64,
    /// The database that is selected there.
    pub(super) database: usize,
}

/// What the master does.
pub(super) enum Answer {
    /// It goes on from there.
    Continue(Position),
    /// It sends all data, and then goes on from there.
    FullSync(Position),
}

/// Introduces the replica, and asks the master to go on from a position.
///
/// # Errors
/// If the master refuses.
pub(super) async fn perform(
    store: &StoreState,
    link: &mut Link<impl Stream>,
    position: Option<&Position>,
) -> Result<Answer, LinkError> {
    let pong = link.ask(&Command::new("PING")).await?;
    // A master with a password says so, and is given it.
    if !["+PONG", "-NOAUTH", "-NOPERM", "-ERR operation not permitted"].iter().any(|start| pong.starts_with(start)) {
        return Err(LinkError::Refused(pong));
    }
    let credentials = store.replication.credentials();
    if !credentials.password.is_empty() {
        let user = Some(credentials.user).filter(|user| !user.is_empty());
        accepted(link.ask(&Command::new("AUTH").with_args(user).arg(credentials.password)).await?)?;
    }
    // Older masters know less of these.
    if let Some((_, port)) = store.config.parameters().into_iter().find(|(name, _)| *name == "port") {
        link.ask(&Command::new("REPLCONF").arg("listening-port").arg(port.as_str())).await?;
    }
    link.ask(&Command::new("REPLCONF").with_args(["capa", "eof", "capa", "psync2"])).await?;
    link.ask(&Command::new("REPLCONF").arg("version").arg(VERSION)).await?;
    let psync = match position {
        Some(position) => Command::new("PSYNC").arg(position.id.as_str()).arg(position.offset + 1),
        None => Command::new("PSYNC").with_args(["?", "-1"]),
    };
    let answer = accepted(link.ask(&psync).await?)?;
    parse(&answer, position).ok_or(LinkError::Refused(answer))
}

fn accepted(answer: String) -> Result<String, LinkError> {
    if answer.starts_with('+') { Ok(answer) } else { Err(LinkError::Refused(answer)) }
}

fn parse(answer: &str, position: Option<&Position>) -> Option<Answer> {
    let mut words = answer.split_ascii_whitespace();
    match words.next()? {
        "+FULLRESYNC" => {
            let (id, offset) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
            Some(Answer::FullSync(Position { id, offset, database: 0 }))
        }
        "+CONTINUE" => {
            let position = position?.clone();
            // The master may be another one with the same data up to here.
            Some(Answer::Continue(Position { id: words.next().map_or(position.id, str::to_owned), ..position }))
        }
        _ => None,
    }
}
