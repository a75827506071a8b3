//! The typed calls of [`Client`]. To add one, add a function here: the command, and the types of reply that it may have.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use kvstore_protocol::{Command, Response, Streamed, ToArg};

use super::{Client, ClientError, ConnectionError, Refusal, Scan, SetOptions, call::CallDeadline};

/// The TTL of a key: the answer of [`Client::ttl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeToLive {
    /// The key does not exist.
    Missing,
    /// The key has no expiry.
    Forever,
    /// The key expires after this time.
    Left(Duration),
}

/// Typed calls. The errors of each are those of [every call](Client#errors).
impl Client {
    /// `PING [text]`: `PONG` when the text is empty, else the text.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn ping(&self, text: impl ToArg) -> Result<Bytes, ClientError> {
        let has_text = text.with_bytes(|text| !text.is_empty());
        let ping = Command::new("PING");
        self.text(if has_text { ping.arg(text) } else { ping }).await
    }

    /// `ECHO text`: the text.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn echo(&self, text: impl ToArg) -> Result<Bytes, ClientError> {
        self.text(Command::new("ECHO").arg(text)).await
    }

    /// `GET key`: the value of the key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn get(&self, key: impl ToArg) -> Result<Option<Bytes>, ClientError> {
        match self.value(Command::new("GET").arg(key)).await {
            // The native protocol has no null reply.
            Err(ClientError::Refused(refusal)) if self.is_native() && refusal.as_bytes() == b"Key not found" => {
                Ok(None)
            }
            answer => answer,
        }
    }

    /// `SET key value`: sets the value of the key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn set(&self, key: impl ToArg, value: impl ToArg) -> Result<(), ClientError> {
        match self.ask(Command::new("SET").arg(key).arg(value)).await? {
            // The native protocol answers the key.
            Response::Bulk(_) if self.is_native() => Ok(()),
            answer => done(answer),
        }
    }

    /// `SET key value` with options: whether the value was set, which depends on the condition.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn set_with(&self, key: impl ToArg, value: impl ToArg, options: SetOptions) -> Result<bool, ClientError> {
        match self.ask(options.command(key, value, false)).await? {
            Response::Null => Ok(false),
            answer => done(answer).map(|()| true),
        }
    }

    /// `SET key value … GET`: sets the value, if the options allow it, and gives the one that there was.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn replace(
        &self,
        key: impl ToArg,
        value: impl ToArg,
        options: SetOptions,
    ) -> Result<Option<Bytes>, ClientError> {
        self.value(options.command(key, value, true)).await
    }

    /// `GETDEL key`, the native CLEAR: removes the key and gives the value that it had.
    ///
    /// The native protocol does not tell an empty value from a missing one: both are `None` over it.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn clear(&self, key: impl ToArg) -> Result<Option<Bytes>, ClientError> {
        let value = self.value(Command::new("GETDEL").arg(key)).await?;
        Ok(value.filter(|value| !(self.is_native() && value.is_empty())))
    }

    /// `DEL key …`: removes the keys, and says how many there were.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn del<K: ToArg>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64, ClientError> {
        self.count(Command::new("DEL").with_args(keys)).await
    }

    /// `EXISTS key …`: how many of the keys there are. A key that is named twice counts twice.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn exists<K: ToArg>(&self, keys: impl IntoIterator<Item = K>) -> Result<u64, ClientError> {
        self.count(Command::new("EXISTS").with_args(keys)).await
    }

    /// `PEXPIRE key milliseconds`: the key goes away after that time, of which whole milliseconds count; at once when
    /// there is none. Whether there is such a key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn expire(&self, key: impl ToArg, time: Duration) -> Result<bool, ClientError> {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.flag(Command::new("PEXPIRE").arg(key).arg(milliseconds)).await
    }

    /// `PERSIST key`: the key does not go away by itself any more. Whether it would have.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn persist(&self, key: impl ToArg) -> Result<bool, ClientError> {
        self.flag(Command::new("PERSIST").arg(key)).await
    }

    /// `PTTL key`: the TTL of the key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn ttl(&self, key: impl ToArg) -> Result<TimeToLive, ClientError> {
        match self.number(Command::new("PTTL").arg(key)).await? {
            -2 => Ok(TimeToLive::Missing),
            -1 => Ok(TimeToLive::Forever),
            left => Ok(TimeToLive::Left(Duration::from_millis(counted(left)?))),
        }
    }

    /// `INCR key`: increments the number of the key, and returns the new value. A missing key counts as 0.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn incr(&self, key: impl ToArg) -> Result<i64, ClientError> {
        self.number(Command::new("INCR").arg(key)).await
    }

    /// `INCRBY key amount`: adds an amount, which may be negative, and returns the new value.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn incr_by(&self, key: impl ToArg, amount: i64) -> Result<i64, ClientError> {
        self.number(Command::new("INCRBY").arg(key).arg(amount)).await
    }

    /// `APPEND key value`: appends to the value of the key. Returns the new length.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn append(&self, key: impl ToArg, value: impl ToArg) -> Result<u64, ClientError> {
        self.count(Command::new("APPEND").arg(key).arg(value)).await
    }

    /// `STRLEN key`: the length of the value in bytes; 0 for a missing key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn strlen(&self, key: impl ToArg) -> Result<u64, ClientError> {
        self.count(Command::new("STRLEN").arg(key)).await
    }

    /// `MGET key …`: the values of the keys, in their order.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn mget<K: ToArg>(&self, keys: impl IntoIterator<Item = K>) -> Result<Vec<Option<Bytes>>, ClientError> {
        match self.ask(Command::new("MGET").with_args(keys)).await? {
            Response::Array(values) => values.into_iter().map(value).collect(),
            other => Err(ClientError::Unexpected(other)),
        }
    }

    /// `MSET key value …`: sets all the keys at once.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn mset<K: ToArg, V: ToArg>(&self, pairs: impl IntoIterator<Item = (K, V)>) -> Result<(), ClientError> {
        let bytes = |word: &[u8]| Bytes::copy_from_slice(word);
        let words = pairs.into_iter().flat_map(|(key, value)| [key.with_bytes(bytes), value.with_bytes(bytes)]);
        done(self.ask(Command::new("MSET").with_args(words)).await?)
    }

    /// `SCAN`: iterates over the keys that match the glob-style pattern, some keys for each command.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use kvstore::{client::Client, store::Store};
    ///
    /// let client = Client::local(Store::new());
    /// client.mset([("user:1", "Ada"), ("user:2", "Alan"), ("other", "")]).await?;
    /// let mut keys = client.scan("user:*");
    /// while let Some(key) = keys.next().await? {
    ///     assert!(key.starts_with(b"user:"));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scan(&self, pattern: impl ToArg) -> Scan {
        Scan::new(self.clone(), pattern.with_bytes(Bytes::copy_from_slice))
    }

    /// Calls, and returns an error reply as an error. A streamed value is collected, within the deadline.
    pub(super) async fn ask(&self, command: Command) -> Result<Response, ClientError> {
        let deadline = CallDeadline::after(self.deadline);
        match self.execute(command).await? {
            Response::Error(text) => Err(Refusal::new(text).into()),
            Response::Streamed(streamed) => collected(streamed, deadline).await,
            answer => Ok(answer),
        }
    }

    async fn value(&self, command: Command) -> Result<Option<Bytes>, ClientError> {
        value(self.ask(command).await?)
    }

    async fn text(&self, command: Command) -> Result<Bytes, ClientError> {
        match self.ask(command).await? {
            Response::Simple(text) | Response::Bulk(text) => Ok(text.into()),
            other => Err(ClientError::Unexpected(other)),
        }
    }

    async fn number(&self, command: Command) -> Result<i64, ClientError> {
        match self.ask(command).await? {
            Response::Integer(number) => Ok(number),
            other => Err(ClientError::Unexpected(other)),
        }
    }

    async fn count(&self, command: Command) -> Result<u64, ClientError> {
        counted(self.number(command).await?)
    }

    async fn flag(&self, command: Command) -> Result<bool, ClientError> {
        Ok(self.number(command).await? != 0)
    }
}

/// Collects a streamed value. The limits of the connection bound its length.
async fn collected(streamed: Streamed, mut deadline: CallDeadline) -> Result<Response, ClientError> {
    let body = streamed.take().ok_or(ClientError::Unexpected(Response::Streamed(streamed)))?;
    let mut whole = pin!(body.read_to_bytes(usize::MAX));
    let read = poll_fn(|cx| match whole.as_mut().poll(cx) {
        Poll::Pending => deadline.poll_passed(cx).map(|()| Err(ClientError::TimedOut)),
        Poll::Ready(read) => Poll::Ready(read.map_err(|error| ClientError::Lost(ConnectionError::within(error)))),
    });
    read.await.map(Response::bulk)
}

fn value(answer: Response) -> Result<Option<Bytes>, ClientError> {
    match answer {
        Response::Bulk(value) => Ok(Some(value.into())),
        Response::Null => Ok(None),
        other => Err(ClientError::Unexpected(other)),
    }
}

fn done(answer: Response) -> Result<(), ClientError> {
    match answer {
        Response::Simple(_) => Ok(()),
        other => Err(ClientError::Unexpected(other)),
    }
}

fn counted(number: i64) -> Result<u64, ClientError> {
    u64::try_from(number).map_err(|_| ClientError::Unexpected(number.into()))
}
