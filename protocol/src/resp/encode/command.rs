//! Commands to bytes, which are the same in both versions of RESP.

use bytes::BufMut;

use super::{bulk, encode_bulk_head, number};
use crate::{Command, Output, output::SHARED};

/// Appends `command` as an array of bulks. Long arguments are appended by reference.
///
/// ```
/// use kvstore_protocol::{Command, Output, resp::encode_command};
///
/// let mut output = Output::default();
/// encode_command(&Command::new("GET").arg("key"), &mut output);
/// assert_eq!(&output.bytes()[..], b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// ```
pub fn encode_command(command: &Command, output: &mut Output) {
    encode_words(command, command.len(), output);
}

/// Appends `command` and the line in front of one more argument, of `length` bytes. The caller appends the bytes, then calls
/// [`encode_bulk_end`](super::encode_bulk_end).
///
/// Returns false, and appends nothing, when the length is over 2^63 - 1.
///
/// ```
/// use kvstore_protocol::{Command, Output, resp};
///
/// let mut output = Output::default();
/// assert!(resp::encode_command_head(&Command::new("SET").arg("key"), 5, &mut output));
/// assert_eq!(&output.bytes()[..], b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\n");
/// ```
#[must_use]
pub fn encode_command_head(command: &Command, length: u64, output: &mut Output) -> bool {
    if i64::try_from(length).is_err() {
        return false;
    }
    encode_words(command, command.len() + 1, output);
    encode_bulk_head(length, output)
}

fn encode_words(command: &Command, count: usize, output: &mut Output) {
    number(b'*', count as i64, output.bytes());
    word(command.name(), output);
    for (index, arg) in command.args().enumerate() {
        match arg.len() {
            ..SHARED => word(arg, output),
            _ => bulk(&command.shared_arg(index).expect("there is this argument").into(), output),
        }
    }
}

fn word(word: &[u8], output: &mut Output) {
    let output = output.bytes();
    number(b'$', word.len() as i64, output);
    output.put_slice(word);
    output.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn a_long_argument_is_not_copied() {
        let (command, mut output) = (Command::new("SET").arg("k").arg("x".repeat(SHARED)), Output::default());
        encode_command(&command, &mut output);
        assert_eq!(output.chunk(), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8192\r\n");
        output.advance(output.chunk().len());
        assert_eq!(output.chunk().as_ptr(), command.arg_at(1).unwrap().as_ptr());
    }
}
