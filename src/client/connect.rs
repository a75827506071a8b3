//! [`Connect`]: makes the streams to the server.

use std::{future::Future, io, pin::Pin, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

use super::{connection::Io, endpoint::Address};
#[cfg(feature = "tls")]
use crate::tls::{ClientTls, TlsError};

/// The keepalive time of a TCP connection, and how long sent data may stay unacknowledged.
const SILENCE: Duration = Duration::from_secs(60);

/// Makes a stream to the server.
pub(super) type Connect = Box<dyn FnMut() -> Connecting + Send>;

type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Io>>> + Send>>;

/// Boxes the streams that `connect` makes.
pub(super) fn boxed<C, F, S>(mut connect: C) -> Connect
where
    C: FnMut() -> F + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Box::new(move || {
        let stream = connect();
        Box::pin(async { Ok(Box::new(stream.await?) as Box<dyn Io>) })
    })
}

/// Connects to an address.
pub(super) fn to(address: Address) -> Connect {
    match address {
        Address::Host(host, port) => boxed(move || {
            let host = host.clone();
            async move { set_up(TcpStream::connect((host, port)).await?) }
        }),
        Address::Resolved(addresses) => boxed(move || {
            let addresses = addresses.clone();
            async move { set_up(TcpStream::connect(&*addresses).await?) }
        }),
        Address::Unix(path) => boxed(move || UnixStream::connect(path.clone())),
    }
}

/// Connects to an address, and does the handshake of TLS there.
///
/// # Errors
/// When a certificate cannot be read.
#[cfg(feature = "tls")]
pub(super) fn over_tls(address: Address, tls: &ClientTls) -> Result<Connect, TlsError> {
    let connector = tls.connector(&address.host())?;
    let mut connect = to(address);
    Ok(boxed(move || {
        let (stream, connector) = (connect(), connector.clone());
        async move { connector.connect(stream.await?).await }
    }))
}

fn set_up(stream: TcpStream) -> io::Result<TcpStream> {
    // Commands are written together already.
    stream.set_nodelay(true)?;
    // Detects a host that disappeared, both while idle and while waiting for an answer.
    let socket = SockRef::from(&stream);
    let keepalive = TcpKeepalive::new().with_time(SILENCE).with_interval(SILENCE / 3).with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(stream)
}
