//! Commands and responses to native messages.

use std::str;

use bytes::{BufMut, Bytes};

use super::{CLEAR, ERROR, GET, HEADER, PING, SET, SUCCESS, Tag};
use crate::{ByteString, Command, CommandError, Output, ProtocolError, Response};

/// Appends `command` as a native request. Returns the tag that the encoding of its response depends on.
///
/// # Errors
/// When the protocol cannot express the command. It has `GET key`, `SET key value`, `CLEAR key` (or `GETDEL key`) and
/// `PING [text]`, with arguments of UTF-8. Nothing is appended then.
///
/// ```
/// use kvstore_protocol::{Command, Output, native::{Tag, encode_command}};
///
/// let mut output = Output::default();
/// assert_eq!(encode_command(&Command::new("GET").arg("key"), &mut output), Ok(Tag::Get));
/// assert_eq!(&output.bytes()[..], b"\0\0\0\0\0\0\x03key");
/// assert!(encode_command(&Command::new("DEL").arg("key"), &mut output).is_err());
/// ```
pub fn encode_command(command: &Command, output: &mut Output) -> Result<Tag, CommandError> {
    let shared = |index| command.shared_arg(index).unwrap_or_default();
    let (number, tag) = match command.args().len() {
        1 if command.is("GET") => (GET, Tag::Get),
        2 if command.is("SET") => (SET, Tag::Set(shared(0))),
        1 if command.is("CLEAR") || command.is("GETDEL") => (CLEAR, Tag::Clear),
        0 | 1 if command.is("PING") => (PING, Tag::Ping),
        _ => {
            return Err(CommandError::err(
                "the native protocol has GET, SET, CLEAR and PING in their plain forms only",
            ));
        }
    };
    if command.args().any(|arg| str::from_utf8(arg).is_err()) {
        return Err(CommandError::err("Value is not UTF-8"));
    }
    if command.args().any(|arg| u32::try_from(arg.len()).is_err()) {
        return Err(CommandError::err("Value is too long"));
    }
    output.bytes().put_u8(HEADER);
    output.bytes().put_u16(number);
    // `PING` without a text has an empty one.
    for index in 0..command.args().len().max(1) {
        let text = shared(index);
        output.bytes().put_u32(text.len() as u32);
        output.share(text);
    }
    Ok(tag)
}

/// Appends `response` as a native response: a status and a string.
///
/// ```
/// use kvstore_protocol::{Output, Response, native::{Tag, encode_response}};
///
/// let mut output = Output::default();
/// encode_response(&Response::Null, &Tag::Get, &mut output);
/// assert_eq!(&output.bytes()[..], b"\0\x01\0\0\0\x0dKey not found");
/// ```
pub fn encode_response(response: &Response, tag: &Tag, output: &mut Output) {
    if let (Tag::Set(key), Response::Simple(_)) = (tag, response) {
        return message(SUCCESS, &key.clone().into(), output);
    }
    match response {
        Response::Error(text) => error(&String::from_utf8_lossy(text), output),
        Response::Close(last) => encode_response(last, tag, output),
        Response::Null | Response::NullArray => match tag {
            Tag::Clear => message(SUCCESS, &ByteString::default(), output),
            _ => error("Key not found", output),
        },
        Response::Bulk(text) | Response::Simple(text) | Response::Verbatim(_, text) | Response::BigNumber(text) => {
            match str::from_utf8(text) {
                Ok(_) => message(SUCCESS, text, output),
                Err(_) => error("Value is not UTF-8", output),
            }
        }
        Response::Integer(number) => message(SUCCESS, &ByteString::from_integer(*number), output),
        Response::Silent => {}
        // The string is checked before its length is written, so a transport collects it first.
        Response::Streamed(_) => error(CommandError::STREAMED_INSIDE.text(), output),
        Response::Upgrade(_) => error(CommandError::UPGRADE_INSIDE.text(), output),
        other => message(SUCCESS, &other.to_string().into(), output),
    }
}

/// Appends the text of a protocol error as an error response.
pub fn encode_error(reason: &ProtocolError, output: &mut Output) {
    error(&reason.to_string(), output);
}

fn error(text: &str, output: &mut Output) {
    message(ERROR, &text.into(), output);
}

fn message(status: u8, text: &ByteString, output: &mut Output) {
    let Ok(length) = u32::try_from(text.len()) else { return error("Value is too long", output) };
    let bytes = output.bytes();
    bytes.put_slice(&[HEADER, status]);
    bytes.put_u32(length);
    match text.shared() {
        Some(shared) => output.share(Bytes::clone(shared)),
        None => output.bytes().put_slice(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(response: Response, tag: Tag) -> Vec<u8> {
        let mut output = Output::default();
        encode_response(&response, &tag, &mut output);
        output.bytes().to_vec()
    }

    #[test]
    fn only_plain_forms_of_utf8_can_be_sent() {
        let mut output = Output::default();
        for command in [
            Command::new("SET").arg("k").arg("v").arg("NX"),
            Command::new("GET"),
            Command::new("PING").with_args(["a", "b"]),
            Command::new("GET").arg(&b"\xff"[..]),
        ] {
            assert!(encode_command(&command, &mut output).is_err(), "{command:?}");
        }
        assert!(output.bytes().is_empty());
    }

    #[test]
    fn each_command_answers_as_the_format_says() {
        let key = Tag::Set(Bytes::from_static(b"key"));
        assert_eq!(encoded(Response::ok(), key.clone()), b"\0\0\0\0\0\x03key");
        assert_eq!(encoded(Response::error("ERR", "no"), key), b"\0\x01\0\0\0\x06ERR no");
        assert_eq!(encoded(Response::Error(b"\xff".into()), Tag::Get), "\0\x01\0\0\0\x03\u{fffd}".as_bytes());
        assert_eq!(encoded(Response::from("v"), Tag::Get), b"\0\0\0\0\0\x01v");
        assert_eq!(encoded(Response::Null, Tag::Clear), b"\0\0\0\0\0\0");
        assert_eq!(encoded(Response::simple("PONG"), Tag::Ping), b"\0\0\0\0\0\x04PONG");
        assert_eq!(encoded(Response::from(&b"\xff"[..]), Tag::Get), b"\0\x01\0\0\0\x12Value is not UTF-8");
    }
}
