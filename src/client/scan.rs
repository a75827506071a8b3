//! [`Scan`]: an iteration over the keys of a database.

use std::vec;

use bytes::Bytes;
use kvstore_protocol::{Command, Response};

use super::{Client, ClientError};

/// The keys that match a pattern, from [`Client::scan`].
///
/// It sends SCAN for some keys at a time, and holds the keys of one reply. A key that exists during the whole iteration is
/// returned at least once, and may be returned again; a key that is added or removed meanwhile may be returned or not.
#[derive(Debug)]
pub struct Scan {
    client: Client,
    pattern: Bytes,
    /// The cursor of the next SCAN; `None` after the last one.
    cursor: Option<Bytes>,
    step: vec::IntoIter<Response>,
}

impl Scan {
    pub(super) fn new(client: Client, pattern: Bytes) -> Self {
        Self { client, pattern, cursor: Some(Bytes::from_static(b"0")), step: Vec::new().into_iter() }
    }

    /// The next key; `None` after the last one. After an error it continues where it was.
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
