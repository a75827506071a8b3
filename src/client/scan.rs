//! [`Scan`]: the keys of a database, one after the other.

use std::vec;

use bytes::Bytes;
use kvstore_protocol::{Command, Response};

use super::{Client, ClientError};

/// The keys that match a pattern, from [`Client::scan`].
///
/// It goes through the database in steps of some keys each, and holds one step. A key that is there all the time comes
/// at least once, and may come again; one that comes or goes meanwhile may come or not.
#[derive(Debug)]
pub struct Scan {
    client: Client,
    pattern: Bytes,
    /// Where the next step begins; nothing when there is none.
    cursor: Option<Bytes>,
    step: vec::IntoIter<Response>,
}

impl Scan {
    pub(super) fn new(client: Client, pattern: Bytes) -> Self {
        Self { client, pattern, cursor: Some(Bytes::from_static(b"0")), step: Vec::new().into_iter() }
    }

    /// The next key; `None` when there is no more. After an error it goes on where it was.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    ///
    /// # Cancel safety
    /// No key is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            match self.step.next() {
                Some(Response::Bulk(key)) => return Ok(Some(key.into())),
                Some(other) => return Err(ClientError::Unexpected(other)),
                None => {}
            }
            let Some(cursor) = &self.cursor else { return Ok(None) };
            let scan = Command::new("SCAN").with_args([&cursor[..], b"MATCH", &self.pattern, b"COUNT", b"100"]);
            let (cursor, step) = parts(self.client.ask(scan).await?)?;
            self.cursor = (cursor != "0").then_some(cursor);
            self.step = step.into_iter();
        }
    }
}

/// The cursor and the keys of one step.
fn parts(answer: Response) -> Result<(Bytes, Vec<Response>), ClientError> {
    match answer {
        Response::Array(mut items) if items.len() == 2 => match (items.pop(), items.pop()) {
            (Some(Response::Array(keys)), Some(Response::Bulk(cursor))) => Ok((cursor.into(), keys)),
            _ => Err(ClientError::Unexpected(Response::Array(items))),
        },
        other => Err(ClientError::Unexpected(other)),
    }
}
