//! [`Client`]: calls with their types.

use std::{io, path::Path};

use bytes::Bytes;
use kvstore_protocol::{ClientCodec, Command, Response, ToArg};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, ToSocketAddrs, UnixStream},
};

use super::{ClientError, Refusal, connection::Connection};

/// Connects to a server: [`Client::connect`] under the name of the first version.
///
/// # Errors
/// When the connection cannot be made.
pub async fn create(address: impl ToSocketAddrs) -> io::Result<Client> {
    Client::connect(address).await
}

/// A connection to a server, with typed calls for the commonest commands and [`call`](Client::call) for all others.
///
/// Keys and values are bytes. A value of more than a few bytes that comes back shares the memory that it was read into.
/// Messages that a RESP3 server pushes between its replies are skipped.
///
/// # Errors
/// A typed call gives an error reply as [`ClientError::Refused`], and a reply that it cannot have as
/// [`ClientError::Unexpected`]; the connection stays in step after both. When the stream fails, ends, or carries what is
/// no reply, the connection is closed, and every further call is [`ClientError::Closed`].
///
/// # Cancel safety
/// A call may be dropped at any time. Its command may then be executed or not; the next call finishes sending it and
/// skips its answer, which takes until the server has given that answer.
#[derive(Debug)]
pub struct Client {
    /// Nothing once it is lost.
    connection: Option<Connection>,
    is_native: bool,
}

impl Client {
    /// Connects over TCP and speaks RESP, as every server does.
    ///
    /// # Errors
    /// When the connection cannot be made.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::over(tcp(address).await?, ClientCodec::resp()))
    }

    /// Connects over TCP and speaks the native protocol, which has GET, SET, CLEAR and PING, and only text.
    ///
    /// # Errors
    /// When the connection cannot be made.
    pub async fn connect_native(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::over(tcp(address).await?, ClientCodec::native()))
    }

    /// Connects to the Unix socket at `path` and speaks RESP.
    ///
    /// # Errors
    /// When the connection cannot be made.
    pub async fn connect_unix(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::over(UnixStream::connect(path).await?, ClientCodec::resp()))
    }

    /// Speaks the protocol of `codec` over `io`: a pipe in memory, an encrypted stream, a socket with options of its own.
    pub fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, codec: ClientCodec) -> Self {
        let mut connection = Connection::new(Box::new(io), codec);
        let is_native = connection.is_native();
        Self { connection: Some(connection), is_native }
    }

    /// `PING [text]`: `PONG` when the text is empty, else the text.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn ping(&mut self, text: impl ToArg) -> Result<Bytes, ClientError> {
        let has_text = text.with_bytes(|text| !text.is_empty());
        let ping = Command::ping();
        match self.ask(if has_text { ping.arg(text) } else { ping }).await? {
            Response::Simple(text) | Response::Bulk(text) => Ok(text.into()),
            other => Err(ClientError::Unexpected(other)),
        }
    }

    /// `GET key`: the value of the key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn get(&mut self, key: impl ToArg) -> Result<Option<Bytes>, ClientError> {
        match self.ask(Command::get(key)).await {
            // How the native protocol says that there is nothing.
            Err(ClientError::Refused(refusal)) if self.is_native && refusal.as_bytes() == b"Key not found" => Ok(None),
            answer => value(answer?),
        }
    }

    /// `SET key value`: sets the value of the key.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn set(&mut self, key: impl ToArg, value: impl ToArg) -> Result<(), ClientError> {
        match self.ask(Command::set(key, value)).await? {
            Response::Simple(_) => Ok(()),
            // The native protocol answers the key.
            Response::Bulk(_) if self.is_native => Ok(()),
            other => Err(ClientError::Unexpected(other)),
        }
    }

    /// `GETDEL key`, the native CLEAR: removes the key and gives the value that it had.
    ///
    /// The native protocol does not tell an empty value from a missing one: both are `None` over it.
    ///
    /// # Errors
    /// Those of [every call](Client#errors).
    pub async fn clear(&mut self, key: impl ToArg) -> Result<Option<Bytes>, ClientError> {
        let value = value(self.ask(Command::new("GETDEL").arg(key)).await?)?;
        Ok(value.filter(|value| !(self.is_native && value.is_empty())))
    }

    /// Sends any command that has one reply, and gives the reply as it is: an error reply is a [`Response::Error`] and
    /// no `Err`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use kvstore::{client::Client, protocol::{ClientCodec, Command, Response}, server, store::Store};
    ///
    /// let (connector, listener) = server::pipe();
    /// tokio::spawn(kvstore::serve(listener, Store::new()).into_future());
    ///
    /// let mut client = Client::over(connector.connect()?, ClientCodec::resp());
    /// client.set("key", "value").await?;
    /// assert_eq!(client.call(Command::new("STRLEN").arg("key")).await?, Response::from(5));
    /// assert!(client.call(Command::new("STRLEN")).await?.is_error());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] for a command that the native protocol has no form for, and for one that is answered
    /// with no reply or several (subscriptions, MONITOR, CLIENT REPLY, replication); nothing is sent then. Else the
    /// errors of the stream.
    pub async fn call(&mut self, command: Command) -> Result<Response, ClientError> {
        let connection = self.connection.as_mut().ok_or(ClientError::Closed)?;
        let answer = connection.call(&command).await;
        if answer.as_ref().is_err_and(|error| !matches!(error, ClientError::Unsupported(_))) {
            // Dropped at once: the server sees the end, and nobody reads on from the middle of something.
            self.connection = None;
        }
        answer
    }

    async fn ask(&mut self, command: Command) -> Result<Response, ClientError> {
        match self.call(command).await? {
            Response::Error(text) => Err(Refusal::new(text).into()),
            answer => Ok(answer),
        }
    }
}

async fn tcp(address: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // A command is written whole: there is nothing to wait for.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn value(answer: Response) -> Result<Option<Bytes>, ClientError> {
    match answer {
        Response::Bulk(value) => Ok(Some(value.into())),
        Response::Null => Ok(None),
        other => Err(ClientError::Unexpected(other)),
    }
}
