//! The codecs as [`Decoder`]s and [`Encoder`]s of tokio-util, for [`Framed`](tokio_util::codec::Framed).
//!
//! These encode into one buffer, so long values are copied. A transport that must not copy them writes an [`Output`].

use std::io;

use bytes::{BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::{ClientCodec, Codec, Command, FrameError, Output, Response, ServerCodec, Tag};

/// A stream of commands, and a sink of responses with the tags of their commands.
///
/// A [`Response::Close`] is encoded as the response in it. Closing the connection is up to the caller.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use futures_util::{SinkExt, StreamExt};
/// use kvstore_protocol::{ClientCodec, Command, Response, ServerCodec};
/// use tokio_util::codec::Framed;
///
/// let (client, server) = tokio::io::duplex(1024);
/// let mut client = Framed::new(client, ClientCodec::resp());
/// let mut server = Framed::new(server, ServerCodec::default());
///
/// client.send(Command::new("GET").arg("key")).await?;
/// let (command, tag) = server.next().await.expect("a command")?;
/// assert_eq!(command, Command::new("GET").arg("key"));
/// server.send((Response::from("value"), tag)).await?;
/// assert_eq!(client.next().await.expect("a response")?, Response::from("value"));
/// # Ok::<(), kvstore_protocol::FrameError>(())
/// # })?;
/// # Ok::<(), kvstore_protocol::FrameError>(())
/// ```
impl Decoder for ServerCodec {
    type Item = (Command, Tag);
    type Error = FrameError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Self::Item>, FrameError> {
        Ok(Codec::decode(self, input)?)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<Self::Item>, FrameError> {
        let command = Codec::decode(self, input)?;
        match command {
            None if !input.is_empty() => Err(cut_short()),
            command => Ok(command),
        }
    }
}

impl Encoder<(Response, Tag)> for ServerCodec {
    type Error = FrameError;

    fn encode(&mut self, (response, tag): (Response, Tag), bytes: &mut BytesMut) -> Result<(), FrameError> {
        let mut output = Output::default();
        Codec::encode(self, &response, tag, &mut output);
        bytes.put(output);
        Ok(())
    }
}

/// A stream of responses, and a sink of commands.
impl Decoder for ClientCodec {
    type Item = Response;
    type Error = FrameError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Response>, FrameError> {
        Ok(Self::decode(self, input)?)
    }

    fn decode_eof(&mut self, input: &mut BytesMut) -> Result<Option<Response>, FrameError> {
        match Self::decode(self, input)? {
            None if !input.is_empty() || !self.is_idle() => Err(cut_short()),
            response => Ok(response),
        }
    }
}

impl Encoder<Command> for ClientCodec {
    type Error = FrameError;

    fn encode(&mut self, command: Command, bytes: &mut BytesMut) -> Result<(), FrameError> {
        let mut output = Output::default();
        Self::encode(self, &command, &mut output)?;
        bytes.put(output);
        Ok(())
    }
}

fn cut_short() -> FrameError {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside of a message").into()
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use tokio_util::codec::FramedRead;

    use super::*;

    fn last_of<D: Decoder<Error = FrameError>>(bytes: &[u8], codec: D) -> Option<FrameError> {
        let items = FramedRead::new(bytes, codec).collect::<Vec<_>>();
        items.now_or_never().expect("bytes do not wait").pop().and_then(Result::err)
    }

    #[test]
    fn half_a_message_at_the_end_is_an_error() {
        for bytes in [&b"*1\r\n$4\r\nPING\r\n*1\r\n"[..], b"PING", b"\0"] {
            assert!(matches!(last_of(bytes, ServerCodec::default()), Some(FrameError::Io(_))));
        }
        for bytes in [&b"+OK\r\n*1\r\n"[..], b"+OK", b"|0\r\n"] {
            assert!(matches!(last_of(bytes, ClientCodec::resp()), Some(FrameError::Io(_))));
        }
        assert!(last_of(b"*1\r\n$4\r\nPING\r\n", ServerCodec::default()).is_none());
        assert!(last_of(b"+OK\r\n*0\r\n", ClientCodec::resp()).is_none());
    }

    #[test]
    fn a_command_that_a_protocol_has_no_form_for_is_an_error() {
        let mut bytes = BytesMut::new();
        let error = Encoder::encode(&mut ClientCodec::native(), Command::new("INCR").arg("k"), &mut bytes);
        assert!(matches!(error, Err(FrameError::Command(_))) && bytes.is_empty());
    }
}
